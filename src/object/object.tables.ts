import type { Flag } from '../kernel/db.ts';
import type { KernelTables } from '../kernel/tables.ts';

/** The database that names things for the whole store: small, written rarely. */
export interface RootTables extends KernelTables {
  account: {
    name: string;
    created_us: number;
    modified_us: number;
    /** JSON by kind. */
    documents: string;
  };
  /** S3 bucket names are one name space for all accounts: the first account to use a name has it. */
  bucket: { name: string; account: string; claimed_ms: number };
  setting: { name: string; value: string };
}

interface VersionRow {
  container_id: number;
  name: string;
  seq: number;
  versioned: Flag;
  marker: Flag;
  size: number;
  etag: string;
  content_type: string;
  modified_us: number;
  expires_ms: number | null;
  /** Id of a blob, or of a list of pieces when `pieces` is not 0; null: no bytes. */
  body: string | null;
  pieces: number;
  facts: string;
}
export type ObjectRow = VersionRow;

/** One of the databases that hold containers. All rows of a container are in one of them. */
export interface ShardTables {
  container: {
    id: number;
    account: string;
    name: string;
    created_us: number;
    modified_us: number;
    versioning: 'off' | 'enabled' | 'suspended';
    documents: string;
  };
  container_count: {
    container_id: number;
    objects: number;
    bytes: number;
    versions: number;
    version_bytes: number;
  };
  /** Current objects only: listings read nothing else. */
  object: VersionRow;
  /** Versions that are not current, and delete markers. */
  version: VersionRow;
  /** The bytes of an object completed from parts, in order. */
  piece: {
    list: string;
    number: number;
    at: number;
    size: number;
    etag: string;
    blob: string | null;
    facts: string;
  };
  blob: {
    id: string;
    place: 'file' | 'segment' | 'outside';
    /** The log that holds it at `at`. */
    segment: string | null;
    at: number;
    size: number;
    /** CRC-32 of each MiB, four bytes each. */
    sums: Uint8Array;
    /** Objects, pieces and parts that need it. */
    refs: number;
    /** When the scrubber found it differing from its sums; null: good as far as known. */
    damaged_ms: number | null;
  };
  /** Files that nothing needs any more; removed once no reader can be in them. */
  reclaim: { blob: string; deleted_ms: number };
  /** Segments that are being emptied: nothing may be added to them. */
  closed_segment: {
    name: string;
    closed_ms: number;
    /** When nothing named it any more. */
    emptied_ms: number | null;
  };
  /** How much of a segment nothing needs any more. */
  segment_dead: { segment: string; bytes: number };
  /** What is to be told to others (notifications), until it was. */
  event: { id: string; topic: string; value: string; due_ms: number };
  upload: {
    id: string;
    container_id: number;
    name: string;
    created_us: number;
    content_type: string;
    facts: string;
  };
  part: {
    upload_id: string;
    number: number;
    size: number;
    etag: string;
    modified_us: number;
    blob: string | null;
    facts: string;
  };
}
