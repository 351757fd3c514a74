import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { canonicalRequest, SigningKeys } from '../../../src/fronts/s3/signature/v4.ts';
import { queryParse } from '../../../src/fronts/s3/wire/uri.ts';
import { people, type PersonName, type S3Server } from './harness.ts';

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Another host than the server's: virtual buckets. */
  readonly host?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The error code in an XML body, or the empty string. */
  readonly code: string;
}

const keys = new SigningKeys();

export interface Signed {
  readonly method: string;
  /** As it goes over the wire. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers of the request with those of a signature of version 4. */
export function sign(
  nowMs: number,
  who: PersonName,
  { method, path, query, headers }: Signed,
): Record<string, string> {
  const { accessKey, secret } = people[who];
  const dateText = new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const scope = { date: dateText.slice(0, 8), region: 'us-east-1' };
  const all: Record<string, string> = { ...headers, 'x-amz-date': dateText };
  const signedHeaders = Object.keys(all).toSorted();
  const claim = {
    version: 4,
    accessKey,
    isQuery: false,
    scope,
    signedHeaders,
    signature: '',
    dateText,
    expiresS: null,
  } as const;
  const view = { method, rawPath: path, query: queryParse(query), headers: all, hostBucket: null };
  const scopeText = `${scope.date}/us-east-1/s3/aws4_request`;
  const hashed = createHash('sha256').update(canonicalRequest(claim, view)).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${dateText}\n${scopeText}\n${hashed}`;
  const signature = createHmac('sha256', keys.key(secret, scope)).update(text).digest('hex');
  all['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${accessKey}/${scopeText},SignedHeaders=${signedHeaders.join(';')},Signature=${signature}`;
  return all;
}

/** A link that is worth something for ten minutes. */
export function presign(server: S3Server, who: PersonName, method: string, path: string): string {
  const { accessKey, secret } = people[who];
  const nowMs = server.store.world.clock.now();
  const dateText = new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const scope = { date: dateText.slice(0, 8), region: 'us-east-1' };
  const scopeText = `${scope.date}/us-east-1/s3/aws4_request`;
  const [rawPath = '/', given = ''] = path.split('?');
  const query = `${given === '' ? '' : `${given}&`}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(`${accessKey}/${scopeText}`)}&X-Amz-Date=${dateText}&X-Amz-Expires=600&X-Amz-SignedHeaders=host`;
  const claim = {
    version: 4,
    accessKey,
    isQuery: true,
    scope,
    signedHeaders: ['host'],
    signature: '',
    dateText,
    expiresS: 600,
  } as const;
  const view = {
    method,
    rawPath,
    query: queryParse(query),
    headers: { host: server.host },
    hostBucket: null,
  };
  const hashed = createHash('sha256').update(canonicalRequest(claim, view)).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${dateText}\n${scopeText}\n${hashed}`;
  const signature = createHmac('sha256', keys.key(secret, scope)).update(text).digest('hex');
  return `${rawPath}?${query}&X-Amz-Signature=${signature}`;
}

/** One request; `who` null: nobody signs it. */
export async function send(
  server: S3Server,
  who: PersonName | null,
  line: string,
  { headers = {}, body = '', host = server.host }: Sent = {},
): Promise<Answer> {
  const [method = 'GET', target = '/'] = line.split(' ', 2);
  const [path = '/', query = ''] = target.split('?');
  const bytes = Buffer.from(body);
  const plain: Record<string, string> = { ...headers, host };
  if (who !== null) {
    plain['x-amz-content-sha256'] ??= createHash('sha256').update(bytes).digest('hex');
  }
  const nowMs = server.store.world.clock.now();
  const all = who === null ? plain : sign(nowMs, who, { method, path, query, headers: plain });
  if (method === 'PUT' || method === 'POST') all['content-length'] ??= String(bytes.length);
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: '127.0.0.1', port: server.port, method, path: target, headers: all, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const whole = Buffer.concat(chunks);
          const text = whole.toString();
          const [, code = ''] = /<Error><Code>(\w+)</.exec(text) ?? [];
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            text,
            code,
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** The text of the first element of this name. */
export const textIn = ({ text }: Pick<Answer, 'text'>, name: string): string =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';

export const textsIn = ({ text }: Pick<Answer, 'text'>, name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, value]) => value ?? '');
