import { Failure, notFound } from '../kernel/errors.ts';
import type { ApplicationCredential, KnownCredential } from './application-credential.model.ts';
import {
  applicationCredentialGet,
  applicationCredentialList,
} from './application-credential.store.ts';
import { directoryLogIn } from './directory-read.ts';
import { directoryLate } from './generation.ts';
import { unauthenticated } from './auth-failure.ts';
import { isPasswordExpired } from './compliance.model.ts';
import { isDelegated, refused } from './delegation.ts';
import { expecting } from './failure.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { AccessToken } from './oauth1.model.ts';
import { isHashStale, passwordHash, passwordVerify } from './password.ts';
import { logInSettle } from './log-in.ts';
import { snapshotGet } from './snapshot.ts';
import { equals, listingAnd } from './listing.ts';
import { authMethods, type AuthMethod } from './token.model.ts';
import type { AuthWanted } from './token.schema.ts';
import { tokenResolve } from './token-state.ts';
import type { UserAccount } from './user.model.ts';
import { passwordReplace, userGet, userGetByName } from './user.store.ts';

/** Who someone proved to be, and what the proof allows. */
export interface Identified {
  readonly user: UserAccount;
  readonly methods: readonly AuthMethod[];
  readonly expiresAtMs: number;
  /** Audit id of the first token of the chain, where a token was the proof. */
  readonly chainId: string | null;
  readonly isSystemScoped: boolean;
  /** Fixes the scope, where it was the proof. */
  readonly applicationCredential: ApplicationCredential | null;
  readonly accessToken: AccessToken | null;
  /** What an identity provider said, where the user came from one. */
  readonly assertionId: string | null;
  /** When what was proved was still true: what is revoked from then on takes the token with it. Null: now. */
  readonly provedAtMs: number | null;
}

/** A proof that begins a chain and fixes nothing. */
export const plainProof = {
  chainId: null,
  isSystemScoped: false,
  applicationCredential: null,
  accessToken: null,
  assertionId: null,
  provedAtMs: null,
} as const;

type PasswordUser = NonNullable<AuthWanted['identity']['password']>['user'];

/** An unknown user takes as long as a wrong password. */
export async function passwordIdentify(
  world: IdentityWorld,
  wanted: PasswordUser,
): Promise<Identified> {
  if (wanted === undefined) throw expecting('user', 'password');
  const { password } = wanted;
  if (password === undefined) throw expecting('password', 'user');
  const proof = await directoryLogIn(world, wanted, {
    domainId: await domainIdOf(world, wanted.domain),
    password,
  });
  if (proof !== null && 'why' in proof) throw unauthenticated(proof.why, proof.userId);
  if (proof !== null) return await passwordProved(world, proof.user, null);
  const { user, isRight, provedAtMs } = await passwordLook(world, wanted, password);
  if (user === null) throw unauthenticated('no such user');
  await logInSettle(world, user, { isRight, why: 'the password is wrong' });
  if (isPasswordExpired(user, world.clock.now())) {
    await activeCheck(world, user);
    throw expired(user.id);
  }
  await hashRenew(world, user, password);
  return await passwordProved(world, user, provedAtMs);
}

/** A hash takes its time: a password that was changed meanwhile is looked at anew. */
async function passwordLook(
  world: IdentityWorld,
  wanted: UserNamed,
  password: string,
): Promise<{ user: UserAccount | null; isRight: boolean; provedAtMs: number }> {
  for (let user = await userFind(world, wanted); ;) {
    const passwordHash = user?.passwordHash ?? null;
    const isRight = await passwordVerify(world, passwordHash, password);
    const provedAtMs = world.clock.now();
    const now = isRight ? await userFind(world, wanted) : user;
    if (now?.passwordHash === passwordHash || !isRight) return { user, isRight, provedAtMs };
    user = now;
  }
}

async function passwordProved(
  world: IdentityWorld,
  user: UserAccount,
  provedAtMs: number | null,
): Promise<Identified> {
  await activeCheck(world, user);
  return {
    user,
    methods: ['password'],
    expiresAtMs: (provedAtMs ?? world.clock.now()) + world.settings.tokenLifeMs,
    ...plainProof,
    provedAtMs,
  };
}

/** Told in the open: whoever reads it has just proved to know the password, and needs the id to change it. */
function expired(userId: string): Failure {
  const why = `The password is expired and needs to be changed for user: ${userId}.`;
  return new Failure('unauthenticated', why, { detail: { why, userId } });
}

/** The only moment at which a password is known: a hash of old make is replaced. */
async function hashRenew(
  world: IdentityWorld,
  { id, passwordHash: old }: UserAccount,
  password: string,
): Promise<void> {
  if (old === null || !isHashStale(world, old)) return;
  const hash = await passwordHash(world, password);
  await world.db.write((tx) => passwordReplace(tx, id, { old, hash }));
}

export async function activeCheck(world: IdentityWorld, user: UserAccount): Promise<void> {
  const { domains } = await snapshotGet(world);
  if (!user.isEnabled) {
    throw unauthenticated(`The account is disabled for user: ${user.id}.`, user.id);
  }
  if (domains.get(user.domainId)?.isEnabled !== true) {
    throw unauthenticated('the domain of the user is disabled', user.id);
  }
}

