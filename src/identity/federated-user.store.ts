import { createHash } from 'node:crypto';
import type { Assertion, FederatedId, IdentityProvider } from './federation.model.ts';
import type { FederatedUserRow, Tx } from './identity.tables.ts';
import { uniqueStore } from './unique.ts';

const idOf = (row: FederatedUserRow): FederatedId => ({
  idpId: row.idp_id,
  protocolId: row.protocol_id,
  uniqueId: row.unique_id,
});

/** The id of the user who is known so at a provider. */
export async function federatedUserFind(tx: Tx, id: FederatedId): Promise<string | null> {
  const row = await tx
    .selectFrom('identity_federated_user')
    .select('user_id')
    .where('idp_id', '=', id.idpId)
    .where('protocol_id', '=', id.protocolId)
    .where('unique_id', '=', id.uniqueId)
    .executeTakeFirst();
  return row?.user_id ?? null;
}

/** By user; who comes from no provider has no entry. */
export async function federatedIdsOf(
  tx: Tx,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, readonly FederatedId[]>> {
  const found = new Map<string, FederatedId[]>();
  for (let at = 0; at < userIds.length; at += chunkSize) {
    const rows = await tx
      .selectFrom('identity_federated_user')
      .selectAll()
      .where('user_id', 'in', userIds.slice(at, at + chunkSize))
      .orderBy('idp_id')
      .orderBy('protocol_id')
      .execute();
    for (const row of rows) found.set(row.user_id, [...(found.get(row.user_id) ?? []), idOf(row)]);
  }
  return found;
}

/** SQL takes a bounded number of values. */
const chunkSize = 500;

export async function federatedIdInsert(tx: Tx, userId: string, id: FederatedId): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_federated_user').values({
      idp_id: id.idpId,
      protocol_id: id.protocolId,
      unique_id: id.uniqueId,
      user_id: userId,
    }),
    `federated_user - Duplicate entry found with ID ${id.uniqueId}`,
  );
}

export async function federatedIdsRemove(tx: Tx, userId: string): Promise<void> {
  await tx.deleteFrom('identity_federated_user').where('user_id', '=', userId).execute();
}

export interface ToldGroups {
  readonly userId: string;
  readonly groupIds: readonly string[];
}

/** What the provider says now replaces what it said before. True where tokens may depend on the difference. */
export async function expiringMembershipsSet(
  tx: Tx,
  provider: IdentityProvider,
  { userId, groupIds }: ToldGroups,
  nowMs: number,
): Promise<void> {
  const lifeMs = lifeMsOf(provider);
  await tx
    .deleteFrom('identity_expiring_membership')
    .where('user_id', '=', userId)
    .where('idp_id', '=', provider.id)
    .execute();
  if (lifeMs === 0) return;
  for (const groupId of groupIds) {
    await tx
      .insertInto('identity_expiring_membership')
      .values({
        user_id: userId,
        group_id: groupId,
        idp_id: provider.id,
        verified_at: nowMs,
        expires_at: nowMs + lifeMs,
      })
      .execute();
  }
}

const lifeMsOf = ({ authorizationTtlMinutes }: IdentityProvider): number =>
  (authorizationTtlMinutes ?? 0) * 60_000;

/** Groups that the provider told of and that still count. */
export async function toldGroupIds(
  tx: Tx,
  { userId, idpId }: { readonly userId: string; readonly idpId: string },
  nowMs: number,
): Promise<string[]> {
  const rows = await tx
    .selectFrom('identity_expiring_membership')
    .select('group_id')
    .where('user_id', '=', userId)
    .where('idp_id', '=', idpId)
    .where('expires_at', '>', nowMs)
    .execute();
  return rows.map(({ group_id }) => group_id);
}

/** The time to live has changed: for those who logged in before as well. */
export async function membershipsRenew(tx: Tx, provider: IdentityProvider): Promise<void> {
  const lifeMs = lifeMsOf(provider);
  await tx
    .updateTable('identity_expiring_membership')
    .set((eb) => ({ expires_at: eb('verified_at', '+', lifeMs) }))
    .where('idp_id', '=', provider.id)
    .execute();
}

/** When the first membership of a user ends by itself. */
export async function membershipsEndMs(tx: Tx, userId: string, nowMs: number): Promise<number> {
  const row = await tx
    .selectFrom('identity_expiring_membership')
    .select((eb) => eb.fn.min('expires_at').as('end'))
    .where('user_id', '=', userId)
    .where('expires_at', '>', nowMs)
    .executeTakeFirst();
  return row?.end == null ? Infinity : Number(row.end);
}

/** By group: when the membership of a user ends by itself. */
export async function membershipEnds(
  tx: Tx,
  userId: string,
  nowMs: number,
): Promise<ReadonlyMap<string, number>> {
  const rows = await tx
    .selectFrom('identity_expiring_membership')
    .select(['group_id', 'expires_at'])
    .where('user_id', '=', userId)
    .where('expires_at', '>', nowMs)
    .execute();
  return new Map(rows.map(({ group_id, expires_at }) => [group_id, Number(expires_at)]));
}

/** The same for the same assertion, so that many log-ins are one row. */
export const assertionIdOf = ({ idpId, protocolId, groupIds, remoteId }: Assertion): string =>
  createHash('sha256')
    .update(JSON.stringify([idpId, protocolId, groupIds?.toSorted() ?? null, remoteId]))
    .digest('hex')
    .slice(0, 32);

/** Null: who came so could not come any more, as the provider is disabled or not called so, or the protocol or its mapping is gone. */
export async function assertionGet(tx: Tx, id: string): Promise<Assertion | null> {
  const row = await tx
    .selectFrom('identity_assertion as a')
    .innerJoin('identity_provider as p', 'p.id', 'a.idp_id')
    .innerJoin('identity_protocol as q', (join) =>
      join.onRef('q.idp_id', '=', 'a.idp_id').onRef('q.id', '=', 'a.protocol_id'),
    )
    .innerJoin('identity_mapping as m', 'm.id', 'q.mapping_id')
    .select(['a.idp_id', 'a.protocol_id', 'a.group_ids', 'a.remote_id'])
    .where('a.id', '=', id)
    .where('p.enabled', '=', 1)
    .executeTakeFirst();
  if (row === undefined) return null;
  const remoteIds = await tx
    .selectFrom('identity_provider_remote_id')
    .select('remote_id')
    .where('idp_id', '=', row.idp_id)
    .execute();
  const isCalledSo =
    row.remote_id === null
      ? remoteIds.length === 0
      : remoteIds.some(({ remote_id }) => remote_id === row.remote_id);
  if (!isCalledSo) return null;
  return {
    idpId: row.idp_id,
    protocolId: row.protocol_id,
    groupIds: await groupsLeft(tx, JSON.parse(row.group_ids) as string[] | null),
    remoteId: row.remote_id,
  };
}

async function groupsLeft(tx: Tx, told: string[] | null): Promise<string[] | null> {
  if (told === null || told.length === 0) return told;
  const rows = await tx.selectFrom('identity_group').select('id').where('id', 'in', told).execute();
  return rows.map(({ id }) => id);
}

export async function assertionPut(tx: Tx, assertion: Assertion): Promise<string> {
  const id = assertionIdOf(assertion);
  await tx
    .insertInto('identity_assertion')
    .values({
      id,
      idp_id: assertion.idpId,
      protocol_id: assertion.protocolId,
      group_ids: JSON.stringify(assertion.groupIds?.toSorted() ?? null),
      remote_id: assertion.remoteId,
    })
    .onConflict((held) => held.doNothing())
    .execute();
  return id;
}
