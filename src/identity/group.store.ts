import type { Tx } from './identity.tables.ts';
import { UniqueViolation } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import { membershipEnds } from './federated-user.store.ts';
import { groupOf, groupRowOf, type Group } from './group.model.ts';
import { listingApply, type Listing } from './listing.ts';

/** Without those that their directory does not have any more, though what they were given is kept. */
const groups = (tx: Tx) =>
  tx
    .selectFrom('identity_group')
    .selectAll()
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('identity_directory_entry')
            .select('public_id')
            .whereRef('public_id', '=', 'identity_group.id')
            .where('gone', '=', 1),
        ),
      ),
    );

export async function groupGet(tx: Tx, id: string): Promise<Group | null> {
  const row = await groups(tx).where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : groupOf(row);
}

/** Those of one user where a member is given. */
export async function groupList(
  tx: Tx,
  listing: Listing,
  member: { readonly userId: string; readonly nowMs: number } | null = null,
): Promise<Group[]> {
  let query = groups(tx);
  if (member !== null) {
    const { userId, nowMs } = member;
    query = query.where((eb) =>
      eb.or([
        eb('id', 'in', (of) =>
          of.selectFrom('identity_membership').select('group_id').where('user_id', '=', userId),
        ),
        eb('id', 'in', (of) =>
          of
            .selectFrom('identity_expiring_membership')
            .select('group_id')
            .where('user_id', '=', userId)
            .where('expires_at', '>', nowMs),
        ),
      ]),
    );
  }
  const rows = await listingApply(query, listing).execute();
  return rows.map(groupOf);
}

export async function groupListByIds(tx: Tx, ids: readonly string[]): Promise<Group[]> {
  if (ids.length === 0) return [];
  const rows = await tx.selectFrom('identity_group').selectAll().where('id', 'in', ids).execute();
  return rows.map(groupOf);
}

export async function groupInsert(tx: Tx, group: Group): Promise<void> {
  try {
    await tx.insertInto('identity_group').values(groupRowOf(group)).execute();
  } catch (error) {
    throw nameTaken(error, group);
  }
}

export async function groupUpdate(tx: Tx, group: Group): Promise<void> {
  const { id, ...changes } = groupRowOf(group);
  try {
    await tx.updateTable('identity_group').set(changes).where('id', '=', id).execute();
  } catch (error) {
    throw nameTaken(error, group);
  }
}

export async function groupRemove(tx: Tx, id: string): Promise<void> {
  await tx
    .deleteFrom('identity_assignment')
    .where('actor_kind', '=', 'group')
    .where('actor_id', '=', id)
    .execute();
  await tx.deleteFrom('identity_group').where('id', '=', id).execute();
}

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
  const row = await tx
    .selectFrom('identity_membership')
    .select('user_id')
    .where('user_id', '=', userId)
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  return row !== undefined || (await membershipEnds(tx, userId, nowMs)).has(groupId);
}

/** False: the user was not in the group. */
export async function membershipRemove(tx: Tx, { groupId, userId }: Membership): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_membership')
    .where('user_id', '=', userId)
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function groupMemberIds(tx: Tx, groupId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('identity_membership')
    .select('user_id')
    .where('group_id', '=', groupId)
    .execute();
  return rows.map(({ user_id }) => user_id);
}

function nameTaken(error: unknown, { name, domainId }: Group): unknown {
  if (!(error instanceof UniqueViolation)) return error;
  return conflict(
    `Conflict occurred attempting to store group - Duplicate entry found with name ${name} at domain ID ${domainId}.`,
    { cause: error },
  );
}
