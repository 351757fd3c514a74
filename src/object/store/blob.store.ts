import { sql } from 'kysely';
import type { Tx } from '../../kernel/db.ts';
import { hotStatement } from '../../kernel/hot-statement.ts';
import { unavailable, type Failure } from '../../kernel/errors.ts';
import type { Blob } from '../blob/blob.model.ts';
import type { ShardTables } from '../object.tables.ts';

type ShardTx = Tx<ShardTables>;

/** A file without a row is removed after an hour; no row may come then. */
const commitLimitMs = 600_000;

const late = (): Failure => unavailable('The bytes came too late; send them again.');

const selectClosed = hotStatement((tx: ShardTx, name: string) =>
  tx.selectFrom('closed_segment').select('name').where('name', '=', name),
);

const insertBlob = hotStatement(
  (
    tx: ShardTx,
    id: string,
    place: Blob['place'],
    segment: string | null,
    at: number,
    size: number,
    sums: Uint8Array,
  ) =>
    tx.insertInto('blob').values({ id, place, segment, at, size, sums, refs: 1, damaged_ms: null }),
);

/**
 * Bytes that were written become something the database knows. A segment that is being emptied takes no more: whoever
 * empties it has counted what is in it.
 */
export async function blobInsert(
  tx: ShardTx,
  { id, place, segment, at, sizeBytes, sums }: Blob,
  { finishedMs, nowMs }: { readonly finishedMs: number; readonly nowMs: number },
): Promise<void> {
  const isLate = nowMs - finishedMs > commitLimitMs;
  if (segment !== null) {
    const [closed] = await selectClosed(tx, segment);
    if (closed !== undefined) throw late();
  }
  if (isLate) throw late();
  await insertBlob(tx, id, place, segment, at, sizeBytes, sums);
}

export const blobColumns = [
  'blob.id',
  'blob.place',
  'blob.segment',
  'blob.at',
  'blob.size',
  'blob.sums',
] as const;

type BlobRow = Pick<ShardTables['blob'], 'id' | 'place' | 'segment' | 'at' | 'size' | 'sums'>;

export const blobOf = ({ id, place, segment, at, size, sums }: BlobRow): Blob => ({
  id,
  place,
  segment,
  at,
  sizeBytes: size,
  sums,
});

export async function blobGet(tx: ShardTx, id: string): Promise<Blob> {
  const [row] = await selectBlob(tx, id);
  if (row === undefined) throw new Error(`the bytes ${id} have no row`);
  return blobOf(row);
}

const selectBlob = hotStatement((tx: ShardTx, id: string) =>
  tx.selectFrom('blob').select(blobColumns).where('id', '=', id),
);

const updateRefs = hotStatement((tx: ShardTx, id: string) =>
  tx
    .updateTable('blob')
    .set({ refs: sql`refs - 1` })
    .where('id', '=', id)
    .returning(['refs', 'segment', 'size']),
);

const deleteBlob = hotStatement((tx: ShardTx, id: string) =>
  tx.deleteFrom('blob').where('id', '=', id),
);

const insertDead = hotStatement((tx: ShardTx, segment: string, bytes: number, more: number) =>
  tx
    .insertInto('segment_dead')
    .values({ segment, bytes })
    .onConflict((conflict) =>
      conflict.column('segment').doUpdateSet({ bytes: sql`segment_dead.bytes + ${more}` }),
    ),
);

export interface PieceBlob {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly blob: Blob;
}

/** All bytes of a version, in order. */
export async function piecesOf(
  tx: ShardTx,
  { body, pieces }: { readonly body: string | null; readonly pieces: number },
): Promise<PieceBlob[]> {
  if (body === null) return [];
  if (pieces === 0) {
    const blob = await blobGet(tx, body);
    return [{ offset: 0, sizeBytes: blob.sizeBytes, blob }];
  }
  const rows = await tx
    .selectFrom('piece')
    .innerJoin('blob', 'blob.id', 'piece.blob')
    .select('piece.at as offset')
    .select(blobColumns)
    .where('piece.list', '=', body)
    .orderBy('piece.at')
    .execute();
  return rows.map(({ offset, ...row }) => ({ offset, sizeBytes: row.size, blob: blobOf(row) }));
}

/** One need less; what nobody needs is reclaimed later, when no reader can be in it any more. */
export async function blobRelease(tx: ShardTx, id: string, nowMs: number): Promise<void> {
  const [row] = await updateRefs(tx, id);
  if (row === undefined || row.refs > 0) return;
  await deleteBlob(tx, id);
  if (row.segment !== null) {
    await insertDead(tx, row.segment, row.size, row.size);
    return;
  }
  await tx.insertInto('reclaim').values({ blob: id, deleted_ms: nowMs }).execute();
}

/** The bytes of a version that goes: `body` is a blob, or a list of `pieces`. */
export async function bodyRelease(
  tx: ShardTx,
  { body, pieces }: { readonly body: string | null; readonly pieces: number },
  nowMs: number,
): Promise<void> {
  if (body === null) return;
  if (pieces === 0) return blobRelease(tx, body, nowMs);
  const rows = await tx.selectFrom('piece').select('blob').where('list', '=', body).execute();
  for (const { blob } of rows) if (blob !== null) await blobRelease(tx, blob, nowMs);
  await tx.deleteFrom('piece').where('list', '=', body).execute();
}

/** The same bytes for one more version; the id of the body it has. */
export async function bodyShare(
  tx: ShardTx,
  { body, pieces }: { readonly body: string | null; readonly pieces: number },
  newList: string,
): Promise<string | null> {
  if (body === null) return null;
  if (pieces === 0) {
    await tx
      .updateTable('blob')
      .set({ refs: sql`refs + 1` })
      .where('id', '=', body)
      .execute();
    return body;
  }
  await sql`update blob set refs = refs + (select count(*) from piece where list = ${body} and piece.blob = blob.id)
    where id in (select blob from piece where list = ${body})`.execute(tx);
  await sql`insert into piece (list, number, at, size, etag, blob, facts)
    select ${newList}, number, at, size, etag, blob, facts from piece where list = ${body}`.execute(
    tx,
  );
  return newList;
}
