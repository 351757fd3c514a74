import type { Tx } from './identity.tables.ts';
import { groupOf, groupRowOf, type Group } from './group.model.ts';
import { listingApply, type Listing } from './listing.ts';
import { groupIdsOf, type Member } from './membership.store.ts';
import { uniqueStore } from './unique.ts';

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
  member: Member | null = null,
): Promise<Group[]> {
  const all = groups(tx);
  const query = member === null ? all : all.where('id', 'in', groupIdsOf(tx, member));
  const rows = await listingApply(query, listing).execute();
  return rows.map(groupOf);
}

export async function groupListByIds(tx: Tx, ids: readonly string[]): Promise<Group[]> {
  if (ids.length === 0) return [];
  const rows = await tx.selectFrom('identity_group').selectAll().where('id', 'in', ids).execute();
  return rows.map(groupOf);
}

export async function groupInsert(tx: Tx, group: Group): Promise<void> {
  await uniqueStore(tx.insertInto('identity_group').values(groupRowOf(group)), nameTaken(group));
}

export async function groupUpdate(tx: Tx, group: Group): Promise<void> {
  const { id, ...changes } = groupRowOf(group);
  await uniqueStore(
    tx.updateTable('identity_group').set(changes).where('id', '=', id),
    nameTaken(group),
  );
}

export async function groupRemove(tx: Tx, id: string): Promise<void> {
  await tx
    .deleteFrom('identity_assignment')
    .where('actor_kind', '=', 'group')
    .where('actor_id', '=', id)
    .execute();
  await tx.deleteFrom('identity_group').where('id', '=', id).execute();
}

const nameTaken = ({ name, domainId }: Group): string =>
  `group - Duplicate entry found with name ${name} at domain ID ${domainId}`;
