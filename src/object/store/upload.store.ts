import { sql } from 'kysely';
import type { Tx } from '../../kernel/db.ts';
import type { ObjectFacts, PartFacts } from '../object.model.ts';
import type { ShardTables } from '../object.tables.ts';
import type { Upload, UploadPart } from '../upload.model.ts';
import { blobRelease } from './blob.store.ts';

type ShardTx = Tx<ShardTables>;

const uploadOf = (row: ShardTables['upload']): Upload => ({
  id: row.id,
  containerId: row.container_id,
  name: row.name,
  createdUs: row.created_us,
  contentType: row.content_type,
  facts: JSON.parse(row.facts) as ObjectFacts,
});

const partOf = (row: Omit<ShardTables['part'], 'blob' | 'upload_id'>): UploadPart => ({
  number: row.number,
  sizeBytes: row.size,
  etag: row.etag,
  modifiedUs: row.modified_us,
  facts: JSON.parse(row.facts) as PartFacts,
});

export async function uploadInsert(tx: ShardTx, upload: Upload): Promise<void> {
  await tx
    .insertInto('upload')
    .values({
      id: upload.id,
      container_id: upload.containerId,
      name: upload.name,
      created_us: upload.createdUs,
      content_type: upload.contentType,
      facts: JSON.stringify(upload.facts),
    })
    .execute();
}

export async function uploadById(
  tx: ShardTx,
  containerId: number,
  id: string,
): Promise<Upload | null> {
  const row = await tx
    .selectFrom('upload')
    .selectAll()
    .where('id', '=', id)
    .where('container_id', '=', containerId)
    .executeTakeFirst();
  return row === undefined ? null : uploadOf(row);
}

export interface UploadPlace {
  readonly name: string;
  /** Empty: behind all uploads of the name. */
  readonly id: string;
}

/** By name, then in the order in which they were begun. */
export async function uploadPage(
  tx: ShardTx,
  containerId: number,
  after: UploadPlace | null,
  { from, to, limit }: { from: string; to: string | null; limit: number },
): Promise<Upload[]> {
  let query = tx
    .selectFrom('upload')
    .selectAll()
    .where('container_id', '=', containerId)
    .where('name', '>=', from);
  if (to !== null) query = query.where('name', '<', to);
  if (after !== null) {
    const { name, id } = after;
    query = query
      .where('name', '>=', name)
      .where((e) => e.or([e('name', '>', name), ...(id === '' ? [] : [e('id', '>', id)])]));
  }
  const rows = await query.orderBy('name').orderBy('id').limit(limit).execute();
  return rows.map(uploadOf);
}

export async function uploadsBefore(
  tx: ShardTx,
  createdUs: number,
  limit: number,
): Promise<Upload[]> {
  const rows = await tx
    .selectFrom('upload')
    .selectAll()
    .where('created_us', '<', createdUs)
    .orderBy('created_us')
    .limit(limit)
    .execute();
  return rows.map(uploadOf);
}

/** The upload and the bytes of all its parts. */
export async function uploadRemove(tx: ShardTx, id: string, nowMs: number): Promise<void> {
  const parts = await tx.selectFrom('part').select('blob').where('upload_id', '=', id).execute();
  for (const { blob } of parts) if (blob !== null) await blobRelease(tx, blob, nowMs);
  await uploadForget(tx, id);
}

/** Its parts have become pieces of an object. */
export async function uploadForget(tx: ShardTx, id: string): Promise<void> {
  await tx.deleteFrom('part').where('upload_id', '=', id).execute();
  await tx.deleteFrom('upload').where('id', '=', id).execute();
}

/** All uploads of a container that goes. */
export async function uploadsDrop(tx: ShardTx, containerId: number, nowMs: number): Promise<void> {
  const rows = await tx
    .selectFrom('upload')
    .select('id')
    .where('container_id', '=', containerId)
    .execute();
  for (const { id } of rows) await uploadRemove(tx, id, nowMs);
}

/** Replaces a part of the same number. */
export async function partUpsert(
  tx: ShardTx,
  uploadId: string,
  part: UploadPart,
  { blob, nowMs }: { readonly blob: string | null; readonly nowMs: number },
): Promise<void> {
  const old = await tx
    .deleteFrom('part')
    .where('upload_id', '=', uploadId)
    .where('number', '=', part.number)
    .returning('blob')
    .executeTakeFirst();
  if (old?.blob !== undefined && old.blob !== null) await blobRelease(tx, old.blob, nowMs);
  await tx
    .insertInto('part')
    .values({
      upload_id: uploadId,
      number: part.number,
      size: part.sizeBytes,
      etag: part.etag,
      modified_us: part.modifiedUs,
      blob,
      facts: JSON.stringify(part.facts),
    })
    .execute();
}

export async function partPage(
  tx: ShardTx,
  uploadId: string,
  after: number,
  limit: number,
): Promise<UploadPart[]> {
  const rows = await tx
    .selectFrom('part')
    .select(['number', 'size', 'etag', 'modified_us', 'facts'])
    .where('upload_id', '=', uploadId)
    .where('number', '>', after)
    .orderBy('number')
    .limit(limit)
    .execute();
  return rows.map(partOf);
}

/** The parts named become the pieces of a list, in the order of their numbers; the others lose their bytes. */
export async function partsToPieces(
  tx: ShardTx,
  { uploadId, list, numbers }: { uploadId: string; list: string; numbers: readonly number[] },
  nowMs: number,
): Promise<void> {
  const wanted = new Set(numbers);
  const rows = await tx
    .selectFrom('part')
    .select(['number', 'blob'])
    .where('upload_id', '=', uploadId)
    .execute();
  for (const { number, blob } of rows) {
    if (wanted.has(number)) continue;
    if (blob !== null) await blobRelease(tx, blob, nowMs);
    await tx
      .deleteFrom('part')
      .where('upload_id', '=', uploadId)
      .where('number', '=', number)
      .execute();
  }
  await sql`insert into piece (list, number, at, size, etag, blob, facts)
    select ${list}, number, sum(size) over (order by number) - size, size, etag, blob, facts
    from part where upload_id = ${uploadId}`.execute(tx);
}
