import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { S3Failure } from '../failure.ts';
import { uriDecoded, uriEncoded, uriPathEncoded } from '../wire/uri.ts';
import { headerText, type ClaimV4, type Scope, type SignedView } from './claim.ts';

export const skewMs = 15 * 60_000;

const hmac = (key: Buffer | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** Four HMACs a day and key instead of four a request. */
export class SigningKeys {
  readonly #keys = new Map<string, Buffer>();

  key(secret: string, { date, region }: Scope): Buffer {
    const name = `${date}/${region}/${secret}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    if (this.#keys.size >= 4096) this.#keys.clear();
    const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), 's3'), 'aws4_request');
    this.#keys.set(name, key);
    return key;
  }
}

export interface VerifiedV4 {
  readonly signingKey: Buffer;
  readonly signature: string;
  readonly scopeText: string;
  readonly dateText: string;
  readonly signedMs: number;
  /** What is said of a later signature that does not fit. */
  readonly mismatch: (stringToSign: string, provided: string) => S3Failure;
}

export interface ClockRule {
  readonly nowMs: number;
  readonly regions: readonly string[];
}

/** Throws unless the claim was made with this secret, for this request, in this hour. */
export function claimV4Verify(
  claim: ClaimV4,
  view: SignedView,
  secret: { readonly text: string; readonly keys: SigningKeys },
  rule: ClockRule,
): VerifiedV4 {
  regionCheck(claim, rule.regions);
  const signedMs = timeCheck(claim, rule.nowMs);
  headersCheck(claim, view);
  const { date, region } = claim.scope;
  const scopeText = `${date}/${region}/s3/aws4_request`;
  const canonical = canonicalRequest(claim, view);
  const stringToSign = `AWS4-HMAC-SHA256\n${claim.dateText}\n${scopeText}\n${hash('sha256', canonical)}`;
  const signingKey = secret.keys.key(secret.text, claim.scope);
  const expected = createHmac('sha256', signingKey).update(stringToSign).digest('hex');
  const mismatch = (text: string, provided: string): S3Failure =>
    signatureMismatch(claim.accessKey, { text, provided, canonical });
  if (!sameText(expected, claim.signature)) throw mismatch(stringToSign, claim.signature);
  return {
    signingKey,
    signature: expected,
    scopeText,
    dateText: claim.dateText,
    signedMs,
    mismatch,
  };
}

interface Mismatch {
  readonly text: string;
  readonly provided: string;
  readonly canonical: string;
}

/** Everything that a client needs to see where it went wrong; nothing of it is secret. */
function signatureMismatch(accessKey: string, { text, provided, canonical }: Mismatch): S3Failure {
  const shown = canonical.slice(0, 8192);
  return new S3Failure('SignatureDoesNotMatch', undefined, {
    fields: {
      AWSAccessKeyId: accessKey,
      StringToSign: text,
      SignatureProvided: provided.slice(0, 128),
      StringToSignBytes: bytesShown(text),
      CanonicalRequest: shown,
      CanonicalRequestBytes: bytesShown(shown),
    },
  });
}

const bytesShown = (text: string): string =>
  Buffer.from(text)
    .toString('hex')
    .replace(/..(?!$)/g, '$& ');

/** In constant time, whatever length the client sent. */
export function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function regionCheck({ scope, isQuery }: ClaimV4, regions: readonly string[]): void {
  const [expected = ''] = regions;
  if (regions.includes(scope.region)) return;
  const message = `the region '${scope.region}' is wrong; expecting '${expected}'`;
  throw isQuery
    ? new S3Failure(
        'AuthorizationQueryParametersError',
        `Error parsing the X-Amz-Credential parameter; ${message}`,
        { fields: { Region: expected } },
      )
    : new S3Failure(
        'AuthorizationHeaderMalformed',
        `The authorization header is malformed; ${message}`,
        { fields: { Region: expected } },
      );
}

/** `20130524T000000Z` as milliseconds; NaN for anything else. */
export function amzDateMs(text: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return year === undefined
    ? NaN
    : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** When it was signed. */
function timeCheck({ dateText, scope, isQuery, expiresS }: ClaimV4, nowMs: number): number {
  const signedMs = amzDateMs(dateText);
  if (Number.isNaN(signedMs)) {
    throw isQuery
      ? new S3Failure(
          'AuthorizationQueryParametersError',
          "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        )
      : new S3Failure(
          'AccessDenied',
          'AWS authentication requires a valid Date or x-amz-date header',
        );
  }
  if (!dateText.startsWith(scope.date)) {
    const message = `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${dateText.slice(0, 8)}".`;
    throw new S3Failure(
      isQuery ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed',
      message,
    );
  }
  if (expiresS === null) {
    if (Math.abs(nowMs - signedMs) <= skewMs) return signedMs;
    throw new S3Failure('RequestTimeTooSkewed', undefined, {
      fields: {
        RequestTime: dateText,
        ServerTime: new Date(nowMs).toISOString(),
        MaxAllowedSkewMilliseconds: String(skewMs),
      },
    });
  }
  if (signedMs > nowMs + skewMs) throw new S3Failure('AccessDenied', 'Request is not yet valid');
  expiryCheck(signedMs + expiresS * 1000, nowMs);
  return signedMs;
}

export function expiryCheck(expiresMs: number, nowMs: number): void {
  if (nowMs <= expiresMs) return;
  const isDate = Math.abs(expiresMs) <= 8.64e15;
  throw new S3Failure('AccessDenied', 'Request has expired', {
    fields: {
      ...(isDate && { Expires: new Date(expiresMs).toISOString() }),
      ServerTime: new Date(nowMs).toISOString(),
    },
  });
}

/** A header that changes what the request does, and that nobody signed, was added on the way. */
function headersCheck({ signedHeaders, isQuery }: ClaimV4, { headers }: SignedView): void {
  if (!signedHeaders.includes('host')) {
    throw new S3Failure('SignatureDoesNotMatch', 'The Host header must be signed.');
  }
  const missing: string[] = [];
  for (const name in headers) {
    if (!name.startsWith('x-amz-') || signedHeaders.includes(name)) continue;
    if (!isQuery || name !== 'x-amz-content-sha256') missing.push(name);
  }
  if (missing.length === 0) return;
  throw new S3Failure(
    'AccessDenied',
    'There were headers present in the request which were not signed',
    { fields: { HeadersNotSigned: missing.join(', ') } },
  );
}

/** The canonical request of Signature Version 4, with S3's rule for paths: encoded once, dots and slashes kept. */
export function canonicalRequest(claim: ClaimV4, view: SignedView): string {
  const { method, rawPath, headers } = view;
  const lines = claim.signedHeaders.map((name) => {
    const text = name in headers ? (headerText(headers, name) ?? '') : '';
    return `${name}:${text.trim().replace(/ +/g, ' ')}\n`;
  });
  return [
    method,
    uriPathEncoded(uriDecoded(rawPath)),
    canonicalQuery(claim, view),
    lines.join(''),
    claim.signedHeaders.join(';'),
    payloadText(claim, view),
  ].join('\n');
}

function canonicalQuery({ isQuery }: ClaimV4, { query }: SignedView): string {
  const pairs = query
    .filter(([name]) => !(isQuery && name === 'X-Amz-Signature'))
    .map(([name, value]) => [uriEncoded(name), uriEncoded(value)] as const);
  if (pairs.length > 1) {
    pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  }
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** What the client says of its payload; a presigned URL is made before anybody knows it. */
export function payloadText({ isQuery }: ClaimV4, { headers, query }: SignedView): string {
  const header = headerText(headers, 'x-amz-content-sha256');
  if (!isQuery) return header ?? '';
  const inQuery = query.find(([name]) => name === 'X-Amz-Content-Sha256')?.[1];
  return inQuery ?? header ?? 'UNSIGNED-PAYLOAD';
}
