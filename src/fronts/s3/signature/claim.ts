import type { IncomingHttpHeaders } from 'node:http';
import { S3Failure } from '../failure.ts';
import { queryValue, type QueryPairs } from '../wire/uri.ts';

/** A request as its signature sees it. */
export interface SignedView {
  readonly method: string;
  /** As it came over the wire. */
  readonly rawPath: string;
  readonly query: QueryPairs;
  readonly headers: IncomingHttpHeaders;
  /** The bucket that the Host header names; null: it is in the path. */
  readonly hostBucket: string | null;
}

/** What a request says of itself, before anything of it is believed. */
export type Claim = ClaimV4 | ClaimV2;

export interface ClaimV4 {
  readonly version: 4;
  readonly accessKey: string;
  readonly isQuery: boolean;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20130524T000000Z`. */
  readonly dateText: string;
  readonly expiresS: number | null;
}

export interface ClaimV2 {
  readonly version: 2;
  readonly accessKey: string;
  readonly isQuery: boolean;
  readonly signature: string;
  /** Seconds since the epoch, as the client wrote them. */
  readonly expiresText: string | null;
}

export interface Scope {
  readonly date: string;
  readonly region: string;
}

const algorithm = 'AWS4-HMAC-SHA256';
const headerMalformed = (message: string): S3Failure =>
  new S3Failure(
    'AuthorizationHeaderMalformed',
    `The authorization header is malformed; ${message}`,
  );
const queryMalformed = (message: string): S3Failure =>
  new S3Failure('AuthorizationQueryParametersError', message);

export const headerText = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name];
  return value === undefined ? null : String(value);
};

const v4Own =
  /^x-amz-(algorithm|content-sha256|credential|date|expires|security-token|signature|signedheaders)$/;

/**
 * Whoever makes a link cannot set headers, so what they would say stands in its query. It is as good as the headers only
 * where it was signed as well: version 4 signs the whole query, version 2 signs these as if they were headers.
 */
export function linkHeaders(
  { headers, query }: Pick<SignedView, 'headers' | 'query'>,
  version: 2 | 4 | null,
): IncomingHttpHeaders {
  const given = query
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) =>
      version === 2
        ? /^(x-amz-.*|content-md5|content-type)$/.test(name)
        : name.startsWith('x-amz-') && !v4Own.test(name),
    );
  return given.length === 0 ? headers : { ...Object.fromEntries(given), ...headers };
}

/** Null: nobody claims to have sent this. */
export function claimOf({ headers, query }: Pick<SignedView, 'headers' | 'query'>): Claim | null {
  const authorization = headers.authorization;
  const isV4Query = query.some(
    ([name]) => name === 'X-Amz-Algorithm' || name === 'X-Amz-Credential',
  );
  const isV2Query = query.some(([name]) => name === 'AWSAccessKeyId' || name === 'Signature');
  if (authorization !== undefined && (isV4Query || isV2Query)) {
    throw new S3Failure(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      { fields: { ArgumentName: 'Authorization', ArgumentValue: authorization.slice(0, 20) } },
    );
  }
  if (isV4Query) return claimV4Query(query);
  if (isV2Query) return claimV2Query(query);
  if (authorization === undefined) return null;
  if (authorization.startsWith(`${algorithm} `)) return claimV4Header(authorization, headers);
  if (authorization.startsWith('AWS ')) return claimV2Header(authorization);
  throw new S3Failure('InvalidArgument', 'Unsupported Authorization Type', {
    fields: { ArgumentName: 'Authorization', ArgumentValue: authorization.slice(0, 20) },
  });
}

function claimV4Header(authorization: string, headers: IncomingHttpHeaders): ClaimV4 {
  const fields = new Map<string, string>();
  for (const part of authorization.slice(algorithm.length).split(',')) {
    const at = part.indexOf('=');
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  const [credential, signed, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) =>
    fields.get(name),
  );
  if (credential === undefined) throw headerMalformed('the Credential is missing.');
  if (signed === undefined) throw headerMalformed('SignedHeaders are missing.');
  if (signature === undefined) throw headerMalformed('the Signature is missing.');
  const dateText = headerText(headers, 'x-amz-date') ?? dateFromHeader(headers);
  return {
    version: 4,
    isQuery: false,
    ...credentialParse(credential, headerMalformed),
    signedHeaders: signed.toLowerCase().split(';'),
    signature,
    dateText,
    expiresS: null,
  };
}

/** Without X-Amz-Date, the Date header stands for it. */
function dateFromHeader(headers: IncomingHttpHeaders): string {
  const ms = Date.parse(headers.date ?? '');
  if (!Number.isFinite(ms)) {
    throw new S3Failure(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    );
  }
  return new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, '');
}

function claimV4Query(query: QueryPairs): ClaimV4 {
  const value = (name: string): string => {
    const found = queryValue(query, name);
    if (found !== null && found !== '') return found;
    throw queryMalformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  };
  if (value('X-Amz-Algorithm') !== algorithm) {
    throw queryMalformed(`X-Amz-Algorithm only supports "${algorithm}"`);
  }
  const expiresText = value('X-Amz-Expires');
  // What a signed integer of 64 bits cannot hold is none to AWS.
  if (!/^-?\d{1,19}$/.test(expiresText) || BigInt(expiresText) >= 2n ** 63n)
    throw queryMalformed('X-Amz-Expires should be a number');
  const expiresS = Number(expiresText);
  if (expiresS < 0) throw queryMalformed('X-Amz-Expires must be non-negative');
  if (expiresS > 604_800) {
    throw queryMalformed(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return {
    version: 4,
    isQuery: true,
    ...credentialParse(value('X-Amz-Credential'), queryMalformed),
    signedHeaders: value('X-Amz-SignedHeaders').toLowerCase().split(';'),
    signature: value('X-Amz-Signature'),
    dateText: value('X-Amz-Date'),
    expiresS,
  };
}

export function credentialParse(
  text: string,
  malformed: (message: string) => S3Failure,
): { readonly accessKey: string; readonly scope: Scope } {
  // An access key may hold slashes; the four words behind it may not.
  const words = text.split('/');
  const [date, region, service, terminator] = words.slice(-4);
  const accessKey = words.slice(0, -4).join('/');
  if (date === undefined || region === undefined || words.length < 5 || accessKey === '') {
    throw malformed(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (!/^\d{8}$/.test(date)) {
    throw malformed(
      `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`,
    );
  }
  if (service !== 's3')
    throw malformed(`incorrect service "${service ?? ''}". This endpoint belongs to "s3".`);
  if (terminator !== 'aws4_request') {
    throw malformed(`incorrect terminal "${terminator ?? ''}". This endpoint uses "aws4_request".`);
  }
  return { accessKey, scope: { date, region } };
}

function claimV2Header(authorization: string): ClaimV2 {
  const text = authorization.slice('AWS '.length).trim();
  const at = text.lastIndexOf(':');
  if (at <= 0) {
    throw new S3Failure(
      'InvalidArgument',
      'AWS authorization header is invalid.  Expected AwsAccessKeyId:signature',
      {
        fields: { ArgumentName: 'Authorization', ArgumentValue: 'AWS' },
      },
    );
  }
  return {
    version: 2,
    isQuery: false,
    accessKey: text.slice(0, at),
    signature: text.slice(at + 1),
    expiresText: null,
  };
}

function claimV2Query(query: QueryPairs): ClaimV2 {
  const [accessKey, signature, expiresText] = ['AWSAccessKeyId', 'Signature', 'Expires'].map(
    (name) => queryValue(query, name),
  );
  if (!accessKey || !signature || !expiresText) {
    throw new S3Failure(
      'AccessDenied',
      'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    );
  }
  return { version: 2, isQuery: true, accessKey, signature, expiresText };
}
