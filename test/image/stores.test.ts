import assert from 'node:assert/strict';
import { createHash, randomBytes, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageSettingsDefault } from '../../src/image/image.world.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import { httpStore } from '../../src/image/stores/http-store.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import { s3Sign, sha256Hex } from '../../src/image/stores/s3-signature.ts';
import { s3Store } from '../../src/image/stores/s3-store.ts';
import { storeClientOpen, type StoreRequest } from '../../src/image/stores/store-http.ts';
import { swiftSession } from '../../src/image/stores/swift-session.ts';
import { swiftStore } from '../../src/image/stores/swift-store.ts';
import { bufferPages, bufferPagesShared } from '../../src/kernel/buffer-pages.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { people, s3Serve, type S3Server } from '../fronts/s3/harness.ts';
import { swiftPeer, type SwiftPeer } from './swift-peer.ts';
import { imageServe, octets, type ImageServer } from './world.ts';

const mib = 1 << 20;
const never = new AbortController().signal;
const client = storeClientOpen(null);
const { accessKey: access, secret } = people.owner;
const keys = { access, secret, region: 'us-east-1' };

function s3At({ url }: S3Server, prefix = 'images/'): ImageStore {
  const place = { endpoint: url, bucket: 'pictures', prefix, style: 'path' } as const;
  return s3Store({
    ...keys,
    ...place,
    id: 's3',
    description: '',
    client,
    clock,
    partBytes: 5 * mib,
  });
}

async function bucketMake({ url }: S3Server): Promise<void> {
  const target = new URL(`${url}/pictures`);
  const wanted = { method: 'PUT', url: target, headers: {}, bodySha256: sha256Hex('') };
  const answer = await client({ ...wanted, headers: s3Sign(wanted, keys, clock.now()) });
  answer.discard();
  assert.equal(answer.status, 200);
}

const swiftAt = ({ url }: SwiftPeer, password = 'right'): ImageStore =>
  swiftStore({
    id: 'swift',
    description: '',
    container: 'images',
    client,
    segmentBytes: 4 * mib,
    session: swiftSession({
      authUrl: `${url}/v3`,
      user: 'glance',
      userDomain: 'Default',
      project: 'service',
      projectDomain: 'Default',
      password,
      region: 'one',
      client,
    }),
  });

/** Adds stores behind the file store. */
async function serveWith(...stores: readonly ImageStore[]): Promise<ImageServer> {
  const server = await imageServe();
  (server.house.world.stores as ImageStore[]).push(...stores);
  return server;
}

