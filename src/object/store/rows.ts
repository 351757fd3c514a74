import type { Container, Documents } from '../container.model.ts';
import { flag } from '../../kernel/db.ts';
import { noFacts, versionIdOf, type ObjectFacts, type StoredObject } from '../object.model.ts';
import type { ObjectRow, ShardTables } from '../object.tables.ts';

export type ContainerRow = ShardTables['container'] &
  Pick<ShardTables['container_count'], 'objects' | 'bytes' | 'versions' | 'version_bytes'>;

const documentsMax = 200;
/** Containers are read for every request, and most have documents that were read before. */
const documentsSeen = new Map<string, Documents>();

function documentsOf(text: string): Documents {
  let documents = documentsSeen.get(text);
  if (documents === undefined) {
    if (documentsSeen.size >= documentsMax) documentsSeen.clear();
    documents = JSON.parse(text) as Documents;
    documentsSeen.set(text, documents);
  }
  return documents;
}

export function containerOf(row: ContainerRow): Container {
  return {
    id: row.id,
    account: row.account,
    name: row.name,
    createdUs: row.created_us,
    modifiedUs: row.modified_us,
    versioning: row.versioning,
    documents: documentsOf(row.documents),
    counts: {
      objects: row.objects,
      bytes: row.bytes,
      versions: row.versions,
      versionBytes: row.version_bytes,
    },
  };
}

let factsText = '';
let factsRead: ObjectFacts = noFacts;

/** Rows of one listing often say the same. */
function factsOf(text: string): ObjectFacts {
  if (text !== factsText) {
    factsRead = JSON.parse(text) as ObjectFacts;
    factsText = text;
  }
  return factsRead;
}

/**
 * What a row of a listing needs; the facts are parsed when they are looked at. A class, since V8 makes a hidden class
 * for each object literal with a getter, which holds the object until the next full collection.
 */
class RowObject implements StoredObject {
  readonly containerId: number;
  readonly name: string;
  readonly seq: number;
  readonly versionId: string;
  readonly isMarker: boolean;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  readonly modifiedUs: number;
  readonly expiresAtMs: number | null;
  readonly partCount: number;
  readonly #factsText: string;
  #facts: ObjectFacts | null = null;

  constructor(row: Omit<ObjectRow, 'body'>) {
    this.containerId = row.container_id;
    this.name = row.name;
    this.seq = row.seq;
    this.versionId = versionIdOf(row.seq, row.versioned === 1);
    this.isMarker = row.marker === 1;
    this.sizeBytes = row.size;
    this.etag = row.etag;
    this.contentType = row.content_type;
    this.modifiedUs = row.modified_us;
    this.expiresAtMs = row.expires_ms;
    this.partCount = row.pieces;
    this.#factsText = row.facts;
  }

  get facts(): ObjectFacts {
    return (this.#facts ??= factsOf(this.#factsText));
  }
}

export const objectOf = (row: Omit<ObjectRow, 'body'>): StoredObject => new RowObject(row);

export interface RowParts {
  readonly containerId: number;
  readonly name: string;
  readonly seq: number;
  readonly isVersioned: boolean;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  readonly expiresAtMs: number | null;
  /** Absent: when it was made. */
  readonly modifiedUs?: number;
  readonly body: string | null;
  readonly partCount: number;
  readonly facts: ObjectFacts;
}

export const objectRowOf = (parts: RowParts): ObjectRow => ({
  container_id: parts.containerId,
  name: parts.name,
  seq: parts.seq,
  versioned: flag(parts.isVersioned),
  marker: 0,
  size: parts.sizeBytes,
  etag: parts.etag,
  content_type: parts.contentType,
  modified_us: parts.modifiedUs ?? parts.seq,
  expires_ms: parts.expiresAtMs,
  body: parts.body,
  pieces: parts.partCount,
  facts: JSON.stringify(parts.facts),
});

export const markerRowOf = (
  containerId: number,
  name: string,
  { seq, isVersioned }: { readonly seq: number; readonly isVersioned: boolean },
): ObjectRow => ({
  container_id: containerId,
  name,
  seq,
  versioned: flag(isVersioned),
  marker: 1,
  size: 0,
  etag: '',
  content_type: '',
  modified_us: seq,
  expires_ms: null,
  body: null,
  pieces: 0,
  facts: '{"headers":{},"meta":{}}',
});
