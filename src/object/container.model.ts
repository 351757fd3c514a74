import type { Json } from './object.model.ts';

export type Versioning = 'off' | 'enabled' | 'suspended';

/** Documents by kind; each kind belongs to the front (or both) that names it: see README.md. */
export type Documents = Readonly<Record<string, Json>>;

export interface Counts {
  /** Current objects and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Versions that are not current, delete markers included, and their bytes. */
  readonly versions: number;
  readonly versionBytes: number;
}

/** A container (Swift) is a bucket (S3). */
export interface Container {
  readonly id: number;
  /** `AUTH_<project id>`: the whole name with its prefix. */
  readonly account: string;
  readonly name: string;
  readonly createdUs: number;
  /** Last change of documents or versioning. */
  readonly modifiedUs: number;
  readonly versioning: Versioning;
  readonly documents: Documents;
  /** Exact: changed in the transaction that changes the objects. */
  readonly counts: Counts;
}

export interface Account {
  readonly name: string;
  /** False: nothing was ever written to it; it still reads as an empty account. */
  readonly isStored: boolean;
  readonly createdUs: number;
  readonly modifiedUs: number;
  readonly documents: Documents;
}

export interface AccountCounts {
  readonly containers: number;
  readonly objects: number;
  readonly bytes: number;
}
