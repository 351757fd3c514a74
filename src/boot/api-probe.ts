import { apiRequest, type ApiRequest } from './api-request.ts';
import type { Cloud } from './cloud.ts';

/** A version document of every service that control serves: they need no token. */
const versionPaths: Readonly<Record<string, string>> = {
  identity: '/identity/v3',
  image: '/image/',
  compute: '/compute/v2.1/',
  network: '/network/',
  placement: '/placement/',
};

export interface ApiState {
  readonly service: string;
  readonly url: string;
  readonly isUp: boolean;
  /** Why it is not; empty when it is. */
  readonly reason: string;
}

/** Asks every API once. */
export async function apiProbe(cloud: Cloud, timeoutMs = 5000): Promise<ApiState[]> {
  const { publicUrl, object } = cloud.configuration;
  const all = [
    ...Object.entries(versionPaths).map(([service, path]) => ({ service, base: publicUrl, path })),
    { service: 'object-store', base: object.publicUrl, path: '/info' },
  ];
  return Promise.all(
    all.map(async ({ service, base, path }) => {
      const to = service === 'object-store' ? 'object' : 'api';
      const reason = await versionGet(cloud, { path, timeoutMs, to });
      return { service, url: `${base}${path}`, isUp: reason === '', reason };
    }),
  );
}

/** Empty when the answer is good, else what is wrong with it. */
async function versionGet(cloud: Cloud, asked: ApiRequest): Promise<string> {
  try {
    const { status } = await apiRequest(cloud, asked);
    // Nova and Glance list their versions under 300.
    return status === 200 || status === 300 ? '' : `HTTP ${status}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}
