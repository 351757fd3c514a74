import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request, type ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileStore } from '../../src/image/stores/file-store.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { imageServe, octets, until, type ImageServer } from './world.ts';

const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, n) => (n * 7) & 0xff));
const hash = (algorithm: string, of: Uint8Array) => createHash(algorithm).update(of).digest('hex');

const statusOf = async (server: ImageServer, id: string): Promise<string> =>
  (await server.call('GET', `/image/v2/images/${id}`)).json.status;

/** An upload that is open until the test says how it ends. */
function uploadOpen(server: ImageServer, id: string): ClientRequest {
  const upload = request(`${server.url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { ...octets, 'X-Auth-Token': 'a', 'Transfer-Encoding': 'chunked' },
  });
  upload.on('error', () => {});
  upload.write(bytes.subarray(0, 1_500_000));
  return upload;
}

test('what was uploaded comes back byte for byte, with its hashes', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const path = `/image/v2/images/${id}`;
  assert.equal((await server.call('GET', `${path}/file`)).status, 204);
  assert.equal((await server.upload(id, bytes)).status, 204);
  const { json } = await server.call('GET', path);
  assert.equal(json.status, 'active');
  assert.equal(json.size, bytes.length);
  assert.equal(json.virtual_size, bytes.length);
  assert.equal(json.checksum, hash('md5', bytes));
  assert.equal(json.os_hash_algo, 'sha512');
  assert.equal(json.os_hash_value, hash('sha512', bytes));
  assert.equal(json.stores, 'file');

  const answer = await fetch(server.url + path + '/file', { headers: { 'X-Auth-Token': 'a' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-md5'), hash('md5', bytes));
  assert.equal(answer.headers.get('content-length'), String(bytes.length));
  assert.ok(bytes.equals(Buffer.from(await answer.arrayBuffer())));
});

test('an image of no bytes is an image', async () => {
  await using server = await imageServe();
  const id = await server.create();
  assert.equal((await server.upload(id, '')).status, 204);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).json.size, 0);
  assert.equal((await server.call('GET', `/image/v2/images/${id}/file`)).status, 200);
});

test('bytes are given once: a second upload is a conflict and changes nothing', async () => {
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, 'first');
  assert.equal((await server.upload(id, 'second')).status, 409);
  assert.equal((await server.call('GET', `/image/v2/images/${id}/file`)).text, 'first');
  assert.equal(server.house.files().length, 1);
});

test('of two uploads at once one is refused', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const answers = await Promise.all([server.upload(id, 'one'), server.upload(id, 'two')]);
  const statuses = answers.map(({ status }) => status);
  assert.deepEqual(new Set(statuses), new Set([204, 409]));
  assert.equal(server.house.files().length, 1);
});

test('bytes need a media type and an image with both formats', async () => {
  await using server = await imageServe();
  const id = await server.create({ disk_format: null });
  const json = await server.call('PUT', `/image/v2/images/${id}/file`, { body: {} });
  assert.equal(json.status, 415);
  const answer = await server.upload(id, 'x');
  assert.equal(answer.status, 400);
  assert.match(answer.text, /disk_format must be set/);
});

test('a reader uploads nothing', async () => {
  await using server = await imageServe();
  assert.equal((await server.upload(await server.create(), 'x', 'reader')).status, 403);
});

for (const [range, status] of [
  ['bytes 2-4/10', 206],
  ['bytes 2-4/*', 206],
  ['bytes 2-4/11', 416],
  ['bytes 2-10/*', 416],
  ['bytes 4-2/*', 416],
  ['2-4', 416],
] as const) {
  test(`an older client that sends Content-Range: ${range} is answered with ${status}`, async () => {
    await using server = await imageServe();
    const id = await server.create();
    await server.upload(id, '0123456789');
    const headers = { 'Content-Range': range };
    const answer = await server.call('GET', `/image/v2/images/${id}/file`, { headers });
    assert.equal(answer.status, status);
    if (status !== 206) return;
    assert.equal(answer.text, '234');
    assert.equal(answer.headers.get('content-range'), 'bytes 2-4/10');
  });
}

for (const [range, status, expected] of [
  ['bytes=0-4', 206, '01234'],
  ['bytes=5-', 206, '56789'],
  ['bytes=-3', 206, '789'],
  ['bytes=8-100', 206, '89'],
  ['bytes=0-0', 206, '0'],
  ['bytes=-100', 206, '0123456789'],
  ['bytes=10-', 416, null],
  ['bytes=5-4', 416, null],
  ['bytes=-0', 416, null],
  ['bytes=x', 416, null],
  ['bytes=0-1,4-5', 400, null],
  ['lines=0-1', 416, null],
] as const) {
  test(`the range ${range} of ten bytes is answered with ${status}`, async () => {
    await using server = await imageServe();
    const id = await server.create();
    await server.upload(id, '0123456789');
    const answer = await server.call('GET', `/image/v2/images/${id}/file`, {
      headers: { Range: range },
    });
    assert.equal(answer.status, status);
    if (expected === null) return;
    assert.equal(answer.text, expected);
    const start = '0123456789'.indexOf(expected);
    const end = start + expected.length - 1;
    assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end}/10`);
  });
}

