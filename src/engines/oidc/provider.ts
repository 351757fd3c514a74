import { readFileSync } from 'node:fs';
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';
import { OidcUnavailable, type OidcClaims, type OidcProvider } from '../../identity/oidc.model.ts';
import { oidcAlgorithms, type OidcOptions } from './options.ts';
import { providerAsk } from './provider-request.ts';

const documentFreshMs = 3_600_000;
const keysFreshMs = 600_000;
/** A token with an unknown key may make us look again, but not more often than this. */
const keysAgainMs = 30_000;
const clockToleranceSec = 30;
const tokenTypes: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

type Refusal = { readonly why: string };
type Keys = ReturnType<typeof createLocalJWKSet>;

/** Something of the provider's, and when it was read; who asks at one time waits for one answer. */
class Kept<Value> {
  readonly #read: () => Promise<Value>;
  readonly #now: () => number;
  #held: { readonly value: Value; readonly atMs: number } | null = null;
  #reading: Promise<Value> | null = null;

  constructor(read: () => Promise<Value>, now: () => number) {
    this.#read = read;
    this.#now = now;
  }

  isOlder(freshMs: number): boolean {
    return this.#held === null || this.#now() - this.#held.atMs >= freshMs;
  }

  async get(freshMs: number): Promise<Value> {
    if (this.#held !== null && !this.isOlder(freshMs)) return this.#held.value;
    this.#reading ??= this.#read()
      .then((value) => {
        this.#held = { value, atMs: this.#now() };
        return value;
      })
      .finally(() => {
        this.#reading = null;
      });
    return await this.#reading;
  }
}

/** Nothing is asked before the first token comes. */
export function oidcProvider(
  options: OidcOptions,
  { now }: { readonly now: () => number },
): OidcProvider {
  const { issuer, introspection = false, remote_user_claim: remoteUserClaim = 'sub' } = options;
  const document = new Kept(() => documentRead(options), now);
  const keys = new Kept(async () => keysRead(options, await document.get(documentFreshMs)), now);
  const parts = { options, document, keys, now };
  return {
    issuer,
    isAsked: introspection,
    remoteUserClaim,
    tokenRead: (token) => (introspection ? tokenAsk(parts, token) : tokenVerify(parts, token)),
  };
}

interface Parts {
  readonly options: OidcOptions;
  readonly document: Kept<Record<string, unknown>>;
  readonly keys: Kept<Keys>;
  readonly now: () => number;
}

/** Read anew each time: certificates are replaced while the cloud runs. */
function caOf({ cacertfile = '' }: OidcOptions): string | null {
  if (cacertfile === '') return null;
  try {
    return readFileSync(cacertfile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OidcUnavailable(`the CA ${cacertfile} cannot be read (${code})`, { cause: error });
  }
}

async function documentRead(options: OidcOptions): Promise<Record<string, unknown>> {
  const url = `${options.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await providerAsk({ url, ca: caOf(options) });
  // OpenID Connect Discovery 4.3: another issuer there is a mix-up.
  if (document['issuer'] === options.issuer) return document;
  throw new OidcUnavailable(`${url} is the configuration of another issuer`);
}

function addressIn(document: Record<string, unknown>, name: string): string {
  const address = document[name];
  if (typeof address === 'string') return address;
  throw new OidcUnavailable(`the configuration of the provider has no ${name}`);
}

async function keysRead(options: OidcOptions, document: Record<string, unknown>): Promise<Keys> {
  const url = addressIn(document, 'jwks_uri');
  const keys: unknown = await providerAsk({ url, ca: caOf(options) });
  try {
    return createLocalJWKSet(keys as JSONWebKeySet);
  } catch (error) {
    throw new OidcUnavailable(`${url} has no set of keys`, { cause: error });
  }
}

const audienceOf = ({ audience = [], client_id: clientId = '' }: OidcOptions): string[] =>
  audience.length > 0 ? audience : [clientId];

async function tokenVerify(parts: Parts, token: string): Promise<OidcClaims | Refusal> {
  const { keys } = parts;
  try {
    try {
      return await verified(parts, await keys.get(keysFreshMs), token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !keys.isOlder(keysAgainMs)) throw error;
      return await verified(parts, await keys.get(0), token);
    }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return { why: `the bearer token is refused: ${error.message}` };
  }
}

async function verified(
  { options, now }: Parts,
  keys: Keys,
  token: string,
): Promise<OidcClaims | Refusal> {
  const rules = {
    issuer: options.issuer,
    audience: audienceOf(options),
    algorithms: [...(options.algorithms ?? oidcAlgorithms)],
    requiredClaims: ['exp'],
    clockTolerance: clockToleranceSec,
    currentDate: new Date(now()),
  };
  const checked = ({
    payload,
    protectedHeader: { typ },
  }: {
    payload: JWTPayload;
    protectedHeader: { typ?: string };
  }): OidcClaims | Refusal =>
    typ === undefined || tokenTypes.has(typ.toLowerCase())
      ? { claims: payload }
      : { why: 'the bearer token is refused: it is a JWT for something else' };
  try {
    return checked(await jwtVerify(token, keys, rules));
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // The token does not say which key it was; one of them has signed, or none.
    for await (const key of error) {
      try {
        return checked(await jwtVerify(token, key, rules));
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** RFC 7662 */
async function tokenAsk(
  { options, document, now }: Parts,
  token: string,
): Promise<OidcClaims | Refusal> {
  const url = addressIn(await document.get(documentFreshMs), 'introspection_endpoint');
  const { client_id: clientId = '', client_secret: clientSecret = '' } = options;
  const fields = { token, token_type_hint: 'access_token' };
  const form = { fields, clientId, clientSecret };
  const answer = await providerAsk({ url, ca: caOf(options), form });
  const { active, exp, nbf, iss } = answer;
  const refused = (why: string): Refusal => ({ why: `the bearer token is refused: ${why}` });
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
