import { sql } from 'kysely';
import type { Tx } from '../../kernel/db.ts';
import { hotStatement } from '../../kernel/hot-statement.ts';
import type { ObjectRow, ShardTables } from '../object.tables.ts';

type ShardTx = Tx<ShardTables>;

export async function currentGet(
  tx: ShardTx,
  containerId: number,
  name: string,
): Promise<ObjectRow | null> {
  const [row] = await selectCurrent(tx, containerId, name);
  return row ?? null;
}

const selectCurrent = hotStatement((tx: ShardTx, containerId: number, name: string) =>
  tx
    .selectFrom('object')
    .selectAll()
    .where('container_id', '=', containerId)
    .where('name', '=', name),
);

/** The newest of the versions that are not current: the latest of all when there is no current one. */
export async function newestVersion(
  tx: ShardTx,
  containerId: number,
  name: string,
): Promise<ObjectRow | null> {
  const [row] = await selectNewest(tx, containerId, name);
  return row ?? null;
}

const selectNewest = hotStatement((tx: ShardTx, containerId: number, name: string) =>
  tx
    .selectFrom('version')
    .selectAll()
    .where('container_id', '=', containerId)
    .where('name', '=', name)
    .orderBy('seq', 'desc')
    .limit(1),
);

/** Which version: `null` for the one without a number, else its number. */
export interface VersionKey {
  readonly containerId: number;
  readonly name: string;
  readonly seq: number | null;
}

export async function versionGet(
  tx: ShardTx,
  table: 'object' | 'version',
  { containerId, name, seq }: VersionKey,
): Promise<ObjectRow | null> {
  const query = tx
    .selectFrom(table)
    .selectAll()
    .where('container_id', '=', containerId)
    .where('name', '=', name);
  const row = await (
    seq === null
      ? query.where('versioned', '=', 0)
      : query.where('seq', '=', seq).where('versioned', '=', 1)
  ).executeTakeFirst();
  return row ?? null;
}

/** A version wherever it is now. */
export async function versionBySeq(
  tx: ShardTx,
  { containerId, name, seq }: { containerId: number; name: string; seq: number },
): Promise<ObjectRow | null> {
  for (const table of ['object', 'version'] as const) {
    const row = await tx
      .selectFrom(table)
      .selectAll()
      .where('container_id', '=', containerId)
      .where('name', '=', name)
      .where('seq', '=', seq)
      .executeTakeFirst();
    if (row !== undefined) return row;
  }
  return null;
}

/** Takes the place of the current one, which the caller has moved or released. */
export async function currentPut(tx: ShardTx, row: ObjectRow): Promise<void> {
  const { container_id, name, seq, versioned, marker, size, etag, content_type } = row;
  const { modified_us, expires_ms, body, pieces, facts } = row;
  const key = [container_id, name] as const;
  const rest = [seq, versioned, marker, size, etag, content_type, modified_us, expires_ms] as const;
  await upsertCurrent(tx, ...key, ...rest, body, pieces, facts);
}

const upsertCurrent = hotStatement(
  (
    tx: ShardTx,
    container_id: number,
    name: string,
    seq: number,
    versioned: ObjectRow['versioned'],
    marker: ObjectRow['marker'],
    size: number,
    etag: string,
    content_type: string,
    modified_us: number,
    expires_ms: number | null,
    body: string | null,
    pieces: number,
    facts: string,
  ) =>
    tx
      .insertInto('object')
      .values({
        container_id,
        name,
        seq,
        versioned,
        marker,
        size,
        etag,
        content_type,
        modified_us,
        expires_ms,
        body,
        pieces,
        facts,
      })
      .onConflict((conflict) =>
        conflict.columns(['container_id', 'name']).doUpdateSet((e) => ({
          seq: e.ref('excluded.seq'),
          versioned: e.ref('excluded.versioned'),
          marker: e.ref('excluded.marker'),
          size: e.ref('excluded.size'),
          etag: e.ref('excluded.etag'),
          content_type: e.ref('excluded.content_type'),
          modified_us: e.ref('excluded.modified_us'),
          expires_ms: e.ref('excluded.expires_ms'),
          body: e.ref('excluded.body'),
          pieces: e.ref('excluded.pieces'),
          facts: e.ref('excluded.facts'),
        })),
      ),
);

export async function currentRemove(tx: ShardTx, containerId: number, name: string): Promise<void> {
  await deleteCurrent(tx, containerId, name);
}

const deleteCurrent = hotStatement((tx: ShardTx, containerId: number, name: string) =>
  tx.deleteFrom('object').where('container_id', '=', containerId).where('name', '=', name),
);

