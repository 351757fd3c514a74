import { notFound } from '../kernel/errors.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { revocationInsert } from './revocation.store.ts';
import { tokenEncode } from './token.codec.ts';
import type { TokenClaims, TokenState } from './token.model.ts';
import { tokenResolve, tokenStateRead } from './token-state.ts';

export interface IssuedToken {
  readonly text: string;
  readonly state: TokenState;
}

/** Null where the claims are worth nothing: disabled, or no role in that scope. */
export async function tokenIssue(
  world: IdentityWorld,
  claims: TokenClaims,
): Promise<IssuedToken | null> {
  const [key] = world.tokenKeys;
  if (key === undefined) throw new Error('there is no key to sign tokens with');
  const state = await tokenStateRead(world, claims);
  if (state === null) return null;
  const sealing = { nowMs: claims.issuedAtMs, iv: world.ids.secret(16) };
  const text = tokenEncode(key, claims, sealing);
  return { text, state };
}

/** 16 random bytes, as Keystone writes them. */
export const auditIdMake = ({ ids }: IdentityWorld): string => ids.secret(16).toString('base64url');

export interface Subject {
  readonly text: string | null;
  readonly graceMs: number;
  /** The caller says that it holds tokens to their access rules. */
  readonly mindsAccessRules: boolean;
}

/** The token a request is about (X-Subject-Token), for whoever may see it. */
export async function subjectTokenGet(
  context: IdentityContext,
  rule: string,
  { text, graceMs, mindsAccessRules }: Subject,
): Promise<TokenState> {
  const state = text === null ? null : await tokenResolve(context.world, text, graceMs);
  const isBounded = state !== null && state.accessRules.length > 0;
  if (state === null || (isBounded && !mindsAccessRules))
    throw notFound('Could not find token: Failed to validate token.');
  context.authorize(rule, {
    'target.token.user_id': state.actor.userId,
    'target.token.user.domain.id': state.actor.userDomainId,
  });
  return state;
}

export async function subjectTokenRevoke(
  context: IdentityContext,
  text: string | null,
): Promise<void> {
  const { world } = context;
  const { claims } = await subjectTokenGet(context, 'identity:revoke_token', {
    text,
    graceMs: 0,
    mindsAccessRules: true,
  });
  const [auditId = ''] = claims.auditIds;
  await directoryWrite(world, (tx) =>
    revocationInsert(tx, world, { kind: 'token', subject: auditId }),
  );
}
