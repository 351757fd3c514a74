import type { OpenObject } from '../object-get.ts';
import type { ByteRange, StoredObject } from '../object.model.ts';
import type { Place } from './place.ts';

export interface Validators {
  /** Without quotes. */
  readonly etag: string;
  /** Other names of the same bytes (a static link's own tag, a manifest's). */
  readonly otherEtags?: readonly string[];
  readonly modifiedUs: number;
}

/** Something whose bytes can be read: an object, what a link leads to, what a manifest puts together. */
export interface Source extends Validators {
  readonly object: StoredObject;
  /** The object itself, whose bytes a copy may share; null: put together from others. */
  readonly opened: OpenObject | null;
  readonly sizeBytes: number;
  /** Of the answer to GET and HEAD, without those of its length. */
  readonly headers: Readonly<Record<string, string>>;
  /** Put together from other objects, each of which may be missing when its turn comes. */
  readonly isComposed: boolean;
  /** Of several ranges none is heeded. */
  readonly takesOneRange: boolean;
  read(range: ByteRange | null): AsyncIterable<Uint8Array>;
  close(): void;
}

export interface SourceWish {
  readonly place: Place;
  readonly versionId?: string | null;
  /** The link itself and not what it leads to. */
  readonly isLinkMeant?: boolean;
  /** The manifest itself and not what it puts together. */
  readonly isManifestMeant?: boolean;
  /** Manifests within manifests. */
  readonly depth?: number;
}

export type SourceOpen = (wish: SourceWish) => Promise<Source>;