async function bytesGet(server: ImageServer, id: string, range?: string): Promise<Buffer> {
  const answer = await fetch(`${server.url}/image/v2/images/${id}/file`, {
    headers: { 'X-Auth-Token': 'a', ...(range !== undefined && { Range: range }) },
  });
  assert.ok(answer.ok, `${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** What must hold of every store that takes bytes. */
async function lifeTry(store: ImageStore, left: () => Promise<string[]>): Promise<void> {
  await using server = await serveWith(store);
  for (const size of [0, 1, 3 * mib, 11 * mib + 17]) {
    const bytes = randomBytes(size);
    const id = await server.create();
    const put = await server.call('PUT', `/image/v2/images/${id}/file`, {
      body: bytes,
      headers: { ...octets, 'X-Image-Meta-Store': store.id },
    });
    assert.equal(put.status, 204, put.text);
    const shown = await server.call('GET', `/image/v2/images/${id}`);
    assert.equal(shown.json.stores, store.id);
    assert.equal(shown.json.os_hash_value, createHash('sha512').update(bytes).digest('hex'));
    assert.deepEqual(server.house.files(), []);
    assert.ok((await bytesGet(server, id)).equals(bytes));
    if (size > mib) {
      const part = await bytesGet(server, id, `bytes=${mib - 3}-${2 * mib}`);
      assert.ok(part.equals(bytes.subarray(mib - 3, 2 * mib + 1)));
      await server.import(id, { name: 'copy-image' }, { stores: ['file'] }, 'admin');
      assert.equal(
        (await server.settled(id)).image.stores,
        ['file', store.id].toSorted().join(','),
      );
    }
    assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
    assert.deepEqual(await left(), []);
  }
}

const keysOf = async (store: ImageStore): Promise<string[]> => Array.fromAsync(store.keys());

/** An upload that its writer left in the middle. */
async function abandonedTry(store: ImageStore): Promise<void> {
  await using server = await serveWith(store);
  const key = `${server.house.world.ids.uuid()}.${server.house.world.ids.uuid()}`;
  const writer = await store.write(key);
  for (let count = 0; count < 12; count++) await writer.write(randomBytes(mib));
  while ((await keysOf(store)).length === 0) await new Promise((done) => setTimeout(done, 5));
  assert.equal(await store.sizeOf(key), null);
  await imageSweep(server.house.world).run(never);
  await writer.abort();
  await imageSweep(server.house.world).run(never);
  assert.deepEqual(await keysOf(store), []);
}

test('a file store keeps what it is given, in whole pages of memory and in parts of them', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-store-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = fileStore({ id: 'file', directory, reserveBytes: 0 });
  const all = [bufferPages(mib), bufferPagesShared(mib)];
  for (const [turn, sizes] of [
    [0],
    [1],
    [4096],
    [mib, mib, 17],
    [mib, 5_000, 4096, mib],
    [4095, mib],
    [...Array.from({ length: 5 }, () => mib), 4097],
    [mib, mib, 17],
  ].entries()) {
    const pages = all[turn % 2] ?? Buffer.alloc(mib);
    const writer = await store.write('key');
    const expected: Buffer[] = [];
    for (const size of sizes) {
      randomFillSync(pages);
      expected.push(Buffer.from(pages.subarray(0, size)));
      await writer.write(pages.subarray(0, size));
    }
    await writer.finish();
    const whole = Buffer.concat(expected);
    assert.equal(await store.sizeOf('key'), whole.length);
    for (const [offset, length] of [
      [0, whole.length],
      [0, whole.length],
      [4096, whole.length - 4096],
      [mib + 3, 5],
    ] as const) {
      if (length < 0 || offset + length > whole.length) continue;
      const read = Buffer.concat(await Array.fromAsync(store.read('key', offset, length)));
      assert.ok(read.equals(whole.subarray(offset, offset + length)), `${sizes.join()} ${offset}`);
    }
    await store.remove('key');
  }
});

test('images live in S3, whole or in parts, and leave nothing', async () => {
  await using peer = await s3Serve({}, clock.now());
  await bucketMake(peer);
  const store = s3At(peer);
  await lifeTry(store, () => keysOf(store));
  await abandonedTry(store);
});

test('a bucket is shared with others by a prefix', async () => {
  await using peer = await s3Serve({}, clock.now());
  await bucketMake(peer);
  const [one, two] = [s3At(peer, 'one/'), s3At(peer, 'two/')];
  const writer = await one.write('a');
  await writer.write(Buffer.from('x'));
  await writer.finish();
  assert.deepEqual(await keysOf(one), ['a']);
  assert.deepEqual(await keysOf(two), []);
});

test('the bucket stands in the path or in the name of the host', async () => {
  const seen: StoreRequest[] = [];
  for (const style of ['path', 'virtual'] as const) {
    const place = { endpoint: 'https://s3.example.org', bucket: 'b', prefix: 'p q/', style };
    const store = s3Store({
      ...keys,
      ...place,
      id: 's3',
      description: '',
      clock,
      client: async (request) => {
        seen.push(request);
        return { status: 404, headers: {}, body: (async function* () {})(), discard: () => {} };
      },
    });
    assert.equal(await store.sizeOf('k'), null);
  }
  const [path, virtual] = seen.map(({ url }) => url.href);
  assert.equal(path, 'https://s3.example.org/b/p%20q/k');
  assert.equal(virtual, 'https://b.s3.example.org/p%20q/k');
});

test('images live in Swift, whole or in segments, and leave nothing', async () => {
  await using peer = await swiftPeer();
  const store = swiftAt(peer);
  await lifeTry(store, async () => [...peer.objects.keys()]);
  await abandonedTry(store);
  peer.expire();
  assert.equal(await store.sizeOf('none'), null);
});

test('a store that is down makes its own images unreadable and nothing else', async () => {
  await using peer = await swiftPeer();
  await using server = await serveWith(swiftAt(peer));
  const [here, there] = [await server.create(), await server.create()];
  await server.upload(here, 'here');
  const headers = { ...octets, 'X-Image-Meta-Store': 'swift' };
  await server.call('PUT', `/image/v2/images/${there}/file`, { body: 'there', headers });
  peer.isDown = true;
  assert.equal((await server.call('GET', `/image/v2/images/${there}/file`)).status, 503);
  assert.equal((await server.call('GET', `/image/v2/images/${there}`)).json.status, 'active');
  assert.equal((await bytesGet(server, here)).toString(), 'here');
  const late = await server.create();
  const refused = await server.call('PUT', `/image/v2/images/${late}/file`, { body: 'x', headers });
  assert.equal(refused.status, 503);
  assert.equal((await server.call('GET', `/image/v2/images/${late}`)).json.status, 'queued');
  assert.equal((await server.call('DELETE', `/image/v2/images/${there}`)).status, 204);
  peer.isDown = false;
  await imageSweep(server.house.world).run(never);
  assert.deepEqual([...peer.objects.keys()], []);
});

test('a wrong password of a store is the operator’s affair: 503, and no word of it', async () => {
  await using peer = await swiftPeer();
  await using server = await serveWith(swiftAt(peer, 'wrong-secret'));
  const id = await server.create();
  const headers = { ...octets, 'X-Image-Meta-Store': 'swift' };
  const answer = await server.call('PUT', `/image/v2/images/${id}/file`, { body: 'x', headers });
  assert.equal(answer.status, 503);
  assert.ok(!answer.text.includes('wrong-secret'));
});

test('the web is a store that is only read', async () => {
  const bytes = randomBytes(50_000);
  let takesRanges = true;
  const web = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (!takesRanges || from === undefined) {
      response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes);
      return;
    }
    const part = bytes.subarray(Number(from), Number(to) + 1);
    response.writeHead(206, {
      'Content-Length': part.length,
      'Content-Range': `bytes ${from}-${to}/${bytes.length}`,
    });
    response.end(part);
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  const rules = { ...imageSettingsDefault.download, ports: [port], allow: ['127.0.0.0/8'] };
  const store = httpStore({ id: 'web', rules, clock });
  const url = `http://127.0.0.1:${port}/image`;
  for (takesRanges of [true, false]) {
    assert.equal(await store.sizeOf(url), bytes.length);
    const read = Buffer.concat(await Array.fromAsync(store.read(url, 1_000, 30_000)));
    assert.ok(read.equals(bytes.subarray(1_000, 31_000)));
  }
  await using server = await serveWith(store);
  const id = await server.create();
  const headers = { ...octets, 'X-Image-Meta-Store': 'web' };
  const refused = await server.call('PUT', `/image/v2/images/${id}/file`, { body: 'x', headers });
  assert.equal(refused.status, 400);
  const stores = await server.call('GET', '/image/v2/info/stores');
  assert.deepEqual(stores.json.stores[1], {
    id: 'web',
    description: 'Addresses of the web',
    'read-only': 'true',
  });
  web.closeAllConnections();
  web.close();
});
