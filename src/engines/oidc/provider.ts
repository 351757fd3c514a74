import type { OidcClaims, OidcProvider, OidcRefusal } from '../../identity/oidc.model.ts';
import { browserLogIn } from './browser-log-in.ts';
import { clockToleranceSec, tokenVerify } from './jwt-verify.ts';
import type { OidcOptions } from './options.ts';
import { addressIn, caOf, providerDescribed, type Described } from './provider-document.ts';
import { providerAsk } from './provider-request.ts';

const tokenTypes: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** Nothing is asked before somebody comes from there. */
export function oidcProvider(
  options: OidcOptions,
  { now }: { readonly now: () => number },
): OidcProvider {
  const { issuer, introspection = false, remote_user_claim: remoteUserClaim = 'sub' } = options;
  const { client_id: clientId = '' } = options;
  const provider = providerDescribed(options, now);
  const bearer = { name: 'bearer token', audience: audienceOf(options), types: tokenTypes };
  return {
    issuer,
    isAsked: introspection,
    remoteUserClaim,
    tokenRead: (token) =>
      introspection ? tokenAsk(provider, token) : tokenVerify(provider, token, bearer),
    browser: clientId === '' ? null : browserLogIn(provider, clientId),
  };
}

const audienceOf = ({ audience = [], client_id: clientId = '' }: OidcOptions): string[] =>
  audience.length > 0 ? audience : [clientId];

/** RFC 7662 */
async function tokenAsk(
  { options, document, now }: Described,
  token: string,
): Promise<OidcClaims | OidcRefusal> {
  const url = addressIn(await document(), 'introspection_endpoint');
  const { client_id: id = '', client_secret: secret = '' } = options;
  const fields = { token, token_type_hint: 'access_token' };
  const answer = await providerAsk({
    url,
    ca: caOf(options),
    form: { fields, basic: { id, secret } },
  });
  const { active, exp, nbf, iss } = answer;
  const refused = (why: string): OidcRefusal => ({ why: `the bearer token is refused: ${why}` });
  if (active !== true) return refused('the provider says that it is not active');
  const nowSec = now() / 1000;
  if (typeof exp === 'number' && exp + clockToleranceSec <= nowSec) return refused('it is expired');
  if (typeof nbf === 'number' && nbf - clockToleranceSec > nowSec) return refused('it is too new');
  if (iss !== undefined && iss !== options.issuer) return refused('it is of another issuer');
  if (!isForUs(options, answer)) return refused('it is for somebody else');
  return { claims: { ...answer, iss: options.issuer } };
}

/** Providers that name no audience name the client that the token was given to. */
function isForUs(
  options: OidcOptions,
  { aud, client_id: client }: Record<string, unknown>,
): boolean {
  const wanted: readonly unknown[] = audienceOf(options);
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud ?? client];
  return named.some((one) => wanted.includes(one));
}