export async function versionInsert(tx: ShardTx, row: ObjectRow): Promise<void> {
  await tx.insertInto('version').values(row).execute();
}

export async function versionRemove(tx: ShardTx, row: ObjectRow): Promise<void> {
  await tx
    .deleteFrom('version')
    .where('container_id', '=', row.container_id)
    .where('name', '=', row.name)
    .where('seq', '=', row.seq)
    .execute();
}

export async function factsWrite(
  tx: ShardTx,
  table: 'object' | 'version',
  row: ObjectRow,
): Promise<void> {
  const { facts, content_type, modified_us, expires_ms, etag } = row;
  await tx
    .updateTable(table)
    .set({ facts, content_type, modified_us, expires_ms, etag })
    .where('container_id', '=', row.container_id)
    .where('name', '=', row.name)
    .where('seq', '=', row.seq)
    .execute();
}

export interface NameRange {
  readonly containerId: number;
  /** From this name on; null: from the first. */
  readonly from: string | null;
  readonly isFromIncluded: boolean;
  /** Up to this name; null: to the last. */
  readonly to: string | null;
  readonly isToIncluded: boolean;
}

/** Current objects in the order of their names, or backwards. */
export async function currentPage(
  tx: ShardTx,
  { containerId, from, isFromIncluded, to, isToIncluded }: NameRange,
  { isReverse, limit }: { readonly isReverse: boolean; readonly limit: number },
): Promise<Omit<ObjectRow, 'body'>[]> {
  let query = tx
    .selectFrom('object')
    .select(['container_id', 'name', 'seq', 'versioned', 'marker', 'size', 'etag', 'content_type'])
    .select(['modified_us', 'expires_ms', 'pieces', 'facts'])
    .where('container_id', '=', containerId);
  if (from !== null) query = query.where('name', isFromIncluded ? '>=' : '>', from);
  if (to !== null) query = query.where('name', isToIncluded ? '<=' : '<', to);
  return await query
    .orderBy('name', isReverse ? 'desc' : 'asc')
    .limit(limit)
    .execute();
}

export interface VersionPlace {
  readonly name: string;
  /** Null: before every version of the name. */
  readonly seq: number | null;
}

export interface ListedRow extends Omit<ObjectRow, 'body'> {
  /** 1: it is the current object; -1: another version of the name is; 0: none is. */
  readonly current: number;
}

/** Every version of every name, newest first within a name, strictly behind `after`. */
export async function versionPage(
  tx: ShardTx,
  containerId: number,
  after: VersionPlace | null,
  { to, limit }: { readonly to: string | null; readonly limit: number },
): Promise<ListedRow[]> {
  const columns = sql.raw(
    'container_id, name, seq, versioned, marker, size, etag, content_type, modified_us, expires_ms, pieces, facts',
  );
  const bounds = sql`container_id = ${containerId}
    ${after === null ? sql`` : after.seq === null ? sql`and name >= ${after.name}` : sql`and name >= ${after.name} and (name > ${after.name} or seq < ${after.seq})`}
    ${to === null ? sql`` : sql`and name < ${to}`}`;
  const { rows } = await sql<ListedRow>`
    select * from (select ${columns}, 1 as current from object where ${bounds} order by name limit ${limit}) as a
    union all
    select * from (select ${columns}, case when exists (select 1 from object as o
      where o.container_id = version.container_id and o.name = version.name) then -1 else 0 end as current
      from version where ${bounds} order by name, seq desc limit ${limit}) as b
    order by name, seq desc limit ${limit}`.execute(tx);
  return rows;
}

export interface ExpiredQuery {
  readonly nowMs: number;
  readonly afterMs: number;
  /** Null: of all containers. */
  readonly containerId?: number | null;
}

/** Objects and versions whose time is over, those longest over first. */
export async function expiredList(
  tx: ShardTx,
  { nowMs, afterMs, containerId = null }: ExpiredQuery,
  limit: number,
): Promise<Pick<ObjectRow, 'container_id' | 'name' | 'seq' | 'versioned' | 'expires_ms'>[]> {
  const rows = await Promise.all(
    (['object', 'version'] as const).map((table) =>
      tx
        .selectFrom(table)
        .select(['container_id', 'name', 'seq', 'versioned', 'expires_ms'])
        .where('expires_ms', '<=', nowMs)
        .where('expires_ms', '>=', afterMs)
        .$if(containerId !== null, (query) => query.where('container_id', '=', containerId))
        .orderBy('expires_ms')
        .limit(limit)
        .execute(),
    ),
  );
  return rows
    .flat()
    .toSorted((a, b) => (a.expires_ms ?? 0) - (b.expires_ms ?? 0))
    .slice(0, limit);
}
