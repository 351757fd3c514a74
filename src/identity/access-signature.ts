import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** A request as the EC2 front saw it: what the signature was made over. */
export interface SignedRequest {
  readonly signature: string;
  readonly verb: string;
  readonly host: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyHash: string;
}

export function textEquals(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Signature versions 2 and 4. Versions 0 and 1 are refused: they leave most of a request unsigned, and no client that
 * is still kept uses them.
 */
export function isEc2Signed(secret: string, request: SignedRequest): boolean {
  const matches = (asked: SignedRequest): boolean => {
    const wanted = ec2Signature(secret, asked);
    return wanted !== null && textEquals(wanted, request.signature);
  };
  if (matches(request)) return true;
  // Some clients leave the port out of what they sign.
  const host = request.host.replace(/:\d+$/, '');
  return host !== request.host && matches({ ...request, host });
}

function ec2Signature(secret: string, request: SignedRequest): string | null {
  const { params, headers } = request;
  if (params['SignatureVersion'] === '2') return signatureV2(secret, request);
  if (params['SignatureVersion'] !== undefined) return null;
  const isV4 =
    headers['authorization']?.startsWith(algorithmV4) === true ||
    params['X-Amz-Algorithm'] === algorithmV4;
  return isV4 ? signatureV4(secret, request) : null;
}

const algorithmV4 = 'AWS4-HMAC-SHA256';

/** RFC 3986: only letters, digits and `-_.~` stay as they are. */
const quote = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const canonicalQuery = (params: SignedRequest['params']): string =>
  Object.entries(params)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${quote(name)}=${quote(value)}`)
    .join('&');

function signatureV2(secret: string, { verb, host, path, params }: SignedRequest): string {
  const query = canonicalQuery({ ...params, SignatureMethod: 'HmacSHA256' });
  return createHmac('sha256', secret)
    .update(`${verb}\n${host}\n${path}\n${query}`)
    .digest('base64');
}

/** Null where the request does not say all that a signature of version 4 needs. */
function signatureV4(secret: string, request: SignedRequest): string | null {
  const { verb, path, params, headers, bodyHash } = request;
  const named = (name: string): string | undefined =>
    headers['authorization']?.startsWith(algorithmV4) === true
      ? new RegExp(`${name}=([^,\\s]*)`).exec(headers['authorization'])?.[1]
      : params[`X-Amz-${name}`];
  const signedHeaders = named('SignedHeaders');
  const [, day, region, service, end] = named('Credential')?.split('/') ?? [];
  const time = headers['x-amz-date'] ?? params['X-Amz-Date'];
  if (signedHeaders === undefined || time === undefined || end !== 'aws4_request') return null;
  if (day === undefined || region === undefined || service === undefined) return null;
  if (!time.startsWith(day)) return null;
  const values: Readonly<Record<string, string>> = {
    ...headers,
    ...(request.host !== '' && { host: request.host }),
  };
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name}:${values[name]?.trim().replace(/ +/g, ' ') ?? ''}`);
  const { 'X-Amz-Signature': _, ...signedParams } = params;
  const query = verb.toUpperCase() === 'POST' ? '' : canonicalQuery(signedParams);
  const canonical = [verb.toUpperCase(), path, query, ...lines, '', signedHeaders, bodyHash];
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = [algorithmV4, time, scope, hex(canonical.join('\n'))].join('\n');
  return hmac(keyV4(secret, { day, region, service }), toSign).toString('hex');
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

const hex = (text: string): string => hash('sha256', text);

const keyV4 = (
  secret: string,
  { day, region, service }: Record<'day' | 'region' | 'service', string>,
): Buffer => {
  const dated = hmac(`AWS4${secret}`, day);
  return hmac(hmac(hmac(dated, region), service), 'aws4_request');
};

const servicesS3: ReadonlySet<string> = new Set(['s3', 'iam', 'sts']);

/** S3 fronts send the text that was signed: of version 4 where it says so, else of version 2 (HMAC-SHA1). */
export function isS3Signed(secret: string, toSign: Buffer, signature: string): boolean {
  if (toSign.toString('latin1', 0, 4) !== 'AWS4') {
    return textEquals(createHmac('sha1', secret).update(toSign).digest('base64'), signature);
  }
  const [algorithm, , scope = '', ...rest] = toSign.toString('latin1').split('\n');
  const [day, region, service, end, ...more] = scope.split('/');
  if (algorithm !== algorithmV4 || rest.length !== 1 || more.length > 0) return false;
  if (day === undefined || region === undefined || end !== 'aws4_request') return false;
  if (service === undefined || !servicesS3.has(service)) return false;
  const key = keyV4(secret, { day, region, service });
  return textEquals(createHmac('sha256', key).update(toSign).digest('hex'), signature);
}
