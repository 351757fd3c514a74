import { Failure, forbidden, invalid } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import { unauthenticated } from './auth-method.ts';
import {
  directoryEntryRefresh,
  directoryListRefresh,
  directoryReadOnlyCheck,
} from './directory-read.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf, pageOf, type Page } from './listing.ts';
import { passwordHash, passwordLengthMax, passwordVerify } from './password.ts';
import { optionsMerge } from './project.model.ts';
import { projectGet } from './project.store.ts';
import { domainIdOfActor } from './project.ts';
import { extraOf } from './reply.ts';
import { revocationInsert } from './revocation.store.ts';
import type { User, UserAccount } from './user.model.ts';
import type { UserCreateWanted, UserUpdateWanted } from './user.schema.ts';
import {
  passwordInsert,
  passwordRemoveOlder,
  userGet as userRead,
  userInsert,
  userList as userListRead,
  userRemove,
  userUpdate as userUpdateRow,
} from './user.store.ts';

const knownAttributes = [
  'name',
  'domain_id',
  'enabled',
  'default_project_id',
  'password',
  'options',
  'password_expires_at',
  'original_password',
];

export const userTarget = (user: User | null): Target =>
  user === null ? {} : { 'target.user.id': user.id, 'target.user.domain_id': user.domainId };

export async function userCreate(
  context: IdentityContext,
  wanted: UserCreateWanted,
): Promise<UserAccount> {
  const { world, clock, ids } = context;
  const domainId = wanted.domain_id ?? domainIdOfActor(context);
  context.authorize('identity:create_user', { 'target.user.domain_id': domainId });
  await directoryReadOnlyCheck(world, { domainId });
  const password = wanted.password ?? null;
  if (password !== null) passwordCheck(password);
  const hash = password === null ? null : await passwordHash(world, password);
  const user: User = {
    id: ids.hex(),
    domainId,
    name: wanted.name.trim(),
    isEnabled: wanted.enabled ?? true,
    defaultProjectId: wanted.default_project_id ?? null,
    options: optionsMerge({}, wanted.options),
    extra: extraOf(wanted, knownAttributes),
    createdAtMs: clock.now(),
  };
  await world.db.write(async (tx) => {
    if ((await projectGet(tx, domainId))?.isDomain !== true) throw missing('domain', domainId);
    await defaultProjectCheck(tx, user.defaultProjectId);
    await userInsert(tx, user);
    if (hash !== null) await passwordSet(tx, context, user.id, hash);
  });
  return { ...user, passwordHash: hash, passwordExpiresAtMs: null };
}

/** A project that does not exist is allowed, as in Keystone: it is only looked at when logging in. */
async function defaultProjectCheck(tx: Tx, id: string | null): Promise<void> {
  if (id === null) return;
  if ((await projectGet(tx, id))?.isDomain === true) {
    throw invalid(`User's default project ID cannot be a domain ID: ${id}`);
  }
}

function passwordCheck(password: string): void {
  if (password === '') throw invalid('Password validation error: the password is empty.');
  if (password.length <= passwordLengthMax) return;
  throw forbidden(
    `The password length must be less than or equal to ${passwordLengthMax}. The server could not comply with the request because the password is invalid.`,
  );
}

async function passwordSet(
  tx: Tx,
  { ids, clock }: IdentityContext,
  userId: string,
  hash: string,
): Promise<void> {
  const id = ids.uuid();
  await passwordInsert(tx, { id, userId, hash, createdAtMs: clock.now() });
  await passwordRemoveOlder(tx, userId, id);
}

export async function userGet(
  context: IdentityContext,
  id: string,
  rule = 'identity:get_user',
): Promise<UserAccount> {
  const user = await context.world.db.read((tx) => userRead(tx, id));
  context.authorize(rule, { ...userTarget(user), user_id: id });
  if (user === null) throw missing('user', id);
  await directoryEntryRefresh(context.world, id);
  const now = await context.world.db.read((tx) => userRead(tx, id));
  if (now === null) throw missing('user', id);
  return now;
}

