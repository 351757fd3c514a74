import { apiRequest, type ApiReply, type ApiRequest } from './api-request.ts';
import type { Cloud } from './cloud.ts';
import { UserError } from './command.ts';
import { secretRead } from './credentials.ts';

/** The API of a cloud of this machine, as its first administrator. */
export interface ApiClient {
  /** Throws a UserError with the API's own words unless the answer has one of these codes. */
  call(codes: readonly number[], request: ApiRequest): Promise<ApiReply>;
}

export async function apiClientOpen(cloud: Cloud): Promise<ApiClient> {
  const password = secretRead(cloud.layout.adminPasswordFile);
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: 'admin', domain, password } } },
    scope: { project: { name: 'admin', domain } },
  };
  const reply = await send(cloud, [201], {
    method: 'POST',
    path: '/identity/v3/auth/tokens',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
    timeoutMs: 30_000,
  });
  const token = reply.headers['x-subject-token'] ?? '';
  return {
    call: (codes, request) =>
      send(cloud, codes, { ...request, headers: { ...request.headers, 'x-auth-token': token } }),
  };
}

async function send(
  cloud: Cloud,
  codes: readonly number[],
  request: ApiRequest,
): Promise<ApiReply> {
  const what = `${request.method ?? 'GET'} ${request.path}`;
  const reply = await apiRequest(cloud, request).catch((error: unknown) => {
    throw new UserError(
      `the API at ${cloud.configuration.publicUrl} does not answer (${String(error)}); is the cloud up? see welkin status`,
    );
  });
  if (codes.includes(reply.status)) return reply;
  throw new UserError(`${what} was refused with ${reply.status}: ${reply.body.slice(0, 500)}`);
}
