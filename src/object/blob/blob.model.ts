import type { ByteRange, StreamHash } from '../object.model.ts';

/** An immutable run of bytes, complete and on the disk. */
export interface Blob {
  readonly id: string;
  /** A file named by the id, a record of a segment log, or a key of another store. */
  readonly place: 'file' | 'segment' | 'outside';
  readonly segment: string | null;
  readonly at: number;
  readonly sizeBytes: number;
  /** CRC-32 of each MiB as stored, four bytes each. */
  readonly sums: Uint8Array;
}

export interface BlobWrite {
  /** What the client announced; null: it did not. */
  readonly sizeBytes: number | null;
  readonly limitBytes: number;
  /** Fed with what came in, before it is encrypted. */
  readonly hashes: readonly StreamHash[];
  /** 32 bytes: stored encrypted with AES-256 in counter mode; null: as it came. */
  readonly key: Uint8Array | null;
}

export interface BlobRead {
  readonly range: ByteRange;
  readonly key: Uint8Array | null;
}

export interface WrittenBlob {
  /** Null: there were no bytes. */
  readonly blob: Blob | null;
  readonly sizeBytes: number;
  readonly md5: string;
}

/** Thrown when stored bytes differ from their sums and no good copy is left. */
export class DamagedBlob extends Error {
  override readonly name = 'DamagedBlob';
}

/** Where bytes live. Whatever has no row in the database is garbage that `sweep` removes. */
export interface BlobStore {
  /** Nothing that was there when this was called is removed before it is disposed of. */
  pin(): Disposable;
  /** Streams bytes in; they survive a power cut when this resolves. Leaves nothing when it throws. */
  write(body: AsyncIterable<Uint8Array> | Uint8Array, options: BlobWrite): Promise<WrittenBlob>;
  /** Chunks are the reader's to keep, checked against their sums before they are given out. */
  read(blob: Blob, options: BlobRead): AsyncIterable<Uint8Array>;
  /** Bytes of which the database will never know: the write they belonged to was refused. */
  discard(blob: Blob): Promise<void>;
  /** The file, or whatever it is outside, of bytes that no row names any more. */
  remove(id: string): Promise<void>;
  /** A short range as one buffer: what small objects are answered with. */
  readWhole(blob: Blob, options: BlobRead): Promise<Uint8Array>;
}
