import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { Blob } from '../../src/object/blob/blob.model.ts';
import { blocksStream, type BlockSource } from '../../src/object/blob/block-stream.ts';
import { BlockSums, bodyLimited, headTake } from '../../src/object/blob/body-intake.ts';
import { bodyStore } from '../../src/object/blob/body-store.ts';
import { MemoryBudget } from '../../src/object/blob/memory-budget.ts';

const mib = 1 << 20;
const bytes = Buffer.alloc(3 * mib + 12_345, 'some bytes that differ from place to place:');
for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at);
const key = Buffer.alloc(32, 7);
const id = 'a'.repeat(32);
const clock = { now: () => 0, sleep: async () => {} };
const limits = { sizeBytes: null, limitBytes: 100 * mib };

// oxlint-disable-next-line typescript/require-await
async function* chunksOf(sizeBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    yield Buffer.from(bytes.subarray(at, at + sizeBytes));
  }
}

interface Stored {
  readonly writes: readonly number[];
  readonly bytes: Buffer;
  readonly sums: Uint8Array;
}

async function stored(budgetBytes: number, now: () => number = clock.now): Promise<Stored> {
  const sums = new BlockSums(id, { hashes: [], key, md5: true });
  const written: Buffer[] = [];
  await bodyStore(chunksOf(50_000), {
    check: bodyLimited(limits),
    sums,
    sink: async (part) => void written.push(Buffer.from(part)),
    budget: new MemoryBudget(budgetBytes),
    clock: { ...clock, now },
  });
  return {
    writes: written.map(({ length }) => length),
    bytes: Buffer.concat(written),
    sums: sums.sums(),
  };
}

test('a body is stored the same in large steps and, where there is no memory for these, in small ones', async () => {
  const large = await stored(10 * mib);
  assert.deepEqual(large.writes, [mib, mib, mib, 12_345]);
  const small = await stored(0);
  assert.ok(small.writes.length > 60 && Math.max(...small.writes) <= 50_000);
  assert.ok(small.bytes.equals(large.bytes));
  assert.deepEqual(small.sums, large.sums);
  assert.equal(small.sums.length, 4 * 4);
});

test('what a slow client sent is written before it makes a block, and its memory given back', async () => {
  let nowMs = 0;
  const slow = await stored(2 * mib, () => (nowMs += 1_000));
  assert.ok(slow.writes.length > 20, String(slow.writes.length));
  assert.ok(slow.bytes.equals((await stored(10 * mib)).bytes));
});

const source = (whole: Buffer, stretches = whole): BlockSource => ({
  block: async (_, number) => Buffer.from(whole.subarray(number * mib, (number + 1) * mib)),
  stretch: async (_, { block, at, sizeBytes }) =>
    Buffer.from(stretches.subarray(block * mib + at, block * mib + at + sizeBytes)),
});

async function read(
  from: BlockSource,
  blob: Blob,
  { first, last, budgetBytes }: { first: number; last: number; budgetBytes: number },
): Promise<{ readonly bytes: Buffer; readonly most: number }> {
  const chunks: Uint8Array[] = [];
  const options = { range: { first, last }, key };
  for await (const chunk of blocksStream(from, blob, options, new MemoryBudget(budgetBytes))) {
    chunks.push(Buffer.from(chunk));
  }
  return { bytes: Buffer.concat(chunks), most: Math.max(...chunks.map(({ length }) => length)) };
}

test('what is read is the same in blocks and, where there is no memory for these, in slices', async () => {
  const { bytes: kept, sums } = await stored(10 * mib);
  const blob: Blob = { id, place: 'file', segment: null, at: 0, sizeBytes: kept.length, sums };
  assert.equal(crc32(kept.subarray(0, mib)), Buffer.from(sums).readUInt32LE());
  for (const [first, last] of [
    [0, kept.length - 1],
    [mib - 10, mib + 10],
    [70_000, 80_000],
    [2 * mib, 3 * mib + 1],
  ] as const) {
    const wanted = bytes.subarray(first, last + 1);
    const blocks = await read(source(kept), blob, { first, last, budgetBytes: 2 * mib });
    const slices = await read(source(kept), blob, { first, last, budgetBytes: 0 });
    assert.ok(blocks.bytes.equals(wanted) && slices.bytes.equals(wanted), `${first}-${last}`);
    assert.ok(slices.most <= 64 << 10);
  }
});

test('a slice that differs when it is read again comes from a block that is checked', async () => {
  const { bytes: kept, sums } = await stored(10 * mib);
  const blob: Blob = { id, place: 'file', segment: null, at: 0, sizeBytes: kept.length, sums };
  const damaged = Buffer.from(kept);
  damaged[100_000] = (damaged[100_000] ?? 0) ^ 1;
  const whole = { first: 0, last: kept.length - 1, budgetBytes: 0 };
  const answer = await read(source(kept, damaged), blob, whole);
  assert.ok(answer.bytes.equals(bytes));
});

test('a small body for which there is no memory is taken as a large one', async () => {
  const share = new MemoryBudget(100).share();
  const { whole, rest } = await headTake(chunksOf(mib), { ...limits, headBytes: 5 * mib, share });
  assert.equal(whole, null);
  const chunks = await Array.fromAsync(rest ?? []);
  assert.ok(Buffer.concat(chunks).equals(bytes));
});
