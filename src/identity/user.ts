import { Failure, invalid } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import {
  directoryEntryRefresh,
  directoryListRefresh,
  directoryReadOnlyCheck,
} from './directory-read.ts';
import { unauthenticated } from './auth-failure.ts';
import { backOffFailure, backOffWait } from './back-off.ts';
import { logInSettle } from './log-in.ts';
import { logInActiveSet } from './log-in.store.ts';
import { missing } from './failure.ts';
import { federatedLinksSet } from './federated-link.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf, pageOf, type Page } from './listing.ts';
import { passwordHash, passwordVerify } from './password.ts';
import { ownChangeCheck, passwordCheck, passwordRemove, passwordSet } from './password-policy.ts';
import { optionsMerge } from './project.model.ts';
import { projectGet } from './project.store.ts';
import { domainIdOfActor } from './project.ts';
import { extraOf } from './reply.ts';
import { revocationInsert } from './revocation.store.ts';
import type { User, UserAccount } from './user.model.ts';
import type { UserCreateWanted, UserUpdateWanted } from './user.schema.ts';
import {
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
  'federated',
];

/** Users by whom a provider knows. */
export const federatedFilters = ['idp_id', 'protocol_id', 'unique_id'] as const;

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
  if (password !== null) passwordCheck(world, password);
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
  const passwordExpiresAtMs = await world.db.write(async (tx) => {
    if ((await projectGet(tx, domainId))?.isDomain !== true) throw missing('domain', domainId);
    await defaultProjectCheck(tx, user.defaultProjectId);
    await userInsert(tx, user);
    await federatedLinksSet(tx, context, user, wanted.federated ?? []);
    return hash === null ? null : await passwordSet(tx, world, user, { hash, byOwner: false });
  });
  return { ...user, passwordHash: hash, passwordExpiresAtMs };
}

/** A project that does not exist is allowed, as in Keystone: it is only looked at when logging in. */
async function defaultProjectCheck(tx: Tx, id: string | null): Promise<void> {
  if (id === null) return;
  if ((await projectGet(tx, id))?.isDomain === true) {
    throw invalid(`User's default project ID cannot be a domain ID: ${id}`);
  }
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
  const federated = Object.fromEntries(
    federatedFilters.flatMap((name) => {
      const value = query.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  const users = await context.world.db.read((tx) => userListRead(tx, listing, federated));
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
  if (password !== null) passwordCheck(world, password);
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
    const { federated = [] } = wanted;
    if (federated.length > 0) await federatedLinksSet(tx, context, next, federated);
    if (hash !== null) await passwordSet(tx, world, next, { hash, byOwner: false });
    else if (wanted.password === null) await passwordRemove(tx, id);
    // Whoever is enabled again starts anew: unlocked, and active today.
    if (wanted.enabled === true) await logInActiveSet(tx, id, world.clock.now());
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
  wanted: PasswordsGiven,
): Promise<void> {
  try {
    await ownPasswordSet(context, userId, wanted);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'unauthenticated') backOffFailure(context);
    throw error;
  }
}

interface PasswordsGiven {
  readonly original_password: string;
  readonly password: string;
}

async function ownPasswordSet(
  context: IdentityContext,
  userId: string,
  { original_password: original, password }: PasswordsGiven,
): Promise<void> {
  const { world } = context;
  await backOffWait(context);
  const user = await world.db.read((tx) => userRead(tx, userId));
  const isRight = await passwordVerify(world, user?.passwordHash ?? null, original);
  const why = 'the original password is wrong';
  if (user === null) throw unauthenticated(why, userId);
  await logInSettle(world, user, { isRight, why });
  if (!user.isEnabled) {
    throw unauthenticated(`The account is disabled for user: ${userId}.`, userId);
  }
  passwordCheck(world, password);
  await ownChangeCheck(world, user, password);
  const hash = await passwordHash(world, password);
  await directoryWrite(world, async (tx) => {
    const held = await userRead(tx, userId);
    // Somebody else was faster: the original password is not the original any more.
    if (held?.passwordHash !== user.passwordHash) {
      throw unauthenticated('the original password is wrong', userId);
    }
    await passwordSet(tx, world, user, { hash, byOwner: true });
    await revocationInsert(tx, world, { kind: 'user', subject: userId });
  });
}
