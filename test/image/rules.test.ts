/** What the operator's settings make of images: protections, quotas, signatures, locations; and conditions of requests. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, createHash, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { imageSettingsDefault } from '../../src/image/image.world.ts';
import { protectionsParse } from '../../src/image/property-protection.ts';
import { httpStore } from '../../src/image/stores/http-store.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { imageServe, octets, type ImageServer } from './world.ts';

const patch = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
const change = (server: ImageServer, id: string, body: object, as = 'a') =>
  server.call('PATCH', `/image/v2/images/${id}`, {
    body: JSON.stringify(body),
    headers: patch,
    as,
  });

test('custom properties are protected by role, each act by itself', async () => {
  const protections = protectionsParse(`
# what licences say is the administrator's
[licence_.*]
create = admin
read = @
update = admin
delete = !
[secret]
create = @
read = admin
update = admin
delete = admin
[.*]
create = @
read = @
update = @
delete = @
`);
  const settings = { ...imageSettingsDefault, protections };
  await using server = await imageServe({ settings });
  const refused = await server.call('POST', '/image/v2/images', { body: { licence_key: 'x' } });
  assert.equal(refused.status, 403);
  const id = await server.create({ secret: 's', free: 'f' });
  const path = `/image/v2/images/${id}`;
  assert.equal((await server.call('GET', path)).json.secret, undefined);
  assert.equal((await server.call('GET', path, { as: 'admin' })).json.secret, 's');
  const listed = await server.call('GET', '/image/v2/images');
  assert.equal(listed.json.images[0].secret, undefined);
  const add = { op: 'add', path: '/licence_key', value: 'k' };
  assert.equal((await change(server, id, [add])).status, 403);
  assert.equal((await change(server, id, [add], 'admin')).status, 200);
  assert.equal((await server.call('GET', path)).json.licence_key, 'k');
  const remove = { op: 'remove', path: '/licence_key' };
  assert.equal((await change(server, id, [remove], 'admin')).status, 403);
  const unseen = { op: 'replace', path: '/secret', value: 'mine' };
  assert.equal((await change(server, id, [unseen])).status, 409);
  assert.equal((await change(server, id, [{ ...unseen, op: 'add' }])).status, 409);
  const free = await change(server, id, [{ op: 'replace', path: '/free', value: 'g' }]);
  assert.equal(free.status, 200);
  assert.equal((await server.call('GET', path, { as: 'admin' })).json.secret, 's');
  assert.throws(() => protectionsParse('[a]\ncreate = x\n'), /may read/);
  assert.throws(() => protectionsParse('create = x\n'), /line 1/);
});

test('a project stores no more than its quota, each copy counted', async () => {
  const settings = { ...imageSettingsDefault, storageQuotaBytes: 1_000 };
  await using server = await imageServe({ settings });
  const [one, two] = [await server.create(), await server.create()];
  assert.equal((await server.upload(one, Buffer.alloc(600, 1))).status, 204);
  const over = await server.upload(two, Buffer.alloc(600, 1));
  assert.equal(over.status, 413);
  assert.match(over.text, /exceeds the storage quota: 400 bytes are left/);
  assert.equal((await server.upload(two, Buffer.alloc(400, 1))).status, 204);
  const copied = await server.import(one, { name: 'copy-image' }, { all_stores: true }, 'admin');
  assert.equal(copied.status, 202);
  const other = await server.create({}, 'b');
  assert.equal((await server.upload(other, Buffer.alloc(900, 1), 'b')).status, 204);
});

const certificateId = '3f0e4d6e-8f3b-4d65-9d5e-7d0d3b7b1a11';

/** A key and its certificate, made by the system's OpenSSL. */
function signerMake(kind: 'rsa' | 'ec') {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-signer-'));
  const [key, certificate] = [join(directory, 'key'), join(directory, 'certificate')];
  const kindWords =
    kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', ...kindWords, '-nodes', '-subj', '/CN=test', '-days', '2'].concat([
      ...['-keyout', key, '-out', certificate],
    ]),
    { stdio: 'ignore' },
  );
  const made = { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
  rmSync(directory, { recursive: true });
  return made;
}

