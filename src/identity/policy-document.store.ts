import type { PolicyRow, Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import type { PolicyDocument } from './policy-document.schema.ts';
import type { Extra } from './project.model.ts';

const policyOf = ({ extra, ...row }: PolicyRow): PolicyDocument => ({
  ...row,
  extra: JSON.parse(extra) as Extra,
});

const rowOf = ({ extra, ...policy }: PolicyDocument): PolicyRow => ({
  ...policy,
  extra: JSON.stringify(extra),
});

export async function policyGet(tx: Tx, id: string): Promise<PolicyDocument | null> {
  const row = await tx
    .selectFrom('identity_policy')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : policyOf(row);
}

export async function policyList(tx: Tx, listing: Listing): Promise<PolicyDocument[]> {
  const query = tx.selectFrom('identity_policy').selectAll();
  const rows = await listingApply(query, listing).execute();
  return rows.map(policyOf);
}

export async function policyInsert(tx: Tx, policy: PolicyDocument): Promise<void> {
  await tx.insertInto('identity_policy').values(rowOf(policy)).execute();
}

export async function policyUpdate(tx: Tx, policy: PolicyDocument): Promise<void> {
  const { id, ...changes } = rowOf(policy);
  await tx.updateTable('identity_policy').set(changes).where('id', '=', id).execute();
}

/** False: there is none. */
export async function policyRemove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_policy')
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
