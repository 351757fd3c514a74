import { sql, type SelectQueryBuilder } from 'kysely';
import { notFound } from '../../kernel/errors.ts';
import type { Tx } from '../../kernel/db.ts';
import { hotStatement } from '../../kernel/hot-statement.ts';
import type { Container, Counts } from '../container.model.ts';
import type { ShardTables } from '../object.tables.ts';
import { containerOf, type ContainerRow } from './rows.ts';

type ShardTx = Tx<ShardTables>;

const joined = (
  tx: ShardTx,
): SelectQueryBuilder<ShardTables, 'container' | 'container_count', ContainerRow> =>
  tx
    .selectFrom('container')
    .innerJoin('container_count', 'container_count.container_id', 'container.id')
    .select([
      'id',
      'account',
      'name',
      'created_us',
      'modified_us',
      'versioning',
      'documents',
      'objects',
      'bytes',
      'versions',
      'version_bytes',
    ]);

const selectByName = hotStatement((tx: ShardTx, account: string, name: string) =>
  joined(tx).where('account', '=', account).where('name', '=', name),
);
const selectById = hotStatement((tx: ShardTx, id: number) => joined(tx).where('id', '=', id));

export async function containerByName(
  tx: ShardTx,
  account: string,
  name: string,
): Promise<Container | null> {
  const [row] = await selectByName(tx, account, name);
  return row === undefined ? null : containerOf(row);
}

/** As it is in this transaction; throws when it was deleted meanwhile. */
export async function containerById(tx: ShardTx, id: number): Promise<Container> {
  const [row] = await selectById(tx, id);
  if (row === undefined) throw notFound('The container was deleted.', { type: 'NoSuchContainer' });
  return containerOf(row);
}

export async function containerInsert(
  tx: ShardTx,
  { id, account, name, createdUs, modifiedUs, versioning, documents }: Container,
): Promise<void> {
  await tx
    .insertInto('container')
    .values({
      id,
      account,
      name,
      created_us: createdUs,
      modified_us: modifiedUs,
      versioning,
      documents: JSON.stringify(documents),
    })
    .execute();
  const none = { objects: 0, bytes: 0, versions: 0, version_bytes: 0 };
  await tx
    .insertInto('container_count')
    .values({ container_id: id, ...none })
    .execute();
}

export async function containerWrite(
  tx: ShardTx,
  { id, modifiedUs, versioning, documents }: Container,
): Promise<void> {
  await tx
    .updateTable('container')
    .set({ modified_us: modifiedUs, versioning, documents: JSON.stringify(documents) })
    .where('id', '=', id)
    .execute();
}

/** False: something is still in it. Uploads under way go with it, as they are seen by nobody else. */
export async function containerIsEmpty(tx: ShardTx, id: number): Promise<boolean> {
  const { rows } = await sql<{ full: number }>`select case when
    exists (select 1 from object where container_id = ${id})
    or exists (select 1 from version where container_id = ${id}) then 1 else 0 end as full`.execute(
    tx,
  );
  return rows[0]?.full === 0;
}

export async function containerRemove(tx: ShardTx, id: number): Promise<void> {
  await tx.deleteFrom('container').where('id', '=', id).execute();
  await tx.deleteFrom('container_count').where('container_id', '=', id).execute();
}

const updateCounts = hotStatement(
  (
    tx: ShardTx,
    id: number,
    objects: number,
    bytes: number,
    versions: number,
    versionBytes: number,
  ) =>
    tx
      .updateTable('container_count')
      .set({
        objects: sql`objects + ${objects}`,
        bytes: sql`bytes + ${bytes}`,
        versions: sql`versions + ${versions}`,
        version_bytes: sql`version_bytes + ${versionBytes}`,
      })
      .where('container_id', '=', id),
);

export async function countsAdd(tx: ShardTx, id: number, change: Counts): Promise<void> {
  const { objects, bytes, versions, versionBytes } = change;
  await updateCounts(tx, id, objects, bytes, versions, versionBytes);
}

export interface ContainerPage {
  readonly account: string;
  /** Names from here on, this one included; null: from the first. */
  readonly from: string | null;
  /** Names before this one; null: to the last. */
  readonly before: string | null;
  readonly isReverse: boolean;
  readonly limit: number;
}

export async function containersOfAccount(tx: ShardTx, page: ContainerPage): Promise<Container[]> {
  let query = joined(tx).where('account', '=', page.account);
  if (page.from !== null) query = query.where('name', '>=', page.from);
  if (page.before !== null) query = query.where('name', '<', page.before);
  const rows = await query
    .orderBy('name', page.isReverse ? 'desc' : 'asc')
    .limit(page.limit)
    .execute();
  return rows.map(containerOf);
}

/** All containers of a shard, a page at a time in the order of their ids. */
export async function containersAfter(
  tx: ShardTx,
  afterId: number,
  limit: number,
): Promise<Container[]> {
  const rows = await joined(tx).where('id', '>', afterId).orderBy('id').limit(limit).execute();
  return rows.map(containerOf);
}

export async function accountSums(
  tx: ShardTx,
  account: string,
): Promise<{ containers: number; objects: number; bytes: number }> {
  const { rows } = await sql<{ containers: number; objects: number; bytes: number }>`
    select count(*) as containers, coalesce(sum(objects), 0) as objects, coalesce(sum(bytes), 0) as bytes
    from container join container_count on container_id = id where account = ${account}`.execute(
    tx,
  );
  const { containers = 0, objects = 0, bytes = 0 } = rows[0] ?? {};
  return { containers: Number(containers), objects: Number(objects), bytes: Number(bytes) };
}
