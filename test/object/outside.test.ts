import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomIds } from '../../src/kernel/ids.ts';
import type { OutsideStore } from '../../src/object/blob/outside-blobs.ts';
import { OutsideKeys } from '../../src/object/blob/outside-keys.ts';
import { objectDelete } from '../../src/object/object-delete.ts';
import { objectOpen } from '../../src/object/object-get.ts';
import { fileReclaim } from '../../src/object/reconcile/reclaim.ts';
import { outsideSweep } from '../../src/object/reconcile/outside-orphans.ts';
import { containerMake, put, storeOpen } from './world.ts';

const running = new AbortController().signal;
const hourMs = 3_600_000;

interface MemoryStore extends OutsideStore {
  readonly whole: Map<string, Buffer>;
  readonly parts: Set<string>;
  /** Called when bytes are whole, before their writer is told. */
  finished: () => Promise<void>;
}

/** Another store, in memory. */
function memoryStore(): MemoryStore {
  const whole = new Map<string, Buffer>();
  const parts = new Set<string>();
  const store: MemoryStore = {
    whole,
    parts,
    finished: async () => {},
    async write(key) {
      const chunks: Buffer[] = [];
      return {
        write: async (chunk) => void chunks.push(Buffer.from(chunk)),
        async finish() {
          whole.set(key, Buffer.concat(chunks));
          await store.finished();
        },
        abort: async () => {},
      };
    },
    async *read(key, offset, lengthBytes) {
      const bytes = whole.get(key);
      if (bytes === undefined) throw new Error(`no ${key}`);
      yield bytes.subarray(offset, offset + lengthBytes);
    },
    async remove(key) {
      whole.delete(key);
      parts.delete(key);
    },
    partsRemove: async (key) => void parts.delete(key),
    sizeOf: async (key) => whole.get(key)?.length ?? null,
    async *keys() {
      yield* [...whole.keys(), ...parts];
    },
  };
  return store;
}

test('bytes outside that no database knows go at a later look, and no others', async () => {
  const outside = memoryStore();
  await using store = await storeOpen({ outside });
  const container = await containerMake(store.world, 'c');
  await put(store.world, container, 'x', 'kept');
  const [known] = [...outside.whole.keys()];
  const own = store.blobs.keys.make();
  const foreign = new OutsideKeys(Buffer.alloc(32, 8), randomIds).make();
  const others = [foreign, randomIds.hex(), 'notes.txt'];
  for (const key of [own, ...others]) outside.whole.set(key, Buffer.from('left behind'));
  const sweep = outsideSweep(store.world, store.blobs);
  await sweep.run(running);
  store.pass(hourMs / 2);
  await sweep.run(running);
  assert.ok(outside.whole.has(own), 'its writer may still come with a row');
  store.pass(6 * hourMs);
  await sweep.run(running);
  assert.deepEqual(new Set(outside.whole.keys()), new Set([known, ...others]));
});

test('what gets its row after it was seen without one stays', async () => {
  const outside = memoryStore();
  await using store = await storeOpen({ outside });
  const container = await containerMake(store.world, 'c');
  const sweep = outsideSweep(store.world, store.blobs);
  outside.finished = () => sweep.run(running);
  await put(store.world, container, 'x', 'kept');
  outside.finished = async () => {};
  store.pass(6 * hourMs);
  await sweep.run(running);
  using opened = await objectOpen(store.world, container, 'x');
  assert.equal(Buffer.from((await opened?.readWhole(null)) ?? []).toString(), 'kept');
});

test('parts that nobody joins go after a day, and what was joined meanwhile has its time', async () => {
  const outside = memoryStore();
  await using store = await storeOpen({ outside });
  const [left, joined] = [store.blobs.keys.make(), store.blobs.keys.make()];
  for (const key of [left, joined]) outside.parts.add(key);
  const sweep = outsideSweep(store.world, store.blobs);
  await sweep.run(running);
  store.pass(23 * hourMs);
  await sweep.run(running);
  assert.deepEqual([...outside.parts], [left, joined]);
  store.pass(hourMs);
  outside.parts.delete(joined);
  outside.whole.set(joined, Buffer.from('joined'));
  await sweep.run(running);
  assert.deepEqual([...outside.parts], []);
  assert.ok(outside.whole.has(joined));
  store.pass(hourMs);
  await sweep.run(running);
  assert.deepEqual([...outside.whole.keys()], []);
});

test('a key that cannot be judged keeps no other from going', async () => {
  const outside = memoryStore();
  await using store = await storeOpen({ outside });
  const [bad, good] = [store.blobs.keys.make(), store.blobs.keys.make()];
  for (const key of [bad, good]) outside.whole.set(key, Buffer.from('left behind'));
  const sizeOf = outside.sizeOf.bind(outside);
  outside.sizeOf = async (key) => {
    if (key === bad) throw new Error('forbidden');
    return sizeOf(key);
  };
  const sweep = outsideSweep(store.world, store.blobs);
  await sweep.run(running);
  store.pass(6 * hourMs);
  await sweep.run(running);
  assert.deepEqual([...outside.whole.keys()], [bad]);
});

test('what the other store does not give up keeps nothing else there, and goes when it does', async () => {
  const outside = memoryStore();
  await using store = await storeOpen({ outside, shardCount: 1 });
  const container = await containerMake(store.world, 'c');
  const names = Array.from({ length: 12 }, (_, n) => `o${n}`);
  for (const name of names) await put(store.world, container, name, `bytes of ${name}`);
  const kept = new Set([...outside.whole.keys()].slice(0, 6));
  const remove = outside.remove.bind(outside);
  let asked = 0;
  outside.remove = async (key) => {
    asked++;
    if (kept.has(key)) throw new Error('locked');
    return remove(key);
  };
  for (const name of names) await objectDelete(store.world, container, { name });
  store.pass(hourMs);
  const reclaim = fileReclaim(store.world, store.disk);
  await reclaim.run(running);
  assert.equal(asked, 3, 'a store that is down is not asked for each');
  for (let runs = 0; runs < 3; runs++) await reclaim.run(running);
  assert.deepEqual(new Set(outside.whole.keys()), kept);
  kept.clear();
  for (let runs = 0; runs < 3; runs++) await reclaim.run(running);
  assert.deepEqual([...outside.whole.keys()], []);
});
