import type { Decipheriv } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { bufferFree } from '../../kernel/buffer-free.ts';
import { Gate } from '../../kernel/gate.ts';
import type { Blob, BlobRead } from './blob.model.ts';
import { blockDecipher, blocksIn, type BlockPart } from './block-read.ts';
import { blockBytes } from './body-intake.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** What a client that does not take its answer holds of a block, when many do so. */
const sliceBytes = 64 << 10;

/** Blocks that are there for a moment only, to be checked. */
const gate = new Gate(4);

export interface Stretch {
  readonly block: number;
  /** In the block. */
  readonly at: number;
  readonly sizeBytes: number;
}

export interface BlockSource {
  /** One block, whole and held against its sum; the caller's to keep. */
  block(blob: Blob, number: number): Promise<Buffer>;
  /** Bytes of a block as they are at this moment; the caller's to keep. */
  stretch(blob: Blob, place: Stretch): Promise<Buffer>;
}

/**
 * The blocks of a range one after the other, none before the last one was taken. Where there is no memory for whole
 * blocks, they go in slices: the block is checked whole, then each slice is read again against the sum that it had.
 */
export async function* blocksStream(
  source: BlockSource,
  blob: Blob,
  { range, key }: BlobRead,
  budget: MemoryBudget,
): AsyncIterable<Uint8Array> {
  const decipher = blockDecipher(key, blob.id, range);
  using share = budget.share();
  for (const part of blocksIn(range)) {
    const storedBytes = Math.min(blockBytes, blob.sizeBytes - part.number * blockBytes);
    if (!share.take(storedBytes)) {
      yield* slicesOf(source, blob, part, decipher);
      continue;
    }
    const stored = await source.block(blob, part.number);
    const plain = decipher === null ? stored : decipher.update(stored);
    // Whole where it can be: such a chunk's memory can be given back at once.
    const isWhole = part.start === 0 && part.end >= plain.length;
    yield isWhole ? plain : plain.subarray(part.start, part.end);
    share.give();
  }
}

async function* slicesOf(
  source: BlockSource,
  blob: Blob,
  { number, start, end }: BlockPart,
  decipher: Decipheriv | null,
): AsyncIterable<Uint8Array> {
  for (const { at, sizeBytes, sum } of await slicesSum(source, blob, number)) {
    // A cipher goes through all of the block.
    if (at >= end || (decipher === null && at + sizeBytes <= start)) continue;
    const place = { block: number, at, sizeBytes };
    const slice = await source.stretch(blob, place).catch(() => null);
    // Damaged, or in another folder only.
    const isGood = slice !== null && crc32(slice) === sum;
    const stored = isGood ? slice : await sliceOf(source, blob, place);
    const plain = decipher === null ? stored : decipher.update(stored);
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, sizeBytes)];
    if (from < to) yield plain.subarray(from, to);
  }
}

const sliceOf = (source: BlockSource, blob: Blob, place: Stretch): Promise<Buffer> =>
  gate.pass(() => sliceOfNow(source, blob, place));

async function sliceOfNow(
  source: BlockSource,
  blob: Blob,
  { block, at, sizeBytes }: Stretch,
): Promise<Buffer> {
  const whole = await source.block(blob, block);
  const slice = Buffer.from(whole.subarray(at, at + sizeBytes));
  bufferFree(whole);
  return slice;
}

interface SliceSum {
  readonly at: number;
  readonly sizeBytes: number;
  readonly sum: number;
}

const slicesSum = (source: BlockSource, blob: Blob, number: number): Promise<SliceSum[]> =>
  gate.pass(() => slicesSumNow(source, blob, number));

async function slicesSumNow(source: BlockSource, blob: Blob, number: number): Promise<SliceSum[]> {
  const block = await source.block(blob, number);
  const slices: SliceSum[] = [];
  for (let at = 0; at < block.length; at += sliceBytes) {
    const slice = block.subarray(at, at + sliceBytes);
    slices.push({ at, sizeBytes: slice.length, sum: crc32(slice) });
  }
  bufferFree(block);
  return slices;
}
