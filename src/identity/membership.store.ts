import type { Tx } from './identity.tables.ts';

/** Some memberships were told of by an identity provider, and end by themselves. */
export interface Member {
  readonly userId: string;
  readonly nowMs: number;
}

/** The groups that a user is in, for `in`. */
export const groupIdsOf = (tx: Tx, { userId, nowMs }: Member) =>
  tx
    .selectFrom('identity_membership')
    .select('group_id')
    .where('user_id', '=', userId)
    .union(
      tx
        .selectFrom('identity_expiring_membership')
        .select('group_id')
        .where('user_id', '=', userId)
        .where('expires_at', '>', nowMs),
    );

export interface Grouped {
  readonly groupId: string;
  readonly nowMs: number;
}

/** Who is in a group, for `in`. */
export const memberIdsOf = (tx: Tx, { groupId, nowMs }: Grouped) =>
  tx
    .selectFrom('identity_membership')
    .select('user_id')
    .where('group_id', '=', groupId)
    .union(
      tx
        .selectFrom('identity_expiring_membership')
        .select('user_id')
        .where('group_id', '=', groupId)
        .where('expires_at', '>', nowMs),
    );

export interface Membership {
  readonly groupId: string;
  readonly userId: string;
}

export async function membershipInsert(tx: Tx, { groupId, userId }: Membership): Promise<void> {
  await tx
    .insertInto('identity_membership')
    .values({ group_id: groupId, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function isMember(
  tx: Tx,
  { groupId, userId }: Membership,
  nowMs: number,
): Promise<boolean> {
  const rows = await groupIdsOf(tx, { userId, nowMs }).execute();
  return rows.some(({ group_id }) => group_id === groupId);
}

/** False: the user was not in the group, or is by what a provider says alone. */
export async function membershipRemove(tx: Tx, { groupId, userId }: Membership): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_membership')
    .where('user_id', '=', userId)
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