type UserNamed = Pick<NonNullable<PasswordUser>, 'id' | 'name' | 'domain'>;

/** `method` is named where something is missing. */
export async function userFind(
  world: IdentityWorld,
  { id, name, domain }: UserNamed,
  method = 'password',
): Promise<UserAccount | null> {
  const { db } = world;
  if (name === undefined) {
    if (id === undefined) throw idOrName(`identity/${method}/user`);
    return await db.read((tx) => userGet(tx, id));
  }
  if (domain === undefined) throw expecting('domain', 'user');
  if (domain.id === undefined && domain.name === undefined) {
    throw idOrName(`identity/${method}/user/domain`);
  }
  const domainId = await domainIdOf(world, domain);
  return domainId === null ? null : await db.read((tx) => userGetByName(tx, name, domainId));
}

async function domainIdOf(
  world: IdentityWorld,
  domain: UserNamed['domain'],
): Promise<string | null> {
  if (domain === undefined) return null;
  const { domains } = await snapshotGet(world);
  const named = [...domains.values()].find(({ name }) => name === domain.name);
  return domain.id ?? named?.id ?? null;
}

const idOrName = (where: string): Failure =>
  new Failure('invalid', `Invalid input for field ${where}: id or name must be present.`);

/** Rescoping: the new token ends when the old one does, and belongs to its chain. */
export async function tokenIdentify(
  world: IdentityWorld,
  wanted: AuthWanted['identity']['token'],
): Promise<Identified> {
  if (wanted === undefined) throw expecting('id', 'token');
  const state = await tokenResolve(world, wanted.id);
  if (state === null) throw notFound('Could not find token: Failed to validate token.');
  const { claims } = state;
  if (claims.trustId !== null || isDelegated(claims)) {
    throw refused('Using a delegated token to create another token is not allowed.');
  }
  const user = await world.db.read((tx) => userGet(tx, claims.userId));
  if (user === null) throw unauthenticated('the user of the token is gone', claims.userId);
  return {
    user,
    ...plainProof,
    // In the order in which a token has them, so that it is shown as it is answered.
    methods: authMethods.filter((one) => one === 'token' || claims.methods.includes(one)),
    expiresAtMs: claims.expiresAtMs,
    chainId: claims.auditIds.at(-1) ?? null,
    isSystemScoped: claims.scope.kind === 'system',
    assertionId: claims.assertionId,
  };
}

type CredentialNamed = NonNullable<AuthWanted['identity']['application_credential']>;

/** By its id, or by its name and user. The secret opens only the project it was made for. */
export async function credentialIdentify(
  world: IdentityWorld,
  wanted: AuthWanted['identity']['application_credential'],
): Promise<Identified> {
  if (wanted === undefined) throw expecting('secret', 'application_credential');
  const found = await credentialFind(world, wanted);
  const credential = found?.credential ?? null;
  const isRight = await passwordVerify(world, credential?.secretHash ?? null, wanted.secret);
  if (found === null || credential === null) {
    throw unauthenticated('no such application credential');
  }
  const { userId } = credential;
  if (!isRight) throw unauthenticated('the secret is wrong', userId);
  const { user } = found;
  if (user === null) throw unauthenticated('the user of the credential is gone', userId);
  await activeCheck(world, user);
  const now = world.clock.now();
  const endsAtMs = credential.expiresAtUs === null ? null : credential.expiresAtUs / 1000;
  if (endsAtMs !== null && endsAtMs <= now) {
    throw unauthenticated('the application credential is expired', userId);
  }
  const expiresAtMs = now + world.settings.tokenLifeMs;
  return {
    user,
    methods: ['application_credential'],
    expiresAtMs: endsAtMs === null ? expiresAtMs : Math.min(expiresAtMs, Math.floor(endsAtMs)),
    ...plainProof,
    applicationCredential: credential,
  };
}

async function credentialFind(
  world: IdentityWorld,
  { id, name, user }: CredentialNamed,
): Promise<KnownCredential | null> {
  if (id !== undefined) return await credentialKnown(world, id);
  if (name === undefined) throw expecting('name or ID', 'application credential');
  if (user === undefined) throw expecting('user', 'application credential');
  const owner = await userFind(world, user);
  if (owner === null) return null;
  const listing = listingAnd(equals('user_id', owner.id), equals('name', name));
  const [found] = await world.db.read((tx) => applicationCredentialList(tx, listing));
  return found === undefined ? null : await credentialKnown(world, found.id);
}

/** Programs log in before each thing they do: what the database says of a credential is kept until the directory changes. */
async function credentialKnown(world: IdentityWorld, id: string): Promise<KnownCredential | null> {
  const { db, memory } = world;
  const late = directoryLate(world);
  if (late !== null) await late;
  const { generation } = memory;
  const known = memory.credentials.get(id);
  if (known?.generation === generation) return known;
  const found = await db.read(async (tx) => {
    const credential = await applicationCredentialGet(tx, id);
    return credential === null
      ? null
      : { generation, credential, user: await userGet(tx, credential.userId) };
  });
  if (found === null) memory.credentials.delete(id);
  else memory.credentials.set(id, found);
  return found;
}
