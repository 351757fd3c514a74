/** A client of the APIs that knows what a connection that broke means: nobody acknowledged anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cloud } from './cloud.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
  readonly json: any;
}

export interface ApiClient {
  readonly token: string;
  /** Null: no answer came, or the answer says that the server is not there just now. */
  call(method: string, path: string, body?: unknown): Promise<ApiAnswer | null>;
  upload(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Asks again until there is an answer: only for what can be repeated. */
  insist(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
}

/** A program that is killed again and again is started after ever longer waits. */
const insistMs = 300_000;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export interface Login {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

function administrator(stateDir: string): Login {
  const openrc = readFileSync(join(stateDir, 'openrc'), 'utf8');
  const password = /OS_PASSWORD="([^"]+)"/.exec(openrc)?.[1] ?? '';
  return { user: 'admin', password, project: 'admin' };
}

/** Logs in, as the administrator of the cloud unless somebody else is named. */
export async function apiClient(
  cloud: Pick<Cloud, 'stateDir' | 'apiUrl'>,
  { user: name, password, project }: Login = administrator(cloud.stateDir),
): Promise<ApiClient> {
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name, domain, password } } },
    scope: { project: { name: project, domain } },
  };
  let token = '';
  const send = async (method: string, path: string, body?: unknown): Promise<ApiAnswer | null> => {
    try {
      const response = await fetch(cloud.apiUrl + path, {
        method,
        headers: {
          'X-Auth-Token': token,
          'X-OpenStack-Nova-API-Version': '2.72',
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      if (response.status === 503) return null;
      const { status, headers } = response;
      return { status, headers, json: text.startsWith('{') ? JSON.parse(text) : undefined };
    } catch {
      return null;
    }
  };
  const insist: ApiClient['insist'] = async (method, path, body) => {
    for (const end = performance.now() + insistMs; performance.now() < end;) {
      const answer = await send(method, path, body);
      if (answer !== null) return answer;
      await pause(100);
    }
    throw new Error(`${method} ${path}: no answer in ${insistMs / 60_000} minutes`);
  };
  const made = await insist('POST', '/identity/v3/auth/tokens', { auth });
  token = made.headers.get('x-subject-token') ?? '';
  return {
    token,
    call: send,
    insist,
    async upload(path, body) {
      const headers = { 'X-Auth-Token': token, 'Content-Type': 'application/octet-stream' };
      const { status } = await fetch(cloud.apiUrl + path, { method: 'PUT', headers, body });
      if (status >= 300) throw new Error(`PUT ${path}: ${status}`);
    },
  };
}
