import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { AuditEvent } from '../../src/kernel/audit.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { httpServer } from '../../src/kernel/http/server.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { logOpen, silentLog } from '../../src/kernel/log.ts';
import { Policy, type Actor, type PolicyDefaults } from '../../src/kernel/policy.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
  readonly json: any;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Name of an actor given to `apiServe`; null sends no token. */
  readonly as?: string | null;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly events: readonly AuditEvent[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export const actorOf = (overrides: Partial<Actor> = {}): Actor => ({
  userId: 'a'.repeat(32),
  userName: 'admin',
  userDomainId: 'default',
  roles: ['admin', 'manager', 'member', 'reader'],
  scope: { kind: 'project', projectId: 'b'.repeat(32), projectName: 'admin', domainId: 'default' },
  serviceRoles: [],
  auditId: 'audit',
  ...overrides,
});

/** A member of the project whose id is 32 times this letter. */
export const memberOf = (letter: string, roles = ['member', 'reader']): Actor =>
  actorOf({
    userId: letter.repeat(31) + '0',
    userName: `member-${letter}`,
    roles,
    scope: {
      kind: 'project',
      projectId: letter.repeat(32),
      projectName: letter,
      domainId: 'default',
    },
  });

/**
 * Serves APIs over real HTTP on a port of its own. Tokens are names of actors; every reply is held against the schema
 * its route declares. `WELKIN_TEST_LOG=1` shows the log.
 */
export async function apiServe(
  apis: readonly Api<never>[],
  policies: PolicyDefaults,
  actors: Readonly<Record<string, Actor>> = { admin: actorOf() },
): Promise<TestServer> {
  const events: AuditEvent[] = [];
  const server = httpServer({
    apis,
    authenticate: async (request) => actors[String(request.headers['x-auth-token'])] ?? null,
    policy: new Policy(policies),
    audit: { write: (event) => void events.push(event) },
    clock: systemClock,
    ids: randomIds,
    log:
      process.env['WELKIN_TEST_LOG'] === undefined
        ? silentLog
        : logOpen({ level: 'debug', write: (line) => process.stderr.write(line), now: Date.now }),
    publicUrl: null,
    tls: null,
    checkReplies: true,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [firstActor = 'admin'] = Object.keys(actors);
  return {
    url,
    events,
    async call(method, path, { body, headers = {}, as = firstActor } = {}) {
      const isBytes = body instanceof Uint8Array || typeof body === 'string';
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(as !== null && { 'X-Auth-Token': as }),
          ...(body !== undefined && !isBytes && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        redirect: 'manual',
        ...(body !== undefined && { body: isBytes ? (body as string) : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text !== '' ? JSON.parse(text) : undefined,
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