test('HEAD tells the size and leaves the connection usable', async () => {
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, '0123456789');
  for (let round = 0; round < 3; round++) {
    const answer = await server.call('HEAD', `/image/v2/images/${id}/file`);
    assert.equal(answer.headers.get('content-length'), '10');
  }
});

test('while bytes come in the image is saving; a client that leaves puts it back to queued', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const upload = uploadOpen(server, id);
  await until(async () => (await statusOf(server, id)) === 'saving');
  assert.equal((await server.upload(id, 'other')).status, 409);
  upload.destroy();
  await until(async () => (await statusOf(server, id)) === 'queued');
  await server.house.settled();
  assert.deepEqual(server.house.files(), []);
  assert.equal((await server.upload(id, 'again')).status, 204);
});

test('a body shorter than announced is no image', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `PUT /image/v2/images/${id}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: a\r\n` +
      'Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\nshort',
  );
  await until(async () => (await statusOf(server, id)) === 'saving');
  socket.end();
  await until(async () => (await statusOf(server, id)) === 'queued');
  await server.house.settled();
  assert.deepEqual(server.house.files(), []);
});

test('an image deleted in the middle of its upload is gone, and so are its bytes', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const upload = uploadOpen(server, id);
  await until(() => server.house.files().length === 1);
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
  upload.end(bytes.subarray(1_500_000));
  const [response] = await once(upload, 'response');
  assert.equal(response.statusCode, 410);
  response.resume();
  await server.house.settled();
  assert.deepEqual(server.house.files(), []);
});

test('a deleted image leaves no bytes', async () => {
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, bytes);
  assert.equal(server.house.files().length, 1);
  await server.call('DELETE', `/image/v2/images/${id}`);
  assert.deepEqual(server.house.files(), []);
});

test('more bytes than the limit are refused, announced or not, and leave nothing', async () => {
  await using server = await imageServe({ sizeLimitBytes: 2_000_000 });
  const id = await server.create();
  const announced = await server.upload(id, bytes);
  assert.equal(announced.status, 413);
  assert.match(announced.text, /too large/);
  const upload = uploadOpen(server, id);
  upload.write(bytes);
  const [response] = await once(upload, 'response');
  assert.equal(response.statusCode, 413);
  response.resume();
  upload.destroy();
  await until(async () => (await statusOf(server, id)) === 'queued');
  await server.house.settled();
  assert.deepEqual(server.house.files(), []);
});

test('a size that was announced must be met', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const put = (size: string) =>
    server.call('PUT', `/image/v2/images/${id}/file`, {
      body: 'bytes',
      headers: { ...octets, 'X-OpenStack-Image-Size': size },
    });
  assert.equal((await put('4')).status, 400);
  assert.equal((await put('x')).status, 400);
  assert.equal((await put('5')).status, 204);
});

test('a store that is not there is refused', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const answer = await server.call('PUT', `/image/v2/images/${id}/file`, {
    body: 'bytes',
    headers: { ...octets, 'X-Image-Meta-Store': 'tape' },
  });
  assert.equal(answer.status, 400);
});

/** A store that fills up after so many bytes. */
function smallStore(directory: string, capacityBytes: number): ImageStore {
  const store = fileStore({ id: 'file', directory, reserveBytes: 0 });
  return {
    ...store,
    async write(key) {
      const writer = await store.write(key);
      let writtenBytes = 0;
      return {
        ...writer,
        async write(chunk) {
          writtenBytes += chunk.length;
          if (writtenBytes > capacityBytes) throw new Failure('too_large', 'media is full');
          await writer.write(chunk);
        },
      };
    },
  };
}

test('a store that fills up refuses the image, keeps nothing of it, and takes it when there is room', async () => {
  await using server = await imageServe();
  const stores = server.house.world.stores as ImageStore[];
  const [roomy] = stores;
  stores[0] = smallStore(server.house.directory, 1_000_000);
  const id = await server.create();
  const answer = await server.upload(id, bytes);
  assert.equal(answer.status, 413);
  assert.equal(await statusOf(server, id), 'queued');
  assert.deepEqual(readdirSync(server.house.directory), []);
  if (roomy !== undefined) stores[0] = roomy;
  assert.equal((await server.upload(id, bytes)).status, 204);
});

test('a disk with less than its reserve left takes no image', async () => {
  await using server = await imageServe();
  const { directory, world } = server.house;
  const stores = world.stores as ImageStore[];
  stores[0] = fileStore({ id: 'file', directory, reserveBytes: Number.MAX_SAFE_INTEGER });
  const id = await server.create();
  assert.equal((await server.upload(id, 'x')).status, 413);
  assert.equal(await statusOf(server, id), 'queued');
});
