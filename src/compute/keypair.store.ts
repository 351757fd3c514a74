import type { Tx } from '../kernel/db.ts';
import type { ComputeRegionTables, KeypairTable } from './compute.tables.ts';
import type { Keypair } from './keypair.model.ts';

type RegionTx = Tx<ComputeRegionTables>;

const keypairOf = (row: KeypairTable): Keypair => ({
  number: row.number,
  userId: row.user_id,
  name: row.name,
  type: row.type,
  publicKey: row.public_key,
  fingerprint: row.fingerprint,
  createdAt: row.created_at,
});

export async function keypairFind(
  tx: RegionTx,
  userId: string,
  name: string,
): Promise<Keypair | null> {
  const row = await tx
    .selectFrom('keypair')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst();
  return row === undefined ? null : keypairOf(row);
}

/** In the order of their making, which is the order of pages. */
export async function keypairSelect(tx: RegionTx, userId: string): Promise<Keypair[]> {
  const rows = await tx
    .selectFrom('keypair')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('number')
    .execute();
  return rows.map(keypairOf);
}

/** False when the user has `limit` key pairs already; counted in the transaction that inserts. */
export async function keypairInsert(
  tx: RegionTx,
  keypair: Omit<Keypair, 'number'>,
  limit: number,
): Promise<boolean> {
  const { owned } = await tx
    .selectFrom('keypair')
    .select(({ fn }) => fn.countAll<number>().as('owned'))
    .where('user_id', '=', keypair.userId)
    .executeTakeFirstOrThrow();
  if (limit >= 0 && Number(owned) >= limit) return false;
  const { newest } = await tx
    .selectFrom('keypair')
    .select(({ fn }) => fn.max<number | null>('number').as('newest'))
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('keypair')
    .values({
      number: Number(newest ?? 0) + 1,
      user_id: keypair.userId,
      name: keypair.name,
      type: keypair.type,
      public_key: keypair.publicKey,
      fingerprint: keypair.fingerprint,
      created_at: keypair.createdAt,
    })
    .execute();
  return true;
}

export async function keypairRemove(tx: RegionTx, userId: string, name: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('keypair')
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