for (const kind of ['rsa', 'ec'] as const) {
  test(`a signed image is taken only with its signature (${kind})`, async () => {
    const { key, certificate } = signerMake(kind);
    const certificates = { get: async (id: string) => (id === certificateId ? certificate : null) };
    await using server = await imageServe({ certificates });
    const bytes = randomBytes(2_500_000);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const saltLength = constants.RSA_PSS_SALTLEN_MAX_SIGN;
    const signature = sign('sha256', bytes, kind === 'rsa' ? { key, padding, saltLength } : key);
    const signed = {
      img_signature: signature.toString('base64'),
      img_signature_certificate_uuid: certificateId,
      img_signature_hash_method: 'SHA-256',
      img_signature_key_type: kind === 'rsa' ? 'RSA-PSS' : 'ECC_SECP384R1',
    };
    const good = await server.create(signed);
    assert.equal((await server.upload(good, bytes)).status, 204);
    const imported = await server.create(signed);
    await server.stage(imported, bytes);
    await server.import(imported, { name: 'glance-direct' });
    assert.equal((await server.settled(imported)).task.status, 'success');

    const other = Buffer.from(bytes);
    other[1_234_567] = (other[1_234_567] ?? 0) ^ 1;
    for (const [properties, sent] of [
      [signed, other],
      [{ ...signed, img_signature_certificate_uuid: imported }, bytes],
      [{ ...signed, img_signature_hash_method: 'SHA-512' }, bytes],
      [{ ...signed, img_signature_hash_method: 'MD5' }, bytes],
      [{ ...signed, img_signature_key_type: 'DSA' }, bytes],
      [{ ...signed, img_signature: 'AAAA' }, bytes],
    ] as const) {
      const bad = await server.create(properties);
      const answer = await server.upload(bad, sent);
      assert.equal(answer.status, 400);
      assert.match(answer.text, /Signature verification for image failed/);
      assert.equal((await server.call('GET', `/image/v2/images/${bad}`)).json.status, 'queued');
    }
    const staged = await server.create(signed);
    await server.stage(staged, other);
    await server.import(staged, { name: 'glance-direct' });
    const { image, task } = await server.settled(staged);
    assert.equal(task.status, 'failure');
    assert.equal(image.status, 'queued');
  });
}

test('an image can stay on the web: it is read, judged and hashed once', async () => {
  const bytes = randomBytes(100_000);
  const web = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = bytes.subarray(Number(from), Number(to) + 1);
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` }).end(part);
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/image`;
  const download = { ...imageSettingsDefault.download, ports: [port], allow: ['127.0.0.0/8'] };
  await using server = await imageServe({ settings: { ...imageSettingsDefault, download } });
  const locations = (id: string) => `/image/v2/images/${id}/locations`;
  const first = await server.create();
  const none = await server.call('POST', locations(first), { body: { url } });
  assert.equal(none.status, 403);
  (server.house.world.stores as unknown[]).push(httpStore({ id: 'web', rules: download, clock }));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const wrong = { os_hash_algo: 'sha256', os_hash_value: 'f'.repeat(64) };
  await server.call('POST', locations(first), { body: { url, validation_data: wrong } });
  const failed = await server.settled(first);
  assert.equal(failed.task.status, 'failure');
  assert.equal(failed.image.status, 'queued');

  for (const id of [first, await server.create()]) {
    const right = { os_hash_algo: 'sha256', os_hash_value: sha256 };
    const added = await server.call('POST', locations(id), {
      body: { url, validation_data: right },
    });
    assert.equal(added.status, 202, added.text);
    const { image, task } = await server.settled(id);
    assert.equal(task.status, 'success', task.message);
    assert.equal(task.type, 'location_import');
    assert.equal(image.stores, 'web');
    assert.equal(image.size, bytes.length);
    const answer = await fetch(`${server.url}/image/v2/images/${id}/file`, {
      headers: { 'X-Auth-Token': 'a' },
    });
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(bytes));
  }
  assert.equal((await server.call('GET', locations(first))).status, 403);
  assert.equal((await server.call('POST', locations(first), { body: { url } })).status, 409);
  const bad = await server.create();
  for (const body of [
    { url: 'http://10.0.0.1/' },
    { url: 'file:///etc/passwd' },
    { url, validation_data: { os_hash_algo: 'sha256' } },
    { url, validation_data: { os_hash_algo: 'sha256', os_hash_value: 'ff' } },
    { url, validation_data: { os_hash_algo: 'crc', os_hash_value: 'ff' } },
    {},
  ]) {
    assert.equal((await server.call('POST', locations(bad), { body })).status, 400);
  }
  web.closeAllConnections();
  web.close();
});

test('who has the bytes already is told so, and a part is only sent of the same bytes', async () => {
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, 'hello world');
  const path = `/image/v2/images/${id}/file`;
  const get = (headers: Record<string, string>) => server.call('GET', path, { headers });
  const etag = (await get({})).headers.get('etag') ?? '';
  assert.equal(etag, `"${createHash('md5').update('hello world').digest('hex')}"`);
  for (const list of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const fresh = await get({ 'If-None-Match': list });
    assert.equal(fresh.status, 304);
    assert.equal(fresh.text, '');
  }
  assert.equal((await get({ 'If-None-Match': '"x"' })).status, 200);
  assert.equal((await get({ 'If-Match': '"x"' })).status, 412);
  assert.equal((await get({ 'If-Match': etag })).status, 200);
  assert.equal((await get({ Range: 'bytes=0-4', 'If-Range': etag })).text, 'hello');
  assert.equal((await get({ Range: 'bytes=0-4', 'If-Range': '"x"' })).text, 'hello world');
  assert.equal((await get({ Range: 'bytes=-5' })).text, 'world');
  assert.equal((await get({ Range: 'bytes=20-' })).status, 416);
  const wrongType = await server.call('PUT', path, {
    body: 'x',
    headers: { ...octets, 'Content-Type': 'a/b' },
  });
  assert.equal(wrongType.status, 415);
});
