import { sql } from 'kysely';
import type { Tx } from '../../kernel/db.ts';
import type { Blob } from '../blob/blob.model.ts';
import type { ShardTables } from '../object.tables.ts';
import { blobColumns, blobOf } from './blob.store.ts';

type ShardTx = Tx<ShardTables>;

/** Ids of files given up before a moment, in the order of the ids. */
export async function reclaimPage(
  tx: ShardTx,
  { horizonMs, after }: { readonly horizonMs: number; readonly after: string },
  limit: number,
): Promise<string[]> {
  const rows = await tx
    .selectFrom('reclaim')
    .select('blob')
    .where('deleted_ms', '<', horizonMs)
    .where('blob', '>', after)
    .orderBy('blob')
    .limit(limit)
    .execute();
  return rows.map(({ blob }) => blob);
}

export async function reclaimForget(tx: ShardTx, ids: readonly string[]): Promise<void> {
  await tx.deleteFrom('reclaim').where('blob', 'in', ids).execute();
}

/** Those of the ids that this database knows, in use or given up. */
export async function blobsKnown(tx: ShardTx, ids: readonly string[]): Promise<string[]> {
  const used = await tx.selectFrom('blob').select('id').where('id', 'in', ids).execute();
  const given = await tx.selectFrom('reclaim').select('blob').where('blob', 'in', ids).execute();
  return [...used.map(({ id }) => id), ...given.map(({ blob }) => blob)];
}

/** Bytes of segments that nothing needs any more. */
export async function segmentsDead(tx: ShardTx): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.selectFrom('segment_dead').selectAll().execute();
  return new Map(rows.map(({ segment, bytes }) => [segment, bytes]));
}

/** From now on no row will name the segment that does not now. */
export async function segmentClose(tx: ShardTx, name: string, nowMs: number): Promise<void> {
  await tx
    .insertInto('closed_segment')
    .values({ name, closed_ms: nowMs, emptied_ms: null })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

export async function segmentBlobs(tx: ShardTx, name: string, limit: number): Promise<Blob[]> {
  const rows = await tx
    .selectFrom('blob')
    .select(blobColumns)
    .where('segment', '=', name)
    .where('damaged_ms', 'is', null)
    .limit(limit)
    .execute();
  return rows.map(blobOf);
}

/** False: it was deleted meanwhile. */
export async function blobMove(
  tx: ShardTx,
  blob: Blob,
  to: { readonly segment: string; readonly at: number },
): Promise<void> {
  await tx
    .updateTable('blob')
    .set({ segment: to.segment, at: to.at })
    .where('id', '=', blob.id)
    .where('segment', '=', blob.segment)
    .execute();
}

/** Nothing good is in it any more. What is damaged stays where it is, and the segment with it. */
export async function segmentIsEmpty(tx: ShardTx, name: string): Promise<boolean> {
  const row = await tx
    .selectFrom('blob')
    .select('id')
    .where('segment', '=', name)
    .limit(1)
    .executeTakeFirst();
  return row === undefined;
}

export async function segmentEmptied(tx: ShardTx, name: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('closed_segment')
    .set({ emptied_ms: nowMs })
    .where('name', '=', name)
    .where('emptied_ms', 'is', null)
    .execute();
  await tx.deleteFrom('segment_dead').where('segment', '=', name).execute();
}

/** Names of segments that were emptied before a moment. */
export async function segmentsEmptiedBefore(tx: ShardTx, horizonMs: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('closed_segment')
    .select('name')
    .where('emptied_ms', '<', horizonMs)
    .execute();
  return rows.map(({ name }) => name);
}

/** The fence may go once no worker that knew the segment can still be there. */
export async function segmentsForget(tx: ShardTx, beforeMs: number): Promise<void> {
  await tx.deleteFrom('closed_segment').where('emptied_ms', '<', beforeMs).execute();
}

/** Blobs in the order of their ids, for the scrubber. */
export async function blobsAfter(
  tx: ShardTx,
  afterId: string,
  limit: number,
): Promise<(Blob & { readonly isDamaged: boolean })[]> {
  const rows = await tx
    .selectFrom('blob')
    .select(blobColumns)
    .select('damaged_ms')
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...blobOf(row), isDamaged: row.damaged_ms !== null }));
}

