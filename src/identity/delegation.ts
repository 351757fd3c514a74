import type { IncomingHttpHeaders } from 'node:http';
import { forbidden, type Failure } from '../kernel/errors.ts';
import type { IdentityContext } from './identity.world.ts';
import type { TokenClaims, TokenState } from './token.model.ts';
import { tokenResolve } from './token-state.ts';

/** The token that a request came with: policy knows the actor, some rules ask how the actor got in. */
export async function requestToken(
  { world }: IdentityContext,
  headers: IncomingHttpHeaders,
): Promise<TokenState> {
  const text = headers['x-auth-token'];
  const state = typeof text === 'string' ? await tokenResolve(world, text) : null;
  if (state === null) throw refused('The token was revoked.');
  return state;
}

export const refused = (why: string): Failure =>
  forbidden(`You are not authorized to perform the requested action: ${why}`);

const primaryMethods: ReadonlySet<string> = new Set([
  'password',
  'token',
  'totp',
  'mapped',
  'openid',
  'external',
]);

/** Made from something that was given a narrower scope than its owner has. */
export const isDelegated = ({ methods, applicationCredentialId }: TokenClaims): boolean =>
  applicationCredentialId !== null || methods.some((method) => !primaryMethods.has(method));

/** What was lent with a narrow scope must not reach secrets that open a wider one. */
export async function primaryLogInCheck(
  context: IdentityContext,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const { claims } = await requestToken(context, headers);
  if (claims.trustId === null && !isDelegated(claims)) return;
  throw refused('Delegated tokens cannot access credentials directly.');
}
