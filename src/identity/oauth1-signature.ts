import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { invalid } from '../kernel/errors.ts';
import type { IdentityWorld } from './identity.world.ts';
import { textEquals } from './access-signature.ts';

/** What a request says in its Authorization header (RFC 5849 section 3.5.1), decoded. */
export type OAuthValues = Readonly<Record<string, string>>;

/** A request as it was signed. */
export interface OAuthRequest {
  readonly values: OAuthValues;
  /** The same place by the names it may have been called by: behind a proxy the client knows another. */
  readonly urls: readonly string[];
  readonly query: URLSearchParams;
}

export function oauthRequest(
  headers: IncomingHttpHeaders,
  {
    baseUrl,
    path,
    query,
  }: { readonly baseUrl: string; readonly path: string; readonly query: URLSearchParams },
): OAuthRequest {
  const values = oauthValues(headers.authorization ?? '');
  // Nearly every log-in is by something else.
  if (Object.keys(values).length === 0) return { values, urls: [], query };
  const own = new URL(baseUrl + path);
  const asCalled = URL.parse(`${own.protocol}//${headers.host ?? own.host}${own.pathname}`);
  const urls = [own, ...(asCalled === null ? [] : [asCalled])].map(
    (url) => `${url.protocol}//${url.host}${url.pathname}`,
  );
  return { values, urls: [...new Set(urls)], query };
}

function oauthValues(authorization: string): OAuthValues {
  if (!/^OAuth /i.test(authorization)) return {};
  const pairs = [...authorization.slice(6).matchAll(/([\w.~-]+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, unescaped(value)]));
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw invalid('The Authorization header is not encoded as OAuth wants it.', { cause });
  }
}

const escape = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** How old the time of a request may be. */
const requestLifeMs = 600_000;

const algorithms: ReadonlyMap<string | undefined, string> = new Map([
  ['HMAC-SHA1', 'sha1'],
  ['HMAC-SHA256', 'sha256'],
]);

interface OAuthSecrets {
  readonly consumer: string;
  readonly token: string;
}

/**
 * True for a request that is signed, once: who has overheard it cannot use it (RFC 5849 section 3.3). Nobody signs with no
 * secrets.
 */
export function isOAuthProved(
  { memory, clock }: IdentityWorld,
  request: OAuthRequest,
  secrets: OAuthSecrets | null,
): boolean {
  if (secrets === null || !isOAuthSigned(request, secrets, clock.now())) return false;
  const { values } = request;
  const names = ['oauth_consumer_key', 'oauth_token', 'oauth_timestamp', 'oauth_nonce'];
  const key = JSON.stringify(names.map((name) => values[name] ?? ''));
  if ((values['oauth_nonce'] ?? '') === '' || memory.nonces.get(key) === true) return false;
  memory.nonces.set(key, true);
  return true;
}

/** Secrets in the clear (PLAINTEXT) and methods nobody here has keys for are no signatures. */
function isOAuthSigned(
  { values, urls, query }: OAuthRequest,
  secrets: OAuthSecrets,
  nowMs: number,
): boolean {
  const {
    oauth_signature: signature,
    oauth_signature_method: method,
    oauth_timestamp: at,
  } = values;
  const algorithm = algorithms.get(method);
  if (signature === undefined || algorithm === undefined) return false;
  if (Math.abs(Number(at) * 1000 - nowMs) <= requestLifeMs === false) return false;
  const key = `${escape(secrets.consumer)}&${escape(secrets.token)}`;
  const signed = [...Object.entries(values), ...query]
    .filter(([name]) => name !== 'oauth_signature' && name !== 'realm')
    .map(([name, value]) => [escape(name), escape(value)] as const)
    .toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return urls.some((url) => {
    const text = `POST&${escape(url)}&${escape(signed)}`;
    return textEquals(createHmac(algorithm, key).update(text).digest('base64'), signature);
  });
}
