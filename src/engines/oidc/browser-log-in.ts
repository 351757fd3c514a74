import { createHash } from 'node:crypto';
import {
  OidcUnavailable,
  type LogInAttempt,
  type LogInReturn,
  type OidcBrowser,
  type OidcClaims,
  type OidcRefusal,
} from '../../identity/oidc.model.ts';
import { tokenVerify } from './jwt-verify.ts';
import { safeUrlPattern, type OidcOptions } from './options.ts';
import { addressIn, caOf, type Described } from './provider-document.ts';
import { providerAsk, ProviderRefusal } from './provider-request.ts';

const safeUrl = new RegExp(safeUrlPattern);
/** An access token is no ID token, though both may be JWTs. */
const idTokenTypes: ReadonlySet<string> = new Set(['jwt']);

/** The authorization code flow, with this cloud as the client. */
export const browserLogIn = (provider: Described, clientId: string): OidcBrowser => ({
  async logInUrl({ state, nonce, verifier, redirectUri }) {
    const address = addressIn(await provider.document(), 'authorization_endpoint');
    if (!safeUrl.test(address)) throw new OidcUnavailable(`${address} is not an https address`);
    const url = new URL(address);
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    for (const [name, value] of Object.entries({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: provider.options.scope ?? 'openid profile email',
      state,
      nonce,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    })) {
      url.searchParams.set(name, value);
    }
    return url.href;
  },
  codeRedeem: (returned, attempt) => codeRedeem(provider, clientId, { returned, attempt }),
});

async function codeRedeem(
  provider: Described,
  clientId: string,
  { returned, attempt }: { readonly returned: LogInReturn; readonly attempt: LogInAttempt },
): Promise<OidcClaims | OidcRefusal> {
  const document = await provider.document();
  const { issuer } = provider.options;
  // RFC 9207: who sends the browser back says who it is, or the code may be for another provider.
  const isNamed = document['authorization_response_iss_parameter_supported'] === true;
  if ((returned.issuer ?? (isNamed ? null : issuer)) !== issuer) {
    return { why: 'the browser comes from another issuer than the one it was sent to' };
  }
  const tokens = await tokensAsk(provider, clientId, { document, code: returned.code, attempt });
  if ('why' in tokens) return tokens;
  const { id_token: idToken, access_token: accessToken } = tokens.answer;
  if (typeof idToken !== 'string') return { why: 'the provider gave no ID token for the code' };
  const use = { name: 'ID token', audience: [clientId], types: idTokenTypes };
  const proved = await tokenVerify(provider, idToken, use);
  if ('why' in proved) return proved;
  const { claims } = proved;
  if (claims['nonce'] !== attempt.nonce) return { why: 'the ID token is of another log-in' };
  // OpenID Connect Core 3.1.3.7: a token for several says to whom it was given.
  const { azp = Array.isArray(claims.aud) && claims.aud.length > 1 ? null : clientId } = claims;
  if (azp !== clientId) return { why: 'the ID token was given to another client' };
  if (typeof claims.sub !== 'string') return { why: 'the ID token names nobody' };
  const told = await userAsk(provider, document, accessToken);
  // OpenID Connect Core 5.3.2: of somebody else, it must not be used.
  if (told !== null && told['sub'] !== claims.sub) {
    return { why: 'the provider tells of another user than the one who has logged in' };
  }
  return { claims: { ...told, ...claims } };
}

/** RFC 6749 section 4.1.3. A code that is wrong, used or too old is no failure of the provider. */
async function tokensAsk(
  { options }: Described,
  clientId: string,
  {
    document,
    code,
    attempt,
  }: {
    readonly document: Record<string, unknown>;
    readonly code: string;
    readonly attempt: LogInAttempt;
  },
): Promise<{ readonly answer: Record<string, unknown> } | OidcRefusal> {
  const fields = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: attempt.redirectUri,
    code_verifier: attempt.verifier,
  };
  const form = clientForm(options, { clientId, document, fields });
  const url = addressIn(document, 'token_endpoint');
  try {
    return { answer: await providerAsk({ url, ca: caOf(options), form }) };
  } catch (error) {
    if (!(error instanceof ProviderRefusal && error.code === 'invalid_grant')) throw error;
    return { why: 'the provider does not take the code' };
  }
}

/** Who asks shows its secret where it has one: in a header, or in the form if the provider wants that alone. */
function clientForm(
  { client_secret: secret = '' }: OidcOptions,
  {
    clientId,
    document,
    fields,
  }: {
    readonly clientId: string;
    readonly document: Record<string, unknown>;
    readonly fields: Readonly<Record<string, string>>;
  },
) {
  if (secret === '') return { fields: { ...fields, client_id: clientId } };
  const methods = document['token_endpoint_auth_methods_supported'];
  const isInForm =
    Array.isArray(methods) &&
    methods.includes('client_secret_post') &&
    !methods.includes('client_secret_basic');
  return isInForm
    ? { fields: { ...fields, client_id: clientId, client_secret: secret } }
    : { fields, basic: { id: clientId, secret } };
}

/** Providers may keep the name and the address of a user out of the ID token: they are told to who asks. */
async function userAsk(
  { options }: Described,
  document: Record<string, unknown>,
  accessToken: unknown,
): Promise<Record<string, unknown> | null> {
  const url = document['userinfo_endpoint'];
  if (typeof url !== 'string' || typeof accessToken !== 'string') return null;
  return await providerAsk({ url, ca: caOf(options), bearer: accessToken });
}
