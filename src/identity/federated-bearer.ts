import { unauthenticated } from './auth-failure.ts';
import { answerOf, oidcProvidersOf } from './federated-way.ts';
import type { Evidence } from './federated-log-in.ts';
import type { IdentityWorld } from './identity.world.ts';
import { attributesOf } from './oidc-attributes.ts';

/** Tokens of providers are longer than ours; more than this is no token. */
const tokenLengthMax = 12_288;

/** A client brings a token of the provider. One that names its issuer is shown to no other. */
export const bearerEvidence =
  (world: IdentityWorld, authorization: string | undefined): Evidence =>
  async ({ provider }) => {
    const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthenticated('no bearer token came with the request');
    if (token.length > tokenLengthMax) throw unauthenticated('the bearer token is too long');
    const issuer = issuerOf(token);
    let why = 'the token is of no OpenID provider that is configured for this identity provider';
    for (const candidate of oidcProvidersOf(world, provider)) {
      const isIts = issuer === null ? candidate.isAsked : candidate.issuer === issuer;
      if (!isIts) continue;
      const answer = await answerOf(candidate, candidate.tokenRead(token));
      if ('claims' in answer) return attributesOf(answer.claims, candidate.remoteUserClaim);
      ({ why } = answer);
    }
    throw unauthenticated(why);
  };

/** What the token says of itself, believed by nobody; null: it is opaque. */
function issuerOf(token: string): string | null {
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1) return null;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
    const issuer = (claims as { readonly iss?: unknown } | null)?.iss;
    return typeof issuer === 'string' ? issuer : null;
  } catch {
    return null;
  }
}