export async function damagedSet(
  tx: ShardTx,
  { id, at }: Blob,
  damagedMs: number | null,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('blob')
    .set({ damaged_ms: damagedMs })
    .where('id', '=', id)
    // Moved meanwhile: then it was good.
    .where('at', '=', at)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export interface DamagedObject {
  readonly blob: string;
  readonly damagedMs: number;
  readonly account: string;
  readonly container: string;
  readonly name: string;
}

/** What the operator has to know: whose bytes were found differing from their sums. */
export async function damagedList(tx: ShardTx, limit: number): Promise<DamagedObject[]> {
  const { rows } = await sql<DamagedObject>`
    select blob.id as blob, damaged_ms as "damagedMs", account, container.name as container, o.name as name
    from blob
    left join piece on piece.blob = blob.id
    join (select container_id, name, body from object union all select container_id, name, body from version) as o
      on o.body = coalesce(piece.list, blob.id)
    join container on container.id = o.container_id
    where damaged_ms is not null limit ${limit}`.execute(tx);
  return rows;
}

export async function storedSums(tx: ShardTx): Promise<{
  containers: number;
  objects: number;
  bytes: number;
  versions: number;
  versionBytes: number;
  uploads: number;
  damaged: number;
  reclaimable: number;
}> {
  const { rows } = await sql<Record<string, number>>`select
    (select count(*) from container) as containers,
    (select coalesce(sum(objects), 0) from container_count) as objects,
    (select coalesce(sum(bytes), 0) from container_count) as bytes,
    (select coalesce(sum(versions), 0) from container_count) as versions,
    (select coalesce(sum(version_bytes), 0) from container_count) as "versionBytes",
    (select count(*) from upload) as uploads,
    (select count(*) from blob where damaged_ms is not null) as damaged,
    (select count(*) from reclaim) as reclaimable`.execute(tx);
  const row = rows[0] ?? {};
  const at = (name: string): number => Number(row[name] ?? 0);
  return {
    containers: at('containers'),
    objects: at('objects'),
    bytes: at('bytes'),
    versions: at('versions'),
    versionBytes: at('versionBytes'),
    uploads: at('uploads'),
    damaged: at('damaged'),
    reclaimable: at('reclaimable'),
  };
}

/** In the list of what is to be reclaimed: the file of this store's own disk only. */
const localMark = 'local:';

export const reclaimedId = (text: string): { readonly id: string; readonly isLocal: boolean } =>
  text.startsWith(localMark)
    ? { id: text.slice(localMark.length), isLocal: true }
    : { id: text, isLocal: false };

/** The bytes are outside now. False: they were deleted, or moved within the disk, meanwhile. */
export async function blobMoveOut(tx: ShardTx, blob: Blob, nowMs: number): Promise<boolean> {
  const { id, place, segment, at, sizeBytes } = blob;
  const { numUpdatedRows } = await tx
    .updateTable('blob')
    .set({ place: 'outside', segment: null, at: 0 })
    .where('id', '=', id)
    .where('place', '=', place)
    .where('at', '=', at)
    .where('segment', segment === null ? 'is' : '=', segment)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  if (segment === null) {
    const gone = { blob: `${localMark}${id}`, deleted_ms: nowMs };
    await tx.insertInto('reclaim').values(gone).execute();
  } else {
    await tx
      .insertInto('segment_dead')
      .values({ segment, bytes: sizeBytes })
      .onConflict((conflict) =>
        conflict.column('segment').doUpdateSet({ bytes: sql`segment_dead.bytes + ${sizeBytes}` }),
      )
      .execute();
  }
  return true;
}
