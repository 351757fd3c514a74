import { createHash, createHmac, hash, type Hash } from 'node:crypto';
import { S3Failure } from '../failure.ts';
import { sameText, type VerifiedV4 } from './v4.ts';

export interface ChunkedRules {
  /** Null: the chunks carry no signatures. */
  readonly signed: VerifiedV4 | null;
  /** Names that X-Amz-Trailer announced; null: this form of the coding has no trailers. */
  readonly trailers: readonly string[] | null;
  readonly decodedBytes: number;
}

const lineLimitBytes = 1024;
const trailersLimitBytes = 8192;
const leastSignedBytes = 8192;
const emptyHash = hash('sha256', '');

const broken = (why: string): S3Failure =>
  new S3Failure('IncompleteBody', 'The request body terminated unexpectedly', {
    cause: new Error(why),
  });
const badTrailer = (why: string): S3Failure =>
  new S3Failure('MalformedTrailerError', undefined, { cause: new Error(why) });

/**
 * Takes the aws-chunked coding off a body. Bytes are handed on as they come, before the signature of their chunk is
 * known: whoever stores them must not commit before `finish` has returned.
 */
export class ChunkedDecoder {
  readonly #rules: ChunkedRules;
  #state: 'line' | 'bytes' | 'end' | 'trailers' | 'done' = 'line';
  #line = '';
  #left = 0;
  #chunkBytes = 0;
  #claimed = '';
  #previous: string;
  #hash: Hash | null = null;
  #seenBytes = 0;
  #trailerBytes = 0;
  #chunks = 0;
  #smallBytes = 0;
  readonly #trailers = new Map<string, string>();

  constructor(rules: ChunkedRules) {
    this.#rules = rules;
    this.#previous = rules.signed?.signature ?? '';
  }

