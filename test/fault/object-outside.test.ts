import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { outsideOpen } from '../../src/boot/object/outside.ts';
import { storeProgram, type StoreProgram } from '../support/object-store.ts';

const run = promisify(execFile);

const bodyOf = (key: string): Buffer => {
  const sizes = [3, 4096, 200_000, (2 << 20) + 17];
  return Buffer.alloc(sizes[Number(key.slice(1)) % sizes.length] ?? 0, `${key}-`);
};

const put = async (store: StoreProgram, key: string): Promise<void> => {
  const answer = await store.client.ask({ method: 'PUT', path: `/data/${key}`, body: bodyOf(key) });
  assert.equal(answer.status, 200, answer.body.toString());
};

async function allRead(store: StoreProgram, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const whole = await store.client.ask({ method: 'GET', path: `/data/${key}` });
    assert.ok(whole.body.equals(bodyOf(key)), key);
    const headers = { range: 'bytes=1-2' };
    const part = await store.client.ask({ method: 'GET', path: `/data/${key}`, headers });
    assert.equal(part.body.toString(), bodyOf(key).subarray(1, 3).toString());
  }
}

test('parts that nobody joined are seen and removed in an S3 store, and what is whole is not', async () => {
  await using outside = await storeProgram();
  await outside.client.ask({ method: 'PUT', path: '/bytes' });
  const bytes = outsideOpen(`http://TESTACCESS:testsecret@127.0.0.1:${outside.port}/bytes`);
  for (const key of ['whole', 'parts']) {
    const writer = await bytes.write(key);
    for (let n = 0; n < 3; n++) await writer.write(Buffer.alloc(16 << 20, key));
    if (key === 'whole') await writer.finish();
  }
  // What is on its way when a worker dies may arrive later.
  while ((await Array.fromAsync(bytes.keys())).length < 2);
  assert.deepEqual([await bytes.sizeOf('whole'), await bytes.sizeOf('parts')], [48 << 20, null]);
  for (const key of ['whole', 'parts']) await bytes.partsRemove(key);
  assert.deepEqual(await Array.fromAsync(bytes.keys()), ['whole']);
});

test('the bytes of a store move to an S3 store while it is served, and what is new goes there at once', async () => {
  await using outside = await storeProgram();
  await outside.client.ask({ method: 'PUT', path: '/bytes' });
  const url = `http://TESTACCESS:testsecret@127.0.0.1:${outside.port}/bytes`;
  const keysOutside = async (): Promise<number> => {
    const query = { 'list-type': '2' };
    const { body } = await outside.client.ask({ method: 'GET', path: '/bytes', query });
    return [...body.toString().matchAll(/<Key>/g)].length;
  };
  const keys = Array.from({ length: 12 }, (_, n) => `k${n}`);
  await using before = await storeProgram();
  await before.client.ask({ method: 'PUT', path: '/data' });
  for (const key of keys.slice(0, 8)) await put(before, key);
  before.child().kill('SIGTERM');
  await new Promise((resolve) => before.child().once('exit', resolve));
  await using store = await storeProgram({ folder: before.folder, words: ['--bytes', url] });
  await allRead(store, keys.slice(0, 8));
  for (const key of keys.slice(8)) await put(store, key);
  assert.equal(await keysOutside(), 4);
  const words = ['src/main.ts', 'object', 'migrate', '--data', store.folder, '--bytes', url];
  const [moved] = await Promise.all([run(process.execPath, words), allRead(store, keys)]);
  assert.match(moved.stdout, /moved 8 runs of bytes.*0 are damaged/);
  assert.equal(await keysOutside(), 12);
  await allRead(store, keys);
});
