import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Db } from '../../src/kernel/db.ts';
import { DamagedBlob, type Blob } from '../../src/object/blob/blob.model.ts';
import type { Container } from '../../src/object/container.model.ts';
import { objectDelete } from '../../src/object/object-delete.ts';
import { noFacts } from '../../src/object/object.model.ts';
import type { ShardTables } from '../../src/object/object.tables.ts';
import { objectOpen } from '../../src/object/object-get.ts';
import { expirySweep } from '../../src/object/reconcile/expiry.ts';
import { segmentCompact } from '../../src/object/reconcile/compact.ts';
import { fileReclaim, orphanSweep } from '../../src/object/reconcile/reclaim.ts';
import { scrub, scrubStateGet } from '../../src/object/reconcile/scrub.ts';
import { shardOf } from '../../src/object/shard.ts';
import { blobsAfter, damagedList } from '../../src/object/store/reclaim.store.ts';
import { containerMake, put, storeOpen, type TestStore } from './world.ts';

const running = new AbortController().signal;
const big = Buffer.alloc((1 << 20) + 77, 'x');

const filesOf = ({ disk }: TestStore, folder = 0): string[] =>
  readdirSync(join(disk.folders[folder]?.path ?? '', 'files'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('/'));
const segmentsOf = ({ disk }: TestStore): string[] => readdirSync(disk.folders[0]?.segments ?? '');

async function read({ world }: TestStore, container: Container, name: string): Promise<Buffer> {
  using opened = await objectOpen(world, container, name);
  assert.ok(opened);
  return Buffer.concat(await Array.fromAsync(opened.read(null)));
}

async function blobsIn({ world }: TestStore, { id }: Container): Promise<Blob[]> {
  return shardOf(world, id).read((tx) => blobsAfter(tx, '', 1000));
}

/** As a disk does when it ages. */
function byteFlip({ disk }: TestStore, blob: Blob, folder = 0): void {
  const path = disk.pathOf(disk.folders[folder] ?? assert.fail(), blob);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(blob.at + 3) ^ 1, blob.at + 3);
  writeFileSync(path, bytes);
}

test('what was deleted is read to its end by who had begun, then its file goes', async () => {
  await using store = await storeOpen();
  const container = await containerMake(store.world, 'c');
  await put(store.world, container, 'x', big);
  {
    using opened = await objectOpen(store.world, container, 'x');
    assert.ok(opened);
    await objectDelete(store.world, container, { name: 'x' });
    store.pass(3_600_000);
    await fileReclaim(store.world, store.disk).run(running);
    const bytes = Buffer.concat(await Array.fromAsync(opened.read(null)));
    assert.ok(bytes.equals(big));
  }
  await fileReclaim(store.world, store.disk).run(running);
  assert.deepEqual(filesOf(store), []);
});

test('a file that no database knows is removed once it is old, and no other', async () => {
  await using store = await storeOpen();
  const { world, disk } = store;
  const container = await containerMake(world, 'c');
  await put(world, container, 'x', big);
  const [folder] = disk.folders;
  assert.ok(folder);
  const nowSec = world.clock.now() / 1000;
  const make = (path: string, ageSec: number): void => {
    writeFileSync(path, 'left behind');
    utimesSync(path, nowSec - ageSec, nowSec - ageSec);
  };
  make(folder.file('0'.repeat(32)), 4000);
  make(folder.file('1'.repeat(32)), 10);
  make(join(folder.incoming, '2'.repeat(32)), 4000);
  for (const name of filesOf(store)) {
    const isKnown = !/[01]{32}/.test(name);
    if (isKnown) utimesSync(join(folder.path, 'files', name), nowSec - 9000, nowSec - 9000);
  }
  await orphanSweep(world, disk).run(running);
  assert.equal(filesOf(store).length, 2);
  assert.deepEqual(readdirSync(folder.incoming), []);
  assert.ok((await read(store, container, 'x')).equals(big));
});

test('a segment that is half dead is emptied: what lives moves, the file goes, readers are not cut', async () => {
  await using store = await storeOpen();
  const { world, disk } = store;
  const container = await containerMake(world, 'c');
  const names = Array.from({ length: 40 }, (_, n) => `o${n}`);
  for (const name of names) await put(world, container, name, `bytes of ${name}`.repeat(50));
  for (const name of names.slice(0, 30)) await objectDelete(world, container, { name });
  const before = segmentsOf(store);
  using opened = await objectOpen(world, container, 'o35');
  assert.ok(opened);
  const compact = segmentCompact(world, disk);
  await compact.run(running);
  assert.deepEqual(segmentsOf(store), before, 'a segment in use is left alone');
  await disk.segments.close();
  await compact.run(running);
  assert.ok(
    (await blobsIn(store, container)).every(({ segment }) => !before.includes(segment ?? '')),
  );
  store.pass(3_600_000);
  await compact.run(running);
  assert.ok(segmentsOf(store).includes(before[0] ?? ''), 'somebody still reads it');
  assert.equal(Buffer.from(await opened.readWhole(null)).toString(), 'bytes of o35'.repeat(50));
  opened[Symbol.dispose]();
  await compact.run(running);
  assert.ok(!segmentsOf(store).includes(before[0] ?? ''));
  for (const name of names.slice(30)) {
    assert.equal((await read(store, container, name)).toString(), `bytes of ${name}`.repeat(50));
  }
});