  /** The payload within these bytes. What follows the end is nobody's, as in AWS. */
  push(bytes: Buffer): Buffer[] {
    const payload: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'bytes') {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#take(piece);
        payload.push(piece);
        continue;
      }
      at = this.#readLine(bytes, at);
    }
    return payload;
  }

  /** The trailers, by name in small letters. The last empty line may be missing; nothing else may. */
  finish(): ReadonlyMap<string, string> {
    const isBetween = this.#line === '' && this.#chunkBytes === 0;
    if (this.#state === 'trailers' && isBetween) this.#trailersEnd();
    const isComplete = this.#state === 'done' || (this.#state === 'end' && isBetween);
    if (!isComplete) throw broken('the last chunk is missing');
    if (this.#seenBytes !== this.#rules.decodedBytes) throw this.#wrongLength(this.#seenBytes);
    return this.#trailers;
  }

  #wrongLength(providedBytes: number): S3Failure {
    return new S3Failure('IncompleteBody', undefined, {
      fields: {
        NumberBytesExpected: String(this.#rules.decodedBytes),
        NumberBytesProvided: String(providedBytes),
      },
    });
  }

  #take(piece: Buffer): void {
    this.#hash?.update(piece);
    this.#left -= piece.length;
    this.#seenBytes += piece.length;
    if (this.#left === 0) this.#state = 'end';
  }

  #readLine(bytes: Buffer, start: number): number {
    const end = bytes.indexOf(10, start);
    const stop = end === -1 ? bytes.length : end;
    if (this.#line.length + stop - start > lineLimitBytes) throw broken('a line is too long');
    this.#line += bytes.toString('latin1', start, stop);
    if (end === -1) return bytes.length;
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r')) throw broken('a line does not end in CR LF');
    this.#lineRead(line.slice(0, -1));
    return end + 1;
  }

  #lineRead(line: string): void {
    switch (this.#state) {
      case 'line':
        return this.#chunkBegin(line);
      case 'end':
        if (line !== '') throw broken('a chunk is longer than it says');
        return this.#chunkEnd();
      case 'trailers':
        return this.#trailerRead(line);
      case 'bytes':
      case 'done':
        throw new Error('no line is read here');
    }
  }

  #chunkBegin(line: string): void {
    const { signed, trailers, decodedBytes } = this.#rules;
    const [head = '', parameter, another] = line.split(';');
    const size = signed === null ? head : head.trim();
    if (!/^[0-9a-fA-F]{1,10}$/.test(size)) throw broken('a chunk has no size');
    if ((signed !== null) !== (parameter !== undefined)) {
      throw broken('a chunk must be signed as announced');
    }
    const [name = '', value = ''] = (parameter ?? '').split('=', 2).map((text) => text.trim());
    const isSignature = name === 'chunk-signature';
    if (isSignature && (value === '' || another !== undefined))
      throw broken('a chunk is signed oddly');
    this.#claimed = isSignature ? value : '';
    this.#left = parseInt(size, 16);
    this.#chunkBytes = this.#left;
    this.#chunks++;
    if (this.#left > 0) {
      const providedBytes = this.#seenBytes + this.#left;
      if (providedBytes > decodedBytes) throw this.#wrongLength(providedBytes);
      this.#sizeCheck();
      this.#hash = signed === null ? null : createHash('sha256');
      this.#state = 'bytes';
      return;
    }
    this.#verify(emptyHash);
    this.#state = trailers === null ? 'end' : 'trailers';
  }

  #sizeCheck(): void {
    if (this.#rules.signed === null) return;
    if (this.#smallBytes > 0) {
      throw new S3Failure('InvalidChunkSizeError', undefined, {
        fields: { Chunk: String(this.#chunks), BadChunkSize: String(this.#smallBytes) },
      });
    }
    if (this.#left < leastSignedBytes) this.#smallBytes = this.#left;
  }

  #chunkEnd(): void {
    if (this.#chunkBytes === 0) {
      this.#state = 'done';
      return;
    }
    this.#verify(this.#hash?.digest('hex') ?? '');
    this.#state = 'line';
  }

  #verify(payloadHash: string): void {
    const { signed } = this.#rules;
    if (signed === null) return;
    this.#signatureCheck(signed, 'AWS4-HMAC-SHA256-PAYLOAD', [emptyHash, payloadHash]);
  }

  #signatureCheck(signed: VerifiedV4, kind: string, hashes: readonly string[]): void {
    const text = [kind, signed.dateText, signed.scopeText, this.#previous, ...hashes].join('\n');
    const expected = createHmac('sha256', signed.signingKey).update(text).digest('hex');
    if (!sameText(expected, this.#claimed)) throw signed.mismatch(text, this.#claimed);
    this.#previous = expected;
  }

  #trailerRead(line: string): void {
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > trailersLimitBytes) throw badTrailer('the trailers are too long');
    if (line === '') return this.#trailersEnd();
    const at = line.indexOf(':');
    const name = line.slice(0, at).trim().toLowerCase();
    if (at <= 0) throw badTrailer('a trailer is not well-formed');
    const isAnnounced = this.#rules.trailers?.includes(name) === true;
    const isSignature = this.#rules.signed !== null && name === 'x-amz-trailer-signature';
    if (!isAnnounced && !isSignature) throw badTrailer('a trailer was not announced');
    // Said twice, the last word counts, as in AWS.
    this.#trailers.delete(name);
    this.#trailers.set(name, line.slice(at + 1).trim());
  }

  #trailersEnd(): void {
    this.#state = 'done';
    const { signed, trailers } = this.#rules;
    const claimed = this.#trailers.get('x-amz-trailer-signature');
    this.#trailers.delete('x-amz-trailer-signature');
    if (signed !== null && (claimed === undefined || trailers?.length === 0)) {
      throw broken('the trailers must be signed');
    }
    if (this.#trailers.size !== (trailers?.length ?? 0)) throw badTrailer('a trailer is missing');
    if (signed === null) return;
    this.#claimed = claimed ?? '';
    const text = [...this.#trailers].map(([name, value]) => `${name}:${value}\n`).join('');
    this.#signatureCheck(signed, 'AWS4-HMAC-SHA256-TRAILER', [hash('sha256', text)]);
  }
}
