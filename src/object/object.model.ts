/** What the fronts keep in documents: written and read whole. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface ObjectLock {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly untilMs: number;
}

/**
 * What is known of an object beside its bytes. Both fronts read and write the same fields, so that metadata set through
 * one API is seen through the other; what only one of them understands is in `swift` and `s3`.
 */
export interface ObjectFacts {
  /** Lower-case names: cache-control, content-disposition, content-encoding, content-language, expires. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata, lower-case names without their prefix (`X-Object-Meta-`, `x-amz-meta-`). */
  readonly meta: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** A version under lock is not deleted, whoever asks; see `objectDelete`. */
  readonly lock?: ObjectLock;
  readonly legalHold?: boolean;
  /** Checksums of the whole object by algorithm (`CRC32C`, `SHA256`...), in base64 as S3 shows them. */
  readonly checksums?: Readonly<Record<string, string>>;
  /** How the data key is found again; the key itself is given with each read. */
  readonly encryption?: Json;
  readonly swift?: Readonly<Record<string, Json>>;
  readonly s3?: Readonly<Record<string, Json>>;
}

export const noFacts: ObjectFacts = { headers: {}, meta: {} };

/** One version of an object, or a delete marker. */
export interface StoredObject {
  readonly containerId: number;
  readonly name: string;
  /** Microseconds since the epoch at which this version was made; grows from version to version of one name. */
  readonly seq: number;
  /** `null` for what was written while the container kept no versions, else digits. What S3 shows. */
  readonly versionId: string;
  readonly isMarker: boolean;
  readonly sizeBytes: number;
  /** Hex MD5, or what the front gave (`<hex>-<parts>`); without quotes. */
  readonly etag: string;
  readonly contentType: string;
  /** When bytes or metadata last changed: Last-Modified, X-Timestamp. Microseconds. */
  readonly modifiedUs: number;
  /** X-Delete-At. An object past it is not found. */
  readonly expiresAtMs: number | null;
  /** Parts it was completed from; 0: written in one piece. */
  readonly partCount: number;
  readonly facts: ObjectFacts;
  /** Its bytes are other objects', put together as they are read: they cannot be shared by a copy. */
  readonly isComposed?: true;
}

/** A changed copy. Facts are a getter, which a spread alone would leave behind. */
export const objectWith = (object: StoredObject, changes: Partial<StoredObject>): StoredObject => ({
  ...object,
  facts: object.facts,
  ...changes,
});

/** A row of a version listing. */
export interface ListedVersion extends StoredObject {
  readonly isLatest: boolean;
}

export interface ObjectPart {
  readonly number: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly facts: PartFacts;
}

export interface PartFacts {
  readonly checksums?: Readonly<Record<string, string>>;
  readonly s3?: Readonly<Record<string, Json>>;
}

/** `bytes=first-last`, inclusive, already cut to the object's size. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Anything that is fed every byte in order, such as a `crypto.Hash`. */
export interface StreamHash {
  update(chunk: Uint8Array): unknown;
}

export const versionIdOf = (seq: number, isVersioned: boolean): string =>
  isVersioned ? String(seq) : 'null';

/** Null for `null`; what is no version id matches nothing. */
export const seqOf = (versionId: string): number | null =>
  versionId === 'null' ? null : /^\d{1,16}$/.test(versionId) ? Number(versionId) : -1;

/** Names of objects and containers as the database can keep and order them. */
export const isStorableName = (name: string): boolean =>
  name !== '' && name.isWellFormed() && !name.includes('\0');
