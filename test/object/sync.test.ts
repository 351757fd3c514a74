import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { objectServer } from '../../src/object/http/object-server.ts';
import { objectSettingsDefault, type SyncRealm } from '../../src/object/object.world.ts';
import { swiftFront } from '../../src/object/swift/swift.front.ts';
import { syncReconciler } from '../../src/object/swift/sync.reconciler.ts';
import { storeOpen, type TestStore } from './world.ts';

interface Cluster extends AsyncDisposable {
  readonly store: TestStore;
  readonly url: string;
  call(line: string, headers?: Record<string, string>, body?: string): Promise<Response>;
  /** Sends what is due. */
  send(): Promise<void>;
}

async function cluster(
  syncHosts: readonly string[],
  syncRealms: SyncRealm[] = [],
): Promise<Cluster> {
  const tempauth = [{ account: 'a', user: 'u', key: 'k', groups: ['.admin'] }];
  const swift = { ...objectSettingsDefault.swift, syncHosts, syncRealms };
  const store = await storeOpen({ settings: { tempauth, swift } });
  const s3 = async (): Promise<void> => {};
  const server = objectServer({ world: store.world, swift: swiftFront, s3, tls: null });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const auth = await fetch(`${url}/auth/v1.0`, {
    headers: { 'X-Auth-User': 'a:u', 'X-Auth-Key': 'k' },
  });
  const token = auth.headers.get('x-auth-token') ?? '';
  const sync = syncReconciler(store.world);
  return {
    store,
    url,
    call(line, headers = {}, body) {
      const [method = '', path = ''] = line.split(' ');
      return fetch(`${url}/v1/AUTH_a${path}`, {
        method,
        headers: { 'X-Auth-Token': token, ...headers },
        ...(body !== undefined && { body }),
      });
    },
    send: async () => sync.run(new AbortController().signal),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

const listed = async (one: Cluster, container: string): Promise<unknown> =>
  (await one.call(`GET /${container}?format=json`)).json();

const realm = (url: string, key = 'realm key'): SyncRealm => ({
  name: 'REALM',
  key,
  clusters: { THERE: `${url}/v1/` },
  current: null,
});

test('a container is followed: what was there, what comes, what changes and what goes', async () => {
  await using there = await cluster([]);
  await using here = await cluster(['127.0.0.1']);
  await there.call('PUT /copy', { 'X-Container-Sync-Key': 'secret' });
  await here.call('PUT /source');
  await here.call('PUT /source/before', { 'X-Object-Meta-Place': 'Köln' }, 'old');
  const to = `${there.url}/v1/AUTH_a/copy`;
  await here.call('POST /source', { 'X-Container-Sync-To': to, 'X-Container-Sync-Key': 'secret' });
  await here.call('PUT /source/later/ü', { 'Content-Type': 'text/x' }, 'new');
  await here.call('PUT /parts');
  await here.call('PUT /parts/1', {}, 'segment');
  await here.call('PUT /source/large?multipart-manifest=put', {}, '[{"path":"parts/1"}]');
  await here.call('PUT /source/link', { 'X-Symlink-Target': 'source/before' }, '');
  await here.send();
  assert.deepEqual(await listed(there, 'copy'), await listed(here, 'source'));
  const before = await there.call('HEAD /copy/before');
  assert.equal(before.headers.get('x-object-meta-place'), 'Köln');
  assert.equal(await (await there.call('GET /copy/later/ü')).text(), 'new');
  const large = await there.call('HEAD /copy/large?multipart-manifest=get');
  assert.equal(large.headers.get('x-static-large-object'), 'True');
  const link = await there.call('HEAD /copy/link?symlink=get');
  assert.equal(link.headers.get('x-symlink-target'), 'source/before');

  here.store.pass(1000);
  await here.call('PUT /source/before', {}, 'changed');
  await here.call('DELETE /source/later/ü');
  await here.send();
  assert.equal(await (await there.call('GET /copy/before')).text(), 'changed');
  assert.equal((await there.call('GET /copy/later/ü')).status, 404);
  assert.deepEqual(await listed(there, 'copy'), await listed(here, 'source'));
});

test('two containers that follow each other come to rest', async () => {
  await using there = await cluster(['127.0.0.1']);
  await using here = await cluster(['127.0.0.1']);
  const both = [
    [here, there],
    [there, here],
  ] as const;
  for (const [one, other] of both) {
    const to = `${other.url}/v1/AUTH_a/c`;
    await one.call('PUT /c', { 'X-Container-Sync-To': to, 'X-Container-Sync-Key': 'secret' });
  }
  await here.call('PUT /c/one', {}, 'from here');
  await there.call('PUT /c/two', {}, 'from there');
  for (const [one] of [...both, ...both]) await one.send();
  const names = (rows: unknown): string[] => (rows as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(names(await listed(here, 'c')), ['one', 'two']);
  assert.deepEqual(await listed(here, 'c'), await listed(there, 'c'));
  for (const { store } of [here, there]) {
    const left = await Promise.all(
      store.world.shards.map((shard) =>
        shard.read((tx) => tx.selectFrom('event').select('id').execute()),
      ),
    );
    assert.deepEqual(left.flat(), []);
  }
});

test('a realm is proved by its key; a wrong one changes nothing and is tried again', async () => {
  for (const [key, count] of [
    ['realm key', 1],
    ['another', 0],
  ] as const) {
    await using there = await cluster([], [realm('http://unused')]);
    await using here = await cluster([], [realm(there.url, key)]);
    await there.call('PUT /copy', { 'X-Container-Sync-Key': 'secret' });
    const headers = {
      'X-Container-Sync-To': '//realm/there/AUTH_a/copy',
      'X-Container-Sync-Key': 'secret',
    };
    await here.call('PUT /source', headers);
    await here.call('PUT /source/ü b', {}, 'x');
    await here.send();
    assert.equal(((await listed(there, 'copy')) as unknown[]).length, count, key);
  }
});

test('nothing is sent to where the operator did not allow it', async () => {
  await using there = await cluster([]);
  await using here = await cluster(['elsewhere.example']);
  await there.call('PUT /copy', { 'X-Container-Sync-Key': 'secret' });
  const to = `${there.url}/v1/AUTH_a/copy`;
  await here.call('PUT /source', { 'X-Container-Sync-To': to, 'X-Container-Sync-Key': 'secret' });
  await here.call('PUT /source/o', {}, 'x');
  await here.send();
  assert.deepEqual(await listed(there, 'copy'), []);
});

test('a peer shows the key of the container it writes to, and does not undo what is newer', async () => {
  await using one = await cluster([]);
  await one.call('PUT /open', { 'X-Container-Sync-Key': 'secret' });
  await one.call('PUT /other', { 'X-Container-Sync-Key': 'another' });
  await one.call('PUT /open/o', {}, 'newer');
  const peer = (method: string, path: string, headers: Record<string, string>) =>
    fetch(`${one.url}/v1/AUTH_a${path}`, {
      method,
      headers: { 'X-Timestamp': '1000000000.00000', ...headers },
      ...(method === 'PUT' && { body: 'peer' }),
    });
  const known = { 'X-Container-Sync-Key': 'secret' };
  assert.equal((await peer('PUT', '/open/o', known)).status, 202);
  assert.equal((await peer('DELETE', '/open/o', known)).status, 409);
  assert.equal(await (await one.call('GET /open/o')).text(), 'newer');
  assert.equal((await peer('PUT', '/open/new', known)).status, 201);
  assert.equal((await one.call('HEAD /open/new')).headers.get('x-timestamp'), '1000000000.00000');
  for (const [path, headers] of [
    ['/open/o', { 'X-Container-Sync-Key': 'wrong' }],
    ['/other/o', known],
    ['/open', known],
    ['', known],
  ] as const) {
    assert.equal((await peer('GET', path, headers)).status, 401, path);
  }
  const auth = { 'X-Container-Sync-Auth': 'REALM nonce signature' };
  assert.equal((await peer('PUT', '/open/o', auth)).status, 401);
});

test('another side that does not answer is asked once a run, and keeps no other waiting', async () => {
  await using there = await cluster([]);
  await using here = await cluster(['127.0.0.1']);
  let asked = 0;
  const dead = createServer((request) => {
    asked++;
    request.destroy();
  });
  dead.listen(0, '127.0.0.1');
  await once(dead, 'listening');
  try {
    const deadUrl = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`;
    await there.call('PUT /copy', { 'X-Container-Sync-Key': 'secret' });
    for (const [name, url] of [
      ['lost', deadUrl],
      ['source', there.url],
    ]) {
      await here.call(`PUT /${name}`, {
        'X-Container-Sync-To': `${url}/v1/AUTH_a/copy`,
        'X-Container-Sync-Key': 'secret',
      });
      for (const key of ['a', 'b', 'c']) await here.call(`PUT /${name}/${key}`, {}, 'x');
    }
    await here.send();
    assert.equal(asked, 1);
    assert.deepEqual(await listed(there, 'copy'), await listed(here, 'source'));
  } finally {
    dead.closeAllConnections();
    await new Promise((resolve) => dead.close(resolve));
  }
});
