import type { AccessTokenRow, ConsumerRow, RequestTokenRow, Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { listingApply, type Listing } from './listing.ts';
import type { AccessToken, Consumer, RequestToken } from './oauth1.model.ts';
import type { Extra } from './project.model.ts';
import { boxOpen, boxSeal } from './secret-box.ts';

/** Signatures need the secrets themselves, so they are kept: sealed. */
function sealed({ credentialKeys: [key], clock, ids }: IdentityWorld, secret: string): string {
  if (key === undefined) throw new Error('there is no key to seal secrets with');
  return boxSeal(key, Buffer.from(secret), { nowMs: clock.now(), iv: ids.secret(16) });
}

function opened({ credentialKeys }: IdentityWorld, text: string): string {
  const secret = boxOpen(credentialKeys, text);
  if (secret === null) throw new Error('an OAuth1 secret was sealed with a key that is gone');
  return secret.toString();
}

const consumerOf = (world: IdentityWorld, row: ConsumerRow): Consumer => ({
  id: row.id,
  description: row.description,
  secret: opened(world, row.secret),
  extra: JSON.parse(row.extra) as Extra,
});

export async function consumerGet(
  tx: Tx,
  world: IdentityWorld,
  id: string,
): Promise<Consumer | null> {
  const row = await tx
    .selectFrom('identity_consumer')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : consumerOf(world, row);
}

export async function consumerList(
  tx: Tx,
  world: IdentityWorld,
  listing: Listing,
): Promise<Consumer[]> {
  const rows = await listingApply(
    tx.selectFrom('identity_consumer').selectAll(),
    listing,
  ).execute();
  return rows.map((row) => consumerOf(world, row));
}

export async function consumerInsert(
  tx: Tx,
  world: IdentityWorld,
  { id, description, secret, extra }: Consumer,
): Promise<void> {
  const row = { id, description, secret: sealed(world, secret), extra: JSON.stringify(extra) };
  await tx.insertInto('identity_consumer').values(row).execute();
}

export async function consumerUpdate(tx: Tx, { id, description, extra }: Consumer): Promise<void> {
  await tx
    .updateTable('identity_consumer')
    .set({ description, extra: JSON.stringify(extra) })
    .where('id', '=', id)
    .execute();
}

/** The tokens of the consumer go with it. */
export async function consumerRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_request_token').where('consumer_id', '=', id).execute();
  await tx.deleteFrom('identity_access_token').where('consumer_id', '=', id).execute();
  await tx.deleteFrom('identity_consumer').where('id', '=', id).execute();
}

/** What both kinds of tokens are bound to. */
const boundsOf = <UserId extends string | null>(
  row: Omit<AccessTokenRow, 'secret' | 'user_id'> & { readonly user_id: UserId },
) => ({
  id: row.id,
  consumerId: row.consumer_id,
  projectId: row.project_id,
  userId: row.user_id,
  roleIds: JSON.parse(row.role_ids) as string[],
  expiresAtMs: row.expires_at,
});

const rowOf = <UserId extends string | null>(
  world: IdentityWorld,
  token: Omit<AccessToken, 'userId'> & { readonly userId: UserId },
) => ({
  id: token.id,
  secret: sealed(world, token.secret),
  consumer_id: token.consumerId,
  project_id: token.projectId,
  user_id: token.userId,
  role_ids: JSON.stringify(token.roleIds),
  expires_at: token.expiresAtMs,
});

const requestTokenOf = (world: IdentityWorld, row: RequestTokenRow): RequestToken => ({
  ...boundsOf(row),
  secret: opened(world, row.secret),
  verifier: row.verifier,
});

export async function requestTokenGet(
  tx: Tx,
  world: IdentityWorld,
  id: string,
): Promise<RequestToken | null> {
  const row = await tx
    .selectFrom('identity_request_token')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : requestTokenOf(world, row);
}

/** Those that nobody came back for go on the way. */
export async function requestTokenInsert(
  tx: Tx,
  world: IdentityWorld,
  token: RequestToken,
): Promise<void> {
  await tx
    .deleteFrom('identity_request_token')
    .where('expires_at', '<', world.clock.now())
    .execute();
  await tx
    .insertInto('identity_request_token')
    .values({ ...rowOf(world, token), verifier: token.verifier })
    .execute();
}

export async function requestTokenAuthorize(
  tx: Tx,
  id: string,
  by: { readonly userId: string; readonly roleIds: readonly string[]; readonly verifier: string },
): Promise<void> {
  await tx
    .updateTable('identity_request_token')
    .set({ user_id: by.userId, role_ids: JSON.stringify(by.roleIds), verifier: by.verifier })
    .where('id', '=', id)
    .execute();
}

/** False: somebody was faster. */
export async function requestTokenRemove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_request_token')
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

const accessTokenOf = (world: IdentityWorld, row: AccessTokenRow): AccessToken => ({
  ...boundsOf(row),
  secret: opened(world, row.secret),
});

export async function accessTokenGet(
  tx: Tx,
  world: IdentityWorld,
  id: string,
): Promise<AccessToken | null> {
  const row = await tx
    .selectFrom('identity_access_token')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : accessTokenOf(world, row);
}

/** What a token made from it depends on; no secret is opened. */
export async function accessTokenBounds(
  tx: Tx,
  id: string,
): Promise<Omit<AccessToken, 'secret'> | null> {
  const row = await tx
    .selectFrom('identity_access_token')
    .select(['id', 'consumer_id', 'project_id', 'user_id', 'role_ids', 'expires_at'])
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : boundsOf(row);
}

export async function accessTokenListOf(
  tx: Tx,
  world: IdentityWorld,
  userId: string,
): Promise<AccessToken[]> {
  const rows = await tx
    .selectFrom('identity_access_token')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('id')
    .execute();
  return rows.map((row) => accessTokenOf(world, row));
}

export async function accessTokenInsert(
  tx: Tx,
  world: IdentityWorld,
  token: AccessToken,
): Promise<void> {
  await tx.insertInto('identity_access_token').values(rowOf(world, token)).execute();
}

export async function accessTokenRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_access_token').where('id', '=', id).execute();
}

export async function oauth1RemoveOf(
  tx: Tx,
  column: 'user_id' | 'project_id',
  id: string,
): Promise<void> {
  await tx.deleteFrom('identity_request_token').where(column, '=', id).execute();
  await tx.deleteFrom('identity_access_token').where(column, '=', id).execute();
}
