import { createDecipheriv, type Decipheriv } from 'node:crypto';
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { bufferTake } from '../../kernel/buffer-free.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ByteRange } from '../object.model.ts';
import { DamagedBlob, type Blob } from './blob.model.ts';
import { blockBytes, counterOf } from './body-intake.ts';

export interface BlockPart {
  readonly number: number;
  /** The wanted bytes of the block: from `start`, before `end`. */
  readonly start: number;
  readonly end: number;
}

export function* blocksIn({ first, last }: ByteRange): Iterable<BlockPart> {
  const lastBlock = Math.floor(last / blockBytes);
  for (let number = Math.floor(first / blockBytes); number <= lastBlock; number++) {
    const from = number * blockBytes;
    const start = Math.max(first - from, 0);
    yield { number, start, end: Math.min(last - from + 1, blockBytes) };
  }
}

/** Above this a read is worth a thread of its own, wherever the bytes are. */
const briefBytes = 64 << 10;
/** A read that took so long waited for the disk, if anything was read from it. */
const slowMs = 3;
/** So many reads after a slow one are left to threads. */
const cautious = 200;

/**
 * Reads what is small at once: from memory, where most of what is read lies, that takes a tenth of what handing it to a
 * thread and back does. Where the disk has to be waited for, the others shall not wait as well.
 */
export class BlockReader {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #diskReads: () => number;
  #handedOver = 0;
  #diskReadsSeen = 0;

  constructor(
    clock: Pick<Clock, 'now'>,
    /** What this process has read from disks so far: where the machine is busy, memory can be slow as well. */
    diskReads = (): number => process.resourceUsage().fsRead,
  ) {
    this.#clock = clock;
    this.#diskReads = diskReads;
  }

  async read(file: FileHandle, block: Buffer, position: number): Promise<number> {
    if (block.length > briefBytes || this.#handedOver > 0) {
      this.#handedOver = Math.max(this.#handedOver - 1, 0);
      return (await file.read(block, 0, block.length, position)).bytesRead;
    }
    const beganMs = this.#clock.now();
    const bytesRead = readSync(file.fd, block, 0, block.length, position);
    if (this.#clock.now() - beganMs >= slowMs) {
      const before = this.#diskReadsSeen;
      this.#diskReadsSeen = this.#diskReads();
      if (this.#diskReadsSeen > before) this.#handedOver = cautious;
    }
    return bytesRead;
  }
}

/** One block as stored, held against its sum; the caller's to keep: the socket may still be sending the last one. */
export async function blockRead(
  reader: BlockReader,
  file: FileHandle,
  blob: Blob,
  number: number,
): Promise<Buffer> {
  const size = Math.min(blockBytes, blob.sizeBytes - number * blockBytes);
  const block = size === blockBytes ? bufferTake() : Buffer.allocUnsafeSlow(size);
  const bytesRead = await reader.read(file, block, blob.at + number * blockBytes);
  if (bytesRead === size && crc32(block) === sumOf(blob, number)) return block;
  throw new DamagedBlob(`block ${number} of ${blob.id} differs from its sum`);
}

export const sumOf = ({ sums }: Blob, number: number): number =>
  new DataView(sums.buffer, sums.byteOffset, sums.byteLength).getUint32(number * 4, true);

/** Positioned at the first of the blocks that hold a range; null: the bytes are as they came. */
export const blockDecipher = (
  key: Uint8Array | null,
  id: string,
  { first }: ByteRange,
): Decipheriv | null => {
  if (key === null) return null;
  const offset = Math.floor(first / blockBytes) * blockBytes;
  return createDecipheriv('aes-256-ctr', key, counterOf(id, offset));
};
