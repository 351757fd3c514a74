import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cloudUse } from '../support/cloud.ts';
import { storeKeys, storeProgram } from '../support/object-store.ts';
import { postgresStart } from '../support/postgres.ts';

test('a cloud with its records in PostgreSQL keeps the bytes of objects in another store', async () => {
  await using postgres = await postgresStart();
  await using outside = await storeProgram();
  assert.equal((await outside.client.ask({ method: 'PUT', path: '/bytes' })).status, 200);
  await using cloud = await cloudUse((stateDir) => {
    const secretFile = join(stateDir, 'outside-secret');
    writeFileSync(secretFile, storeKeys.secret);
    chmodSync(secretFile, 0o600);
    const bytes = {
      endpoint: `http://127.0.0.1:${outside.port}`,
      bucket: 'bytes',
      access_key: storeKeys.access,
      secret_file: secretFile,
    };
    const lines = Object.entries(bytes).map(([key, value]) => `object.bytes.${key} = "${value}"`);
    return [`database.url = "${postgres.url}"`, 'object.workers = 2', ...lines, ''].join('\n');
  });
  const sent = join(cloud.stateDir, 'sent');
  writeFileSync(sent, Buffer.alloc(3_000_000, 'bytes of an object'));
  await cloud.openstack('welkin', 'container', 'create', 'c');
  await cloud.openstack('welkin', 'object', 'create', 'c', sent, '--name', 'o');
  const status = JSON.parse(await cloud.welkin('object', 'status', '--json')) as {
    readonly sums: { readonly objects: number; readonly bytes: number };
  };
  assert.deepEqual([status.sums.objects, status.sums.bytes], [1, 3_000_000]);
  const query = { 'list-type': '2' };
  const listed = await outside.client.ask({ method: 'GET', path: '/bytes', query });
  assert.equal([...listed.body.toString().matchAll(/<Size>3000000</g)].length, 1);
  const url = `http://${storeKeys.access}:${storeKeys.secret}@127.0.0.1:${outside.port}/bytes`;
  const moved = await cloud.welkin('object', 'migrate', '--bytes', url);
  assert.match(moved, /^moved 0 runs/);
});
