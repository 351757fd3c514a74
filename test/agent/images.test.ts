import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ImageFacts } from '../../src/agent/api.ts';
import { imageCacheOpen } from '../../src/agent/storage/images.ts';
import { qcow2Empty } from '../../src/agent/storage/qcow2.ts';
import { Failure } from '../../src/kernel/errors.ts';

function directoryMake(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'images-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

const factsOf = (bytes: Buffer, change: Partial<ImageFacts> = {}): ImageFacts => ({
  imageId: 'one',
  format: 'raw',
  sizeBytes: bytes.length,
  sha512: createHash('sha512').update(bytes).digest('hex'),
  ...change,
});

async function* inPieces(bytes: Buffer, size = 70_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const isKind =
  (kind: Failure['kind'], type: string | null = null) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.kind === kind && error.type === type;

test('an image is kept as it came and is there for the next agent', async (t) => {
  const directory = directoryMake(t);
  const bytes = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(3_000_000), randomBytes(10)]);
  const cache = await imageCacheOpen(directory);
  await cache.put(factsOf(bytes), inPieces(bytes));
  assert.deepEqual(readFileSync(join(directory, 'one.raw')), bytes);
  assert.equal(statSync(join(directory, 'one.raw')).mode & 0o777, 0o644);
  const next = await imageCacheOpen(directory);
  assert.deepEqual(next.get('one'), cache.get('one'));
  assert.equal(next.get('one')?.virtualSizeBytes, bytes.length);
  await next.delete('one');
  assert.deepEqual(readdirSync(directory), []);
});

test('bytes of another checksum or size are refused and leave nothing', async (t) => {
  const directory = directoryMake(t);
  const bytes = randomBytes(200_000);
  const cache = await imageCacheOpen(directory);
  const refused = isKind('invalid', 'bad_image');
  await assert.rejects(cache.put(factsOf(bytes), inPieces(randomBytes(200_000))), refused);
  await assert.rejects(cache.put(factsOf(bytes), inPieces(bytes.subarray(1))), refused);
  await assert.rejects(cache.put(factsOf(bytes), inPieces(Buffer.concat([bytes, bytes]))), refused);
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(cache.get('one'), null);
});

test('an upload that breaks leaves nothing, and whoever waited for it brings the image', async (t) => {
  const directory = directoryMake(t);
  const bytes = randomBytes(300_000);
  const cache = await imageCacheOpen(directory);
  let breakOff = (): void => {};
  const broken = new Promise<void>((resolve) => (breakOff = resolve));
  async function* half(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 1000);
    await broken;
    throw new Error('connection reset');
  }
  const first = cache.put(factsOf(bytes), half());
  const second = cache.put(factsOf(bytes), inPieces(bytes));
  breakOff();
  await assert.rejects(first, /connection reset/);
  await second;
  assert.deepEqual(readFileSync(join(directory, 'one.raw')), bytes);
  assert.deepEqual(readdirSync(directory).toSorted(), ['one.json', 'one.raw']);
});

test('who brings an image that another brings already is not asked for its bytes', async (t) => {
  const cache = await imageCacheOpen(directoryMake(t));
  const bytes = randomBytes(300_000);
  // oxlint-disable-next-line require-yield
  async function* never(): AsyncGenerator<Uint8Array> {
    throw new Error('asked');
  }
  await Promise.all([
    cache.put(factsOf(bytes), inPieces(bytes)),
    cache.put(factsOf(bytes), never()),
  ]);
  const other = randomBytes(10);
  await assert.rejects(cache.put(factsOf(other), inPieces(other)), isKind('conflict'));
});

test('an image that names another file of the host is refused', async (t) => {
  const directory = directoryMake(t);
  const cache = await imageCacheOpen(directory);
  const shadow = qcow2Empty(1 << 30, { path: '/etc/shadow', format: 'raw' });
  const external = qcow2Empty(1 << 30, null);
  external.writeBigUInt64BE(4n, 72);
  const encrypted = qcow2Empty(1 << 30, null);
  encrypted.writeUInt32BE(2, 32);
  for (const bytes of [shadow, external, encrypted, randomBytes(5000), Buffer.from('QFI\xfb')]) {
    const facts = factsOf(bytes, { format: 'qcow2' });
    await assert.rejects(cache.put(facts, inPieces(bytes)), isKind('invalid', 'bad_image'));
  }
  assert.deepEqual(readdirSync(directory), []);
  const good = qcow2Empty(1 << 30, null);
  await cache.put(factsOf(good, { format: 'qcow2' }), inPieces(good));
  assert.equal(cache.get('one')?.virtualSizeBytes, 1 << 30);
});

test('what a killed agent left half made is removed', async (t) => {
  const directory = directoryMake(t);
  for (const name of ['two.raw', 'two.json.tmp', 'three.qcow2.tmp']) {
    writeFileSync(join(directory, name), 'half');
  }
  const gone = { ...factsOf(Buffer.alloc(0)), imageId: 'four', path: '', virtualSizeBytes: 0 };
  writeFileSync(join(directory, 'four.json'), JSON.stringify(gone));
  const cache = await imageCacheOpen(directory);
  assert.equal(cache.get('four'), null);
  assert.deepEqual(readdirSync(directory), []);
});

test('an image that comes again while it is deleted is kept', async (t) => {
  const directory = directoryMake(t);
  const cache = await imageCacheOpen(directory);
  const bytes = randomBytes(100);
  for (let n = 0; n < 20; n++) {
    await cache.put(factsOf(bytes), inPieces(bytes));
    await Promise.all([cache.delete('one'), cache.put(factsOf(bytes), inPieces(bytes))]);
    assert.ok(cache.get('one'));
    assert.deepEqual(readdirSync(directory).toSorted(), ['one.json', 'one.raw'], `turn ${n}`);
    await cache.delete('one');
  }
});