test('what a worker wrote into a segment that was closed meanwhile is refused, not lost', async () => {
  await using store = await storeOpen();
  const { world, disk } = store;
  const container = await containerMake(world, 'c');
  await put(world, container, 'first', 'a');
  const [name = ''] = segmentsOf(store);
  for (const shard of world.shards) {
    await shard.write((tx) =>
      tx.insertInto('closed_segment').values({ name, closed_ms: 1, emptied_ms: null }).execute(),
    );
  }
  await assert.rejects(put(world, container, 'second', 'b'), /too late/);
  await disk.segments.close();
  await put(world, container, 'second', 'b');
  assert.equal((await read(store, container, 'second')).toString(), 'b');
});

for (const [what, bytes] of [
  ['a small object', Buffer.from('a few bytes')],
  ['a large object', big],
] as const) {
  test(`a flipped byte of ${what} is never served, is found, and is told`, async () => {
    await using store = await storeOpen();
    const { world, disk } = store;
    const container = await containerMake(world, 'c');
    await put(world, container, 'x', bytes);
    await put(world, container, 'y', 'whole');
    const blob = (await blobsIn(store, container)).find(
      ({ sizeBytes }) => sizeBytes === bytes.length,
    );
    assert.ok(blob);
    byteFlip(store, blob);
    await assert.rejects(read(store, container, 'x'), DamagedBlob);
    await scrub(world, disk).run(running);
    const damaged = await shardOf(world, container.id).read((tx) => damagedList(tx, 10));
    assert.deepEqual(
      damaged.map(({ account, container: of, name }) => [account, of, name]),
      [['AUTH_a', 'c', 'x']],
    );
    assert.deepEqual(readdirSync(disk.folders[0]?.quarantine ?? ''), [blob.id]);
    assert.equal((await read(store, container, 'y')).toString(), 'whole');
    assert.equal((await scrubStateGet(world)).passes, 1);
  });

  test(`a flipped byte of ${what} is mended from the mirror, and served from there before`, async () => {
    await using store = await storeOpen({ mirrors: ['mirror'] });
    const { world, disk } = store;
    const container = await containerMake(world, 'c');
    await put(world, container, 'x', bytes);
    const [blob] = await blobsIn(store, container);
    assert.ok(blob);
    byteFlip(store, blob);
    assert.ok((await read(store, container, 'x')).equals(bytes));
    await scrub(world, disk).run(running);
    byteFlip(store, blob, 1);
    const [folder] = disk.folders;
    assert.ok(folder);
    const first = await disk.blockIn(folder, blob, 0);
    assert.ok(first.equals(bytes.subarray(0, 1 << 20)), 'the first copy is good again');
    await scrub(world, disk, { bytesPerSec: Infinity, everyMs: 0 }).run(running);
    const mirror = disk.folders[1] ?? assert.fail();
    assert.equal((await disk.blockIn(mirror, blob, 0)).length, first.length);
  });
}

test('a mirror that was lost is made again, block by block', async () => {
  await using store = await storeOpen({ mirrors: ['mirror'] });
  const { world, disk } = store;
  const container = await containerMake(world, 'c');
  await put(world, container, 'x', big);
  await put(world, container, 'y', 'small');
  await disk.segments.close();
  const mirror = disk.folders[1] ?? assert.fail();
  for (const part of ['files', 'segments']) {
    rmSync(join(mirror.path, part), { recursive: true });
  }
  await scrub(world, disk).run(running);
  for (const blob of await blobsIn(store, container)) {
    assert.ok((await disk.blockIn(mirror, blob, 0)).length > 0);
  }
});

test('expired objects go, with their bytes; one that got more time stays', async () => {
  await using store = await storeOpen();
  const { world, disk } = store;
  const container = await containerMake(world, 'c');
  const expiresAtMs = world.clock.now() + 1000;
  await put(world, container, 'x', big, { expiresAtMs });
  await put(world, container, 'y', 'later', { expiresAtMs: expiresAtMs + 9_000_000 });
  store.pass(5000);
  await expirySweep(world).run(running);
  store.pass(600_000);
  await fileReclaim(world, disk).run(running);
  assert.deepEqual(filesOf(store), []);
  assert.equal((await read(store, container, 'y')).toString(), 'later');
});

test('objects that are locked beyond their time, all due at one moment, keep no other from going', async () => {
  await using store = await storeOpen({ shardCount: 1 });
  const { world } = store;
  const container = await containerMake(world, 'c');
  const nowMs = world.clock.now();
  const expiresAtMs = nowMs + 1000;
  for (let n = 0; n < 450; n++) {
    const facts = n < 420 ? { ...noFacts, legalHold: true } : noFacts;
    await put(world, container, `o${String(n).padStart(3, '0')}`, '', { expiresAtMs, facts });
  }
  await put(world, container, 'later', '', { expiresAtMs: expiresAtMs + 1 });
  store.pass(5000);
  const stop = new AbortController();
  const shard = shardOf(world, container.id) as { read: Db<ShardTables>['read'] };
  const read = shard.read.bind(shard);
  let reads = 0;
  shard.read = (work) => {
    if (++reads > 5_000) stop.abort();
    return read(work);
  };
  await expirySweep(world).run(stop.signal);
  assert.equal(stop.signal.aborted, false, 'it never ends');
  const left = await read((tx) => tx.selectFrom('object').select('name').execute());
  assert.equal(left.length, 420);
});
