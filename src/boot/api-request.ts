import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isWildcard } from './addresses.ts';
import type { Cloud } from './cloud.ts';

export interface ApiRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** Without a byte for this long the request fails. */
  readonly timeoutMs: number;
  /** The object store has an address of its own. */
  readonly to?: 'api' | 'object';
}

export interface ApiReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Asks the API of a cloud of this machine, at the address where it listens; TLS is held against the cloud's own CA. */
export async function apiRequest(cloud: Cloud, wanted: ApiRequest): Promise<ApiReply> {
  const { listen, tls } = wanted.to === 'object' ? cloud.configuration.object : cloud.configuration;
  const certificate = cloud.layout.caCertificate;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (tls ? httpsRequest : httpRequest)({
    host: isWildcard(listen.host) ? '127.0.0.1' : listen.host,
    port: listen.port,
    method: wanted.method ?? 'GET',
    path: wanted.path,
    headers: wanted.headers ?? {},
    timeout: wanted.timeoutMs,
    agent: false,
    ...(tls && existsSync(certificate) ? { ca: readFileSync(certificate) } : {}),
  });
  request.once('response', resolve);
  request.once('error', reject);
  request.once('timeout', () =>
    request.destroy(new Error(`no answer within ${wanted.timeoutMs} ms`)),
  );
  const { body } = wanted;
  if (body === undefined || typeof body === 'string') request.end(body);
  // An answer may come before the body was sent whole: the answer tells why.
  else await pipeline(body, request).catch(reject);
  const response = await promise;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