export async function userList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<UserAccount>> {
  const { scope } = context.actor;
  const own = scope.kind === 'domain' ? scope.domainId : null;
  context.authorize('identity:list_users', { 'target.domain_id': own ?? undefined });
  const asked = listingOf(query, {
    domain_id: 'text',
    enabled: 'flag',
    name: 'text',
    default_project_id: 'text',
  });
  const listing = own === null ? asked : listingAnd(asked, equals('domain_id', own));
  await directoryListRefresh(context.world, 'user', {
    domainId: own ?? query.get('domain_id'),
    name: query.get('name'),
  });
  const users = await context.world.db.read((tx) => userListRead(tx, listing));
  return pageOf(users, listing);
}

export async function userUpdate(
  context: IdentityContext,
  id: string,
  wanted: UserUpdateWanted,
): Promise<UserAccount> {
  const { world } = context;
  const seen = await userGet(context, id, 'identity:update_user');
  await directoryReadOnlyCheck(world, { ids: [id] });
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change user ID');
  if (wanted.domain_id !== undefined && wanted.domain_id !== seen.domainId) {
    throw invalid('Cannot change Domain ID');
  }
  const password = wanted.password ?? null;
  if (password !== null) passwordCheck(password);
  const hash = password === null ? null : await passwordHash(world, password);
  return await directoryWrite(world, async (tx) => {
    const held = await userRead(tx, id);
    if (held === null) throw missing('user', id);
    const { default_project_id: defaultProjectId = held.defaultProjectId } = wanted;
    if (defaultProjectId !== held.defaultProjectId) await defaultProjectCheck(tx, defaultProjectId);
    const next: User = {
      ...held,
      name: wanted.name?.trim() ?? held.name,
      isEnabled: wanted.enabled ?? held.isEnabled,
      defaultProjectId,
      options: optionsMerge(held.options, wanted.options),
      extra: { ...held.extra, ...extraOf(wanted, knownAttributes) },
    };
    await userUpdateRow(tx, next);
    if (hash !== null) await passwordSet(tx, context, id, hash);
    else if (wanted.password === null) await passwordRemoveOlder(tx, id, '');
    if (wanted.password !== undefined || (held.isEnabled && !next.isEnabled)) {
      await revocationInsert(tx, world, { kind: 'user', subject: id });
    }
    return (await userRead(tx, id)) ?? { ...held, ...next };
  });
}

export async function userDelete(context: IdentityContext, id: string): Promise<void> {
  const { world } = context;
  await userGet(context, id, 'identity:delete_user');
  await directoryReadOnlyCheck(world, { ids: [id] });
  await directoryWrite(world, async (tx) => {
    if ((await userRead(tx, id)) === null) throw missing('user', id);
    await userRemove(tx, id);
    await revocationInsert(tx, world, { kind: 'user', subject: id });
  });
}

/** Proved by the old password, not by a token: a user whose password has expired can come back so. */
export async function passwordChange(
  context: IdentityContext,
  userId: string,
  { original_password: original, password }: { original_password: string; password: string },
): Promise<void> {
  const { world } = context;
  const user = await world.db.read((tx) => userRead(tx, userId));
  const isRight = await passwordVerify(world, user?.passwordHash ?? null, original);
  if (user === null || !isRight) throw unauthenticated('the original password is wrong', userId);
  if (!user.isEnabled)
    throw unauthenticated(`The account is disabled for user: ${userId}.`, userId);
  if (user.options['lock_password'] === true) {
    throw new Failure(
      'invalid',
      'Password validation error: You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.',
    );
  }
  passwordCheck(password);
  const hash = await passwordHash(world, password);
  await directoryWrite(world, async (tx) => {
    const held = await userRead(tx, userId);
    // Somebody else was faster: the original password is not the original any more.
    if (held?.passwordHash !== user.passwordHash) {
      throw unauthenticated('the original password is wrong', userId);
    }
    await passwordSet(tx, context, userId, hash);
    await revocationInsert(tx, world, { kind: 'user', subject: userId });
  });
}
