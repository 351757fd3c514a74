import { invalid, notFound } from '../kernel/errors.ts';
import type { Holder } from './assignment.model.ts';
import { assignmentRoleIds } from './assignment.store.ts';
import { unauthenticated } from './auth-failure.ts';
import { plainProof, type Identified } from './auth-method.ts';
import { isDelegated, refused } from './delegation.ts';
import { expecting, missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import type { AccessToken, RequestToken } from './oauth1.model.ts';
import { isOAuthProved, type OAuthRequest } from './oauth1-signature.ts';
import type { RolesWanted } from './oauth1.schema.ts';
import {
  accessTokenGet as accessTokenRead,
  accessTokenInsert,
  accessTokenListOf,
  accessTokenRemove,
  consumerGet,
  requestTokenAuthorize as authorizeRow,
  requestTokenGet,
  requestTokenInsert,
  requestTokenRemove,
} from './oauth1.store.ts';
import { ancestorIds } from './project.model.ts';
import { projectGet } from './project.store.ts';
import { rolesExpand, snapshotGet } from './snapshot.ts';
import type { TokenClaims } from './token.model.ts';
import { userGet } from './user.store.ts';

const requestLifeMs = 8 * 3_600_000;
const accessLifeMs = 24 * 3_600_000;

const valueOf = ({ values }: OAuthRequest, name: string): string => {
  const value = values[name];
  if (value === undefined || value === '') throw expecting(name, 'request');
  return value;
};

/** The consumer asks for something that a user can then authorize. */
export async function requestTokenCreate(
  context: IdentityContext,
  request: OAuthRequest,
  projectId: string | null,
): Promise<RequestToken> {
  const { world, clock, ids } = context;
  const consumerId = valueOf(request, 'oauth_consumer_key');
  if (projectId === null) throw expecting('Requested-Project-Id', 'request');
  const consumer = await world.db.read((tx) => consumerGet(tx, world, consumerId));
  const secrets = consumer === null ? null : { consumer: consumer.secret, token: '' };
  if (!isOAuthProved(world, request, secrets)) {
    throw unauthenticated('the signature of the consumer is wrong');
  }
  const token: RequestToken = {
    id: ids.hex(),
    secret: ids.secret(16).toString('hex'),
    consumerId,
    projectId,
    userId: null,
    roleIds: [],
    verifier: null,
    expiresAtMs: clock.now() + requestLifeMs,
  };
  await world.db.write(async (tx) => {
    if ((await projectGet(tx, projectId)) === null) throw missing('project', projectId);
    await requestTokenInsert(tx, world, token);
  });
  return token;
}

/** The user lends roles that are his on the project; the verifier proves to the exchange that he did. */
export async function requestTokenAuthorize(
  context: IdentityContext,
  { id, claims }: { readonly id: string; readonly claims: TokenClaims },
  wanted: RolesWanted,
): Promise<string> {
  context.authorize('identity:authorize_request_token');
  if (claims.trustId !== null || isDelegated(claims)) {
    throw refused('Cannot authorize a request token with a token issued via delegation.');
  }
  const { world, ids, clock, actor } = context;
  const snapshot = await snapshotGet(world);
  const verifier = ids.secret(16).toString('hex').slice(0, 8);
  await world.db.write(async (tx) => {
    const token = await requestTokenGet(tx, world, id);
    if (token === null) throw notFound('Request token not found');
    if (token.expiresAtMs <= clock.now()) throw unauthenticated('the request token is expired');
    const held = rolesExpand(
      snapshot,
      await rolesHeld(tx, { userId: actor.userId, nowMs: clock.now() }, token.projectId),
    );
    const roleIds = wanted.map(({ id: roleId, name }) => {
      const found = [...held].find((candidate) => {
        const role = snapshot.roles.get(candidate);
        return roleId === undefined ? role?.name === name : candidate === roleId;
      });
      if (found === undefined)
        throw unauthenticated('a role is lent that is not held', actor.userId);
      return found;
    });
    await authorizeRow(tx, id, { userId: actor.userId, roleIds, verifier });
  });
  return verifier;
}

async function rolesHeld(tx: Tx, holder: Holder, projectId: string): Promise<string[]> {
  const project = await projectGet(tx, projectId);
  if (project === null) return [];
  const target = { kind: 'project', id: projectId, ancestorIds: ancestorIds(project) } as const;
  return await assignmentRoleIds(tx, holder, target);
}

/** The request token is exchanged once. */
export async function accessTokenCreate(
  context: IdentityContext,
  request: OAuthRequest,
): Promise<AccessToken> {
  const { world, clock, ids } = context;
  const consumerId = valueOf(request, 'oauth_consumer_key');
  const requestId = valueOf(request, 'oauth_token');
  const verifier = valueOf(request, 'oauth_verifier');
  const found = await world.db.read(async (tx) => ({
    token: await requestTokenGet(tx, world, requestId),
    consumer: await consumerGet(tx, world, consumerId),
  }));
  const { token, consumer } = found;
  if (token === null) throw notFound('Request token not found');
  if (token.expiresAtMs <= clock.now()) throw unauthenticated('the request token is expired');
  const secrets =
    token.consumerId !== consumer?.id ? null : { consumer: consumer.secret, token: token.secret };
  if (!isOAuthProved(world, request, secrets)) {
    throw unauthenticated('the signature of the consumer is wrong');
  }
  const { userId, roleIds, projectId } = token;
  if (userId === null || token.verifier !== verifier) {
    throw unauthenticated('the request token was not authorized, or the verifier is wrong');
  }
  const access: AccessToken = {
    id: ids.hex(),
    secret: ids.secret(16).toString('hex'),
    consumerId,
    projectId,
    userId,
    roleIds,
    expiresAtMs: clock.now() + accessLifeMs,
  };
  await world.db.write(async (tx) => {
    if (!(await requestTokenRemove(tx, requestId))) throw notFound('Request token not found');
    await accessTokenInsert(tx, world, access);
  });
  return access;
}

/** The log-in method: the request to /auth/tokens itself is signed. */
export async function oauth1Identify(
  world: IdentityWorld,
  request: OAuthRequest,
): Promise<Identified> {
  const consumerId = valueOf(request, 'oauth_consumer_key');
  const accessId = valueOf(request, 'oauth_token');
  const now = world.clock.now();
  const found = await world.db.read(async (tx) => {
    const token = await accessTokenRead(tx, world, accessId);
    const consumer = await consumerGet(tx, world, consumerId);
    return { token, consumer, user: token === null ? null : await userGet(tx, token.userId) };
  });
  const { token, consumer, user } = found;
  const secrets =
    token === null || token.consumerId !== consumer?.id
      ? null
      : { consumer: consumer.secret, token: token.secret };
  if (token === null || !isOAuthProved(world, request, secrets)) {
    throw unauthenticated('the access token is unknown, or the signature wrong', token?.userId);
  }
  if (token.expiresAtMs <= now) throw unauthenticated('the access token is expired', token.userId);
  if (user === null) throw unauthenticated('the user of the access token is gone', token.userId);
  return {
    user,
    methods: ['oauth1'],
    expiresAtMs: Math.min(now + world.settings.tokenLifeMs, token.expiresAtMs),
    ...plainProof,
    accessToken: token,
  };
}

interface UserPath {
  readonly userId: string;
  readonly claims: TokenClaims;
}

function delegatedCheck({ claims }: UserPath): void {
  if (claims.trustId === null && !isDelegated(claims)) return;
  throw refused('Cannot manage access tokens with a token issued via delegation.');
}

export async function accessTokenList(
  context: IdentityContext,
  path: UserPath,
): Promise<AccessToken[]> {
  context.authorize('identity:list_access_tokens');
  delegatedCheck(path);
  const { world } = context;
  return await world.db.read((tx) => accessTokenListOf(tx, world, path.userId));
}

export async function accessTokenGet(
  context: IdentityContext,
  path: UserPath & { readonly id: string },
  rule = 'identity:get_access_token',
): Promise<AccessToken> {
  context.authorize(rule, { 'target.credential.user_id': path.userId });
  delegatedCheck(path);
  const { world } = context;
  const found = await world.db.read((tx) => accessTokenRead(tx, world, path.id));
  if (found === null || found.userId !== path.userId) throw notFound('Access token not found');
  return found;
}

export async function accessTokenDelete(
  context: IdentityContext,
  path: UserPath & { readonly id: string },
): Promise<void> {
  const { id } = await accessTokenGet(context, path, 'identity:delete_access_token');
  await directoryWrite(context.world, (tx) => accessTokenRemove(tx, id));
}

/** For lists of roles: what was lent, by id. */
export const roleLentCheck = ({ roleIds }: AccessToken, roleId: string): void => {
  if (!roleIds.includes(roleId)) throw missing('role', roleId);
};

export const formOf = (
  { id, secret }: Pick<AccessToken, 'id' | 'secret'>,
  expiresAt: string,
): string =>
  new URLSearchParams({
    oauth_token: id,
    oauth_token_secret: secret,
    oauth_expires_at: expiresAt,
  }).toString();

export const oauthRequired = (request: OAuthRequest): OAuthRequest => {
  if (Object.keys(request.values).length > 0) return request;
  throw invalid('The request has no Authorization header of OAuth.');
};
