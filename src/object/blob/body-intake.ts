import { createCipheriv, createHash, hash, type Cipheriv } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { bufferFree } from '../../kernel/buffer-free.ts';
import { Failure, invalid } from '../../kernel/errors.ts';
import type { StreamHash } from '../object.model.ts';
import type { BlobWrite } from './blob.model.ts';

export const blockBytes = 1 << 20;

/** Counts, hashes, encrypts and sums what comes in, a block at a time. */
export class BlockSums {
  readonly #md5 = createHash('md5');
  readonly #hashes: readonly StreamHash[];
  readonly #cipher: Cipheriv | null;
  readonly #sums: number[] = [];
  sizeBytes = 0;

  constructor(id: string, { hashes, key }: Pick<BlobWrite, 'hashes' | 'key'>) {
    this.#hashes = hashes;
    this.#cipher = key === null ? null : createCipheriv('aes-256-ctr', key, counterOf(id, 0));
  }

  /** The bytes as they are to be stored. Every block but the last is a whole one. */
  take(block: Uint8Array): Uint8Array {
    this.sizeBytes += block.length;
    this.#md5.update(block);
    for (const each of this.#hashes) each.update(block);
    const stored = this.#cipher === null ? block : this.#cipher.update(block);
    this.#sums.push(crc32(stored));
    return stored;
  }

  /** Hex. */
  md5(): string {
    return this.#md5.digest('hex');
  }

  sums(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.#sums.length * 4);
    for (const [index, sum] of this.#sums.entries()) bytes.writeUInt32LE(sum, index * 4);
    return bytes;
  }
}

/** Counter mode must never use one counter with one key twice: it is made from the blob's id, which is unique. */
export function counterOf(id: string, offset: number): Buffer {
  const counter = hash('sha256', id, 'buffer').subarray(0, 16);
  counter.writeUInt32BE(Math.floor(offset / 16) >>> 0, 12);
  return counter;
}

/** Gathers what comes in into blocks of a MiB: many small writes would cost twice the time. */
export async function* blocksOf(
  body: AsyncIterable<Uint8Array>,
  buffers: () => Buffer,
): AsyncIterable<Buffer> {
  let block = buffers();
  let filledBytes = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + blockBytes - filledBytes);
      block.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes < blockBytes) continue;
      yield block;
      block = buffers();
      filledBytes = 0;
    }
    bufferFree(chunk);
  }
  if (filledBytes > 0) yield block.subarray(0, filledBytes);
}

/** A body that is longer than allowed or announced is refused as soon as that is seen. */
export async function* bodyLimited(
  body: AsyncIterable<Uint8Array>,
  { sizeBytes, limitBytes }: Pick<BlobWrite, 'sizeBytes' | 'limitBytes'>,
): AsyncIterable<Uint8Array> {
  if (sizeBytes !== null && sizeBytes > limitBytes) throw tooLarge(limitBytes);
  let gotBytes = 0;
  for await (const chunk of body) {
    gotBytes += chunk.length;
    if (gotBytes > limitBytes) throw tooLarge(limitBytes);
    yield chunk;
  }
  if (sizeBytes !== null && gotBytes !== sizeBytes) throw incomplete(gotBytes, sizeBytes);
}

const incomplete = (got: number, announced: number): Failure =>
  invalid(`The body has ${got} bytes where ${announced} were announced.`, {
    type: 'IncompleteBody',
  });

const tooLarge = (limitBytes: number): Failure =>
  new Failure('too_large', `The object is larger than ${limitBytes} bytes.`, {
    type: 'EntityTooLarge',
  });
