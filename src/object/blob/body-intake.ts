import { createCipheriv, createHash, hash, type Cipheriv, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { bufferFree } from '../../kernel/buffer-free.ts';
import { Failure, invalid } from '../../kernel/errors.ts';
import type { StreamHash } from '../object.model.ts';
import type { BlobWrite } from './blob.model.ts';

export const blockBytes = 1 << 20;

/** Counts, hashes, encrypts and sums what comes in, a block at a time. */
export class BlockSums {
  readonly #md5: Hash | null;
  readonly #hashes: readonly StreamHash[];
  readonly #cipher: Cipheriv | null;
  readonly #sums: number[] = [];
  sizeBytes = 0;

  constructor(
    id: string,
    { hashes, key, md5 }: Pick<BlobWrite, 'hashes' | 'key'> & { readonly md5: boolean },
  ) {
    this.#md5 = md5 ? createHash('md5') : null;
    this.#hashes = hashes;
    this.#cipher = key === null ? null : createCipheriv('aes-256-ctr', key, counterOf(id, 0));
  }

  /** The bytes as they are to be stored. Every block but the last is a whole one. */
  take(block: Uint8Array): Uint8Array {
    this.sizeBytes += block.length;
    this.#md5?.update(block);
    for (const each of this.#hashes) each.update(block);
    const stored = this.#cipher === null ? block : this.#cipher.update(block);
    this.#sums.push(crc32(stored));
    return stored;
  }

  /** Hex. */
  md5(): string {
    return this.#md5?.digest('hex') ?? '';
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

export interface TakenHead {
  /** All there is when `rest` is null. */
  readonly head: Buffer;
  readonly rest: AsyncIterable<Uint8Array> | null;
}

/** The first bytes of a body: whether it is a small one is known when they are there, or announced. */
export async function headTake(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  limits: Pick<BlobWrite, 'sizeBytes' | 'limitBytes'>,
  headBytes: number,
): Promise<TakenHead> {
  const check = bodyLimited(limits);
  if (!(Symbol.asyncIterator in body)) {
    check(body.length, true);
    const head = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return head.length <= headBytes ? { head, rest: null } : { head, rest: nothing() };
  }
  const iterator = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let gotBytes = 0;
  check(0, false);
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) {
      check(gotBytes, true);
      return { head: joined(chunks), rest: null };
    }
    chunks.push(next.value);
    gotBytes += next.value.length;
    try {
      check(gotBytes, false);
    } catch (error) {
      await iterator.return?.();
      throw error;
    }
    if (gotBytes > headBytes) {
      return { head: joined(chunks), rest: { [Symbol.asyncIterator]: () => iterator } };
    }
  }
}

const joined = (chunks: readonly Uint8Array[]): Buffer => {
  const [only] = chunks;
  if (chunks.length !== 1 || only === undefined) return Buffer.concat(chunks);
  return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
};

async function* nothing(): AsyncIterable<Uint8Array> {}

/** Called with what came so far, and at the end: a body that is longer than allowed, or not as announced, is refused. */
export type LimitCheck = (gotBytes: number, isEnd: boolean) => void;

export function bodyLimited({
  sizeBytes,
  limitBytes,
}: Pick<BlobWrite, 'sizeBytes' | 'limitBytes'>): LimitCheck {
  return (gotBytes, isEnd) => {
    if (gotBytes > limitBytes || (sizeBytes ?? 0) > limitBytes) throw tooLarge(limitBytes);
    if (isEnd && sizeBytes !== null && gotBytes !== sizeBytes)
      throw incomplete(gotBytes, sizeBytes);
  };
}

/** The two buffers of a body. */
export interface BlockPair extends Disposable {
  readonly buffers: readonly [Buffer, Buffer];
}

/**
 * Give them back once nothing is written from them any more: of a thousand clients that left, the collector would let
 * gigabytes stand.
 */
export function blockPair(): BlockPair {
  const buffers = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)] as const;
  return { buffers, [Symbol.dispose]: () => buffers.forEach(bufferFree) };
}

/** Gathers what comes in into blocks of a MiB: many small writes would cost twice the time. Two buffers take turns. */
export async function* blocksOf(
  { head, rest }: { readonly head: Uint8Array; readonly rest: AsyncIterable<Uint8Array> },
  check: LimitCheck,
  { buffers }: BlockPair,
): AsyncIterable<Buffer> {
  let [block, spare] = buffers;
  let filledBytes = 0;
  let gotBytes = 0;
  const fill = function* (chunk: Uint8Array): Iterable<Buffer> {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + blockBytes - filledBytes);
      block.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes < blockBytes) continue;
      yield block;
      [block, spare] = [spare, block];
      filledBytes = 0;
    }
  };
  gotBytes += head.length;
  yield* fill(head);
  for await (const chunk of rest) {
    gotBytes += chunk.length;
    check(gotBytes, false);
    yield* fill(chunk);
    bufferFree(chunk);
  }
  check(gotBytes, true);
  if (filledBytes > 0) yield block.subarray(0, filledBytes);
}

const incomplete = (got: number, announced: number): Failure =>
  invalid(`The body has ${got} bytes where ${announced} were announced.`, {
    type: 'IncompleteBody',
  });

const tooLarge = (limitBytes: number): Failure =>
  new Failure('too_large', `The object is larger than ${limitBytes} bytes.`, {
    type: 'EntityTooLarge',
  });
