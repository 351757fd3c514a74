import { createCipheriv, createHash, hash, type Cipheriv, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Failure, invalid } from '../../kernel/errors.ts';
import type { StreamHash } from '../object.model.ts';
import type { BlobWrite } from './blob.model.ts';
import type { MemoryShare } from './memory-budget.ts';

export const blockBytes = 1 << 20;

/** Counts, hashes, encrypts and sums what comes in, a block at a time. */
export class BlockSums {
  readonly #md5: Hash | null;
  readonly #hashes: readonly StreamHash[];
  readonly #cipher: Cipheriv | null;
  readonly #sums: number[] = [];
  #sum = 0;
  sizeBytes = 0;

  constructor(
    id: string,
    { hashes, key, md5 }: Pick<BlobWrite, 'hashes' | 'key'> & { readonly md5: boolean },
  ) {
    this.#md5 = md5 ? createHash('md5') : null;
    this.#hashes = hashes;
    this.#cipher = key === null ? null : createCipheriv('aes-256-ctr', key, counterOf(id, 0));
  }

  /** The bytes as they are to be stored. They must not reach beyond `leftInBlock`. */
  take(bytes: Uint8Array): Uint8Array {
    this.#md5?.update(bytes);
    for (const each of this.#hashes) each.update(bytes);
    const stored = this.#cipher === null ? bytes : this.#cipher.update(bytes);
    this.#sum = crc32(stored, this.#sum);
    this.sizeBytes += bytes.length;
    if (bytes.length > 0 && this.leftInBlock === blockBytes) {
      this.#sums.push(this.#sum);
      this.#sum = 0;
    }
    return stored;
  }

  get leftInBlock(): number {
    return blockBytes - (this.sizeBytes % blockBytes);
  }

  /** Hex. */
  md5(): string {
    return this.#md5?.digest('hex') ?? '';
  }

  sums(): Uint8Array {
    const sums = this.leftInBlock < blockBytes ? [...this.#sums, this.#sum] : this.#sums;
    const bytes = Buffer.allocUnsafe(sums.length * 4);
    for (const [index, sum] of sums.entries()) bytes.writeUInt32LE(sum, index * 4);
    return bytes;
  }
}

/** Counter mode must never use one counter with one key twice: it is made from the blob's id, which is unique. */
export function counterOf(id: string, offset: number): Buffer {
  const counter = hash('sha256', id, 'buffer').subarray(0, 16);
  counter.writeUInt32BE(Math.floor(offset / 16) >>> 0, 12);
  return counter;
}

/** All of a small body, or else what is left to be read of a larger one, from its first byte. */
export type TakenHead =
  | { readonly whole: Buffer; readonly rest: null }
  | { readonly whole: null; readonly rest: AsyncIterable<Uint8Array> };

export interface HeadLimits extends Pick<BlobWrite, 'sizeBytes' | 'limitBytes'> {
  /** A larger one is not gathered. */
  readonly headBytes: number;
  /** Nor one for which there is no memory. */
  readonly share: MemoryShare;
}

/** Whether a body is a small one is known when it was announced, or when its first bytes are there. */
export async function headTake(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  limits: HeadLimits,
): Promise<TakenHead> {
  const check = bodyLimited(limits);
  const { headBytes, share } = limits;
  if (!(Symbol.asyncIterator in body)) {
    check(body.length, true);
    if (body.length > headBytes) return { whole: null, rest: copied(body) };
    return { whole: Buffer.from(body.buffer, body.byteOffset, body.byteLength), rest: null };
  }
  check(0, false);
  if ((limits.sizeBytes ?? 0) > headBytes) return { whole: null, rest: body };
  const iterator = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let gotBytes = 0;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) {
      check(gotBytes, true);
      return { whole: joined(chunks), rest: null };
    }
    chunks.push(next.value);
    gotBytes += next.value.length;
    try {
      check(gotBytes, false);
    } catch (error) {
      await iterator.return?.();
      throw error;
    }
    if (gotBytes > headBytes || !share.take(next.value.length)) {
      return { whole: null, rest: continued(chunks, iterator) };
    }
  }
}

const joined = (chunks: readonly Uint8Array[]): Buffer => {
  const [only] = chunks;
  if (chunks.length !== 1 || only === undefined) return Buffer.concat(chunks);
  return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
};

/** The caller's own bytes, which must not be given back for him. */
// oxlint-disable-next-line typescript/require-await
async function* copied(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += blockBytes) {
    yield Buffer.from(bytes.subarray(at, at + blockBytes));
  }
}

async function* continued(
  chunks: Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    // Nobody holds them but who gets them.
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) yield chunk;
    yield* { [Symbol.asyncIterator]: () => iterator };
  } finally {
    await iterator.return?.();
  }
}

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

const incomplete = (got: number, announced: number): Failure =>
  invalid(`The body has ${got} bytes where ${announced} were announced.`, {
    type: 'IncompleteBody',
  });

const tooLarge = (limitBytes: number): Failure =>
  new Failure('too_large', `The object is larger than ${limitBytes} bytes.`, {
    type: 'EntityTooLarge',
  });
