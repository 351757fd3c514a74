import type { Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import { roleOf, roleRowOf, type Role } from './role.model.ts';
import { uniqueStore } from './unique.ts';

export async function roleGet(tx: Tx, id: string): Promise<Role | null> {
  const row = await tx
    .selectFrom('identity_role')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : roleOf(row);
}

export async function roleListByIds(tx: Tx, ids: readonly string[]): Promise<Role[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .selectFrom('identity_role')
    .selectAll()
    .where('id', 'in', ids)
    .orderBy('id')
    .execute();
  return rows.map(roleOf);
}

/** Of one domain, or the global ones. */
export async function roleList(tx: Tx, listing: Listing, domainId: string | null): Promise<Role[]> {
  const query = tx.selectFrom('identity_role').selectAll();
  const narrowed =
    domainId === null
      ? query.where('domain_id', 'is', null)
      : query.where('domain_id', '=', domainId);
  const rows = await listingApply(narrowed, listing).execute();
  return rows.map(roleOf);
}

export async function roleInsert(tx: Tx, role: Role): Promise<void> {
  await uniqueStore(tx.insertInto('identity_role').values(roleRowOf(role)), nameTaken(role));
}

export async function roleUpdate(tx: Tx, role: Role): Promise<void> {
  const { id, ...changes } = roleRowOf(role);
  await uniqueStore(
    tx.updateTable('identity_role').set(changes).where('id', '=', id),
    nameTaken(role),
  );
}

/** What was assigned and implied goes with it, by reference. */
export async function roleRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_role').where('id', '=', id).execute();
}

export interface Implication {
  readonly priorId: string;
  readonly impliedId: string;
}

export async function implicationInsert(
  tx: Tx,
  { priorId, impliedId }: Implication,
): Promise<void> {
  await tx
    .insertInto('identity_implication')
    .values({ prior_role_id: priorId, implied_role_id: impliedId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** False: it was not implied. */
export async function implicationRemove(
  tx: Tx,
  { priorId, impliedId }: Implication,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_implication')
    .where('prior_role_id', '=', priorId)
    .where('implied_role_id', '=', impliedId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function implicationList(
  tx: Tx,
  priorId: string | null = null,
): Promise<Implication[]> {
  let query = tx.selectFrom('identity_implication').selectAll();
  if (priorId !== null) query = query.where('prior_role_id', '=', priorId);
  const rows = await query.orderBy('implied_role_id').execute();
  return rows.map((row) => ({ priorId: row.prior_role_id, impliedId: row.implied_role_id }));
}

const nameTaken = ({ name, domainId }: Role): string =>
  `role - Duplicate entry found with name ${name}${domainId === null ? '' : ` at domain ID ${domainId}`}`;
