import { sql } from 'kysely';
import type { Tx } from './identity.tables.ts';
import { trustOf, trustRowOf, type Trust } from './trust.model.ts';

export async function trustGet(tx: Tx, id: string): Promise<Trust | null> {
  const row = await tx
    .selectFrom('identity_trust')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : trustOf(row);
}

export async function trustList(
  tx: Tx,
  filter: { readonly trustor_id?: string; readonly trustee_id?: string },
): Promise<Trust[]> {
  let query = tx.selectFrom('identity_trust').selectAll();
  if (filter.trustor_id !== undefined) query = query.where('trustor_id', '=', filter.trustor_id);
  if (filter.trustee_id !== undefined) query = query.where('trustee_id', '=', filter.trustee_id);
  const rows = await query.orderBy('id').execute();
  return rows.map(trustOf);
}

export async function trustInsert(tx: Tx, trust: Trust): Promise<void> {
  await tx.insertInto('identity_trust').values(trustRowOf(trust)).execute();
}

/** What was handed on from it goes with it. */
export async function trustRemove(tx: Tx, id: string): Promise<void> {
  for (let level = [id]; level.length > 0;) {
    const below = await tx
      .selectFrom('identity_trust')
      .select('id')
      .where('redelegated_trust_id', 'in', level)
      .execute();
    await tx.deleteFrom('identity_trust').where('id', 'in', level).execute();
    level = below.map((row) => row.id);
  }
}

/** False: it has been used as often as it may be. */
export async function trustConsume(tx: Tx, id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('identity_trust')
    .set({ remaining_uses: sql<number | null>`remaining_uses - 1` })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('remaining_uses', 'is', null), eb('remaining_uses', '>', 0)]))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Trusts that a user gave or was given, or that open a project. */
export async function trustRemoveOf(
  tx: Tx,
  column: 'trustor_id' | 'trustee_id' | 'project_id',
  id: string,
): Promise<void> {
  const rows = await tx.selectFrom('identity_trust').select('id').where(column, '=', id).execute();
  for (const row of rows) await trustRemove(tx, row.id);
}
