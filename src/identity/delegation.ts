import type { IncomingHttpHeaders } from 'node:http';
import { forbidden, type Failure } from '../kernel/errors.ts';
import type { IdentityContext } from './identity.world.ts';
import type { TokenClaims } from './token.model.ts';
import { tokenResolve } from './token-state.ts';

/** The claims of the token that a request came with: policy knows the actor, some rules ask how he got in. */
export async function requestClaims(
  { world }: IdentityContext,
  headers: IncomingHttpHeaders,
): Promise<TokenClaims> {
  const state = await tokenResolve(world, String(headers['x-auth-token'] ?? ''));
  if (state === null) throw refused('The token was revoked.');
  return state.claims;
}

export const refused = (why: string): Failure =>
  forbidden(`You are not authorized to perform the requested action: ${why}`);

const primaryMethods: ReadonlySet<string> = new Set(['password', 'token', 'totp', 'mapped', 'external']);

export const isDelegated = ({ methods, trustId, applicationCredentialId }: TokenClaims): boolean =>
  trustId !== null ||
  applicationCredentialId !== null ||
  methods.some((method) => !primaryMethods.has(method));

/** What was lent with a narrow scope must not reach secrets that open a wider one. */
export async function primaryLogInCheck(
  context: IdentityContext,
  headers: IncomingHttpHeaders,
): Promise<void> {
  if (isDelegated(await requestClaims(context, headers))) {
    throw refused('Delegated tokens cannot access credentials directly.');
  }
}
