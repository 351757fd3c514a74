import { flag } from '../kernel/db.ts';
import { applicationCredentialRemoveOf } from './application-credential.store.ts';
import type { FederatedUserRow, UserRow, Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import { memberIdsOf, type Grouped } from './membership.store.ts';
import { oauth1RemoveOf } from './oauth1.store.ts';
import { trustRemoveOf } from './trust.store.ts';
import { userOf, userRowOf, type User, type UserAccount } from './user.model.ts';
import { uniqueStore } from './unique.ts';

interface AccountRow extends UserRow {
  password_hash: string | null;
  password_expires_at: number | null;
}

const accountOf = (row: AccountRow): UserAccount => ({
  ...userOf(row),
  passwordHash: row.password_hash,
  passwordExpiresAtMs: row.password_expires_at,
});

/** Users with the password in force: ids of passwords grow with time. */
const accounts = (tx: Tx) =>
  tx
    .selectFrom('identity_user')
    .selectAll()
    .where((eb) =>
      // What its directory does not have any more is not there, though what it was given is kept.
      eb.not(
        eb.exists(
          eb
            .selectFrom('identity_directory_entry')
            .select('public_id')
            .whereRef('public_id', '=', 'identity_user.id')
            .where('gone', '=', 1),
        ),
      ),
    )
    .select((eb) => {
      const newest = eb
        .selectFrom('identity_password')
        .whereRef('identity_password.user_id', '=', 'identity_user.id')
        .orderBy('identity_password.id', 'desc')
        .limit(1);
      return [
        newest.select('hash').as('password_hash'),
        newest.select('expires_at').as('password_expires_at'),
      ];
    });

export async function userGet(tx: Tx, id: string): Promise<UserAccount | null> {
  const row = await accounts(tx).where('identity_user.id', '=', id).executeTakeFirst();
  return row === undefined ? null : accountOf(row);
}

export async function userGetByName(
  tx: Tx,
  name: string,
  domainId: string,
): Promise<UserAccount | null> {
  const row = await accounts(tx)
    .where('identity_user.name', '=', name)
    .where('identity_user.domain_id', '=', domainId)
    .executeTakeFirst();
  return row === undefined ? null : accountOf(row);
}

export async function userList(
  tx: Tx,
  listing: Listing,
  federated: Partial<Omit<FederatedUserRow, 'user_id'>> = {},
): Promise<UserAccount[]> {
  let query = accounts(tx);
  const wanted = Object.entries(federated) as [keyof FederatedUserRow, string][];
  if (wanted.length > 0) {
    query = query.where('id', 'in', (eb) => {
      let known = eb.selectFrom('identity_federated_user').select('user_id');
      for (const [column, value] of wanted) known = known.where(column, '=', value);
      return known;
    });
  }
  const rows = await listingApply(query, listing).execute();
  return rows.map(accountOf);
}

export async function userListByIds(
  tx: Tx,
  ids: readonly string[],
): Promise<{ id: string; name: string; domainId: string }[]> {
  if (ids.length === 0) return [];
  return await tx
    .selectFrom('identity_user')
    .select(['id', 'name', 'domain_id as domainId'])
    .where('id', 'in', ids)
    .execute();
}

export async function userListOfGroup(
  tx: Tx,
  group: Grouped,
  listing: Listing,
): Promise<UserAccount[]> {
  const query = accounts(tx).where('id', 'in', memberIdsOf(tx, group));
  const rows = await listingApply(query, listing).execute();
  return rows.map(accountOf);
}

export async function userInsert(tx: Tx, user: User): Promise<void> {
  await uniqueStore(tx.insertInto('identity_user').values(userRowOf(user)), nameTaken(user));
}

export async function userUpdate(tx: Tx, user: User): Promise<void> {
  const { id, ...changes } = userRowOf(user);
  await uniqueStore(
    tx.updateTable('identity_user').set(changes).where('id', '=', id),
    nameTaken(user),
  );
}

export async function userRemove(tx: Tx, id: string): Promise<void> {
  await tx
    .deleteFrom('identity_assignment')
    .where('actor_kind', '=', 'user')
    .where('actor_id', '=', id)
    .execute();
  await tx.deleteFrom('identity_membership').where('user_id', '=', id).execute();
  await tx.deleteFrom('identity_credential').where('user_id', '=', id).execute();
  await applicationCredentialRemoveOf(tx, 'user_id', id);
  await oauth1RemoveOf(tx, 'user_id', id);
  await trustRemoveOf(tx, 'trustor_id', id);
  await trustRemoveOf(tx, 'trustee_id', id);
  await tx.deleteFrom('identity_user').where('id', '=', id).execute();
}

export async function passwordInsert(
  tx: Tx,
  password: {
    readonly id: string;
    readonly userId: string;
    readonly hash: string;
    readonly createdAtMs: number;
    readonly expiresAtMs?: number | null;
    readonly isOwners?: boolean;
  },
): Promise<void> {
  await tx
    .insertInto('identity_password')
    .values({
      id: password.id,
      user_id: password.userId,
      hash: password.hash,
      created_at: password.createdAtMs,
      expires_at: password.expiresAtMs ?? null,
      self_service: flag(password.isOwners ?? false),
    })
    .execute();
}

/** Newest first. */
export async function passwordListOf(
  tx: Tx,
  userId: string,
): Promise<{ id: string; hash: string; createdAtMs: number; isOwners: boolean }[]> {
  const rows = await tx
    .selectFrom('identity_password')
    .select(['id', 'hash', 'created_at', 'self_service'])
    .where('user_id', '=', userId)
    .orderBy('id', 'desc')
    .execute();
  return rows.map(({ id, hash, created_at: createdAtMs, self_service }) => ({
    id,
    hash,
    createdAtMs,
    isOwners: self_service === 1,
  }));
}

export async function passwordTrim(tx: Tx, userId: string, keep: number): Promise<void> {
  const old = (await passwordListOf(tx, userId)).slice(keep).map(({ id }) => id);
  if (old.length === 0) return;
  await tx.deleteFrom('identity_password').where('id', 'in', old).execute();
}

/** The same password, hashed as the configuration says now. */
export async function passwordReplace(
  tx: Tx,
  userId: string,
  { old, hash }: { readonly old: string; readonly hash: string },
): Promise<void> {
  await tx
    .updateTable('identity_password')
    .set({ hash })
    .where('user_id', '=', userId)
    .where('hash', '=', old)
    .execute();
}

export async function passwordRemoveOlder(tx: Tx, userId: string, newestId: string): Promise<void> {
  await tx
    .deleteFrom('identity_password')
    .where('user_id', '=', userId)
    .where('id', '!=', newestId)
    .execute();
}

const nameTaken = ({ name, domainId }: User): string =>
  `user - Duplicate entry found with name ${name} at domain ID ${domainId}`;
