import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isWildcard } from './addresses.ts';
import type { Cloud } from './cloud.ts';

/** Version documents: every service answers to them without a token. */
const versionPaths = {
  identity: '/identity/v3',
  image: '/image/',
  compute: '/compute/v2.1/',
  network: '/network/',
  placement: '/placement/',
} as const;

export interface ApiState {
  readonly service: string;
  readonly url: string;
  readonly isUp: boolean;
  /** Why it is not; empty when it is. */
  readonly reason: string;
}

/** Asks every API once. */
export async function apiProbe(cloud: Cloud, timeoutMs = 5000): Promise<ApiState[]> {
  return Promise.all(
    Object.entries(versionPaths).map(async ([service, path]) => {
      const reason = await versionGet(cloud, path, timeoutMs);
      const url = `${cloud.configuration.publicUrl}${path}`;
      return { service, url, isUp: reason === '', reason };
    }),
  );
}

/** Empty when the answer is good, else what is wrong with it. */
function versionGet(cloud: Cloud, path: string, timeoutMs: number): Promise<string> {
  const { listen, tls } = cloud.configuration;
  const certificate = cloud.layout.caCertificate;
  const options = {
    host: isWildcard(listen.host) ? '127.0.0.1' : listen.host,
    port: listen.port,
    path,
    timeout: timeoutMs,
    agent: false,
    ...(tls && existsSync(certificate) ? { ca: readFileSync(certificate) } : {}),
  } as const;
  return new Promise((resolve) => {
    const request = (tls ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      // Nova and Glance list their versions under 300.
      response.once('end', () => resolve(status === 200 || status === 300 ? '' : `HTTP ${status}`));
    });
    request.once('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    request.end();
  });
}
