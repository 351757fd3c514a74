/** A seeded identity service over real HTTP, with a clock that tests move. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { DirectoryRegistry } from '../../src/identity/directory-registry.ts';
import { identityAuthenticate } from '../../src/identity/authenticate.ts';
import { identityApi } from '../../src/identity/identity.api.ts';
import { identityMigrations } from '../../src/identity/identity.migrations.ts';
import { identityPolicies } from '../../src/identity/identity.policy.ts';
import { identitySeed, type Seed } from '../../src/identity/identity.seed.ts';
import type { IdentityTables } from '../../src/identity/identity.tables.ts';
import {
  generationTable,
  identityWorldOpen,
  type IdentitySettings,
  type IdentityWorld,
} from '../../src/identity/identity.world.ts';
import { secretKey, type SecretKey } from '../../src/identity/secret-box.ts';
import { tokenResolve } from '../../src/identity/token-state.ts';
import type { AuditEvent } from '../../src/kernel/audit.ts';
import { systemClock, type Clock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { httpServer } from '../../src/kernel/http/server.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { logOpen, silentLog } from '../../src/kernel/log.ts';
import { Policy } from '../../src/kernel/policy.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
  readonly json: any;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestClock extends Clock {
  pass(ms: number): void;
  /** Told of what would be waited for; without it nothing waits. */
  onSleep: ((ms: number) => void) | null;
}

/** Starts at the real time and then stands still. */
export function clockMake(): TestClock {
  let now = systemClock.now();
  const clock: TestClock = {
    now: () => now,
    pass: (ms) => void (now += ms),
    sleep: async (ms) => clock.onSleep?.(ms),
    onSleep: null,
  };
  return clock;
}

export const seed: Seed = {
  adminPassword: 'admin-secret',
  demoPassword: 'demo-secret',
  region: 'RegionOne',
  endpoints: [
    { type: 'identity', name: 'keystone', url: 'http://cloud/identity' },
    { type: 'compute', name: 'nova', url: 'http://cloud/compute/v2.1' },
    { type: 'object-store', name: 'swift', url: 'http://cloud:8080/v1/AUTH_$(project_id)s' },
  ],
};

export interface Scope {
  readonly project?: { readonly id: string };
  readonly domain?: { readonly id: string };
  readonly system?: { readonly all: true };
}

export interface TestCloud extends AsyncDisposable {
  readonly url: string;
  readonly world: IdentityWorld;
  readonly engine: Engine;
  readonly clock: TestClock;
  readonly events: readonly AuditEvent[];
  readonly admin: string;
  readonly systemAdmin: string;
  readonly adminProjectId: string;
  /** From now on each change ends with this, once the rules have let it through. */
  refuseWrites(failure: Error): void;
  /** A token of the admin that works now: what happened since may have ended the first. */
  freshAdmin(): Promise<string>;
  /** As admin unless `token` says otherwise; null sends none. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  logIn(name: string, password: string, scope?: unknown): Promise<Answer>;
  /** The token of a log-in that must succeed. */
  tokenOf(name: string, password: string, scope?: unknown): Promise<string>;
  /** Creates things as admin; the answer must be 201. */
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of any shape
  create(path: string, body: unknown): Promise<any>;
}

export const tokenKey = secretKey(Buffer.alloc(32, 7));

/** Where clouds find their directories: the suite with real ones puts another here. */
export const directories = { make: (_clock: Clock) => new DirectoryRegistry(null, new Map()) };

export async function worldMake(
  engine: Engine,
  clock: Clock,
  {
    key = tokenKey,
    settings = {},
    oidc = new Map(),
  }: {
    key?: SecretKey;
    settings?: Partial<IdentitySettings>;
    oidc?: IdentityWorld['oidc'];
  } = {},
): Promise<IdentityWorld> {
  return identityWorldOpen({
    db: engine.db<IdentityTables>(),
    watch: await engine.watch(generationTable),
    clock,
    ids: randomIds,
    tokenKeys: [key],
    credentialKeys: [key],
    directories: directories.make(clock),
    oidc,
    // Cheap hashes: what is tested is not their price.
    settings: { argon2: { memoryKib: 64, passes: 1, parallelism: 1 }, ...settings },
  });
}

/** SQLite tells another process with the next request, PostgreSQL a moment later. */
export async function refusedSoon(
  { kind }: Engine,
  isRefused: () => Promise<boolean>,
): Promise<void> {
  const attempts = kind === 'sqlite' ? 1 : 1_000;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await isRefused()) return;
    await systemClock.sleep(10);
  }
  throw new Error('another process still accepts what was revoked');
}

/** Where clouds keep their database: the suite that runs on PostgreSQL puts another here. */
export const engines: {
  open: () => Engine;
  /** Connections of their own to what was opened last, as another process has them; null: in memory. */
  reopen: (() => Engine) | null;
} = { open: () => sqliteOpen(':memory:'), reopen: null };

export async function cloudOpen(
  settings: Partial<IdentitySettings> = {},
  oidcOpen: (clock: Clock) => IdentityWorld['oidc'] = () => new Map(),
): Promise<TestCloud> {
  const engine = engines.open();
  await engine.migrate('identity', identityMigrations);
  const clock = clockMake();
  const made = await worldMake(engine, clock, { settings, oidc: oidcOpen(clock) });
  let refusal: Error | null = null;
  const db: IdentityWorld['db'] = {
    read: (work) => made.db.read(work),
    write: async (work) => {
      if (refusal !== null) throw refusal;
      return await made.db.write(work);
    },
  };
  const world: IdentityWorld = { ...made, db };
  await identitySeed(world, seed);
  const events: AuditEvent[] = [];
  const server = httpServer({
    apis: [identityApi(world) as never],
    authenticate: identityAuthenticate(world),
    policy: new Policy(identityPolicies),
    audit: { write: (event) => void events.push(event) },
    clock,
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

  const send = async (method: string, path: string, options: CallOptions): Promise<Answer> => {
    const { body, token = null, headers = {} } = options;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token !== null && { 'X-Auth-Token': token }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = text !== '' && response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  };
  const logIn = (name: string, password: string, scope?: unknown): Promise<Answer> =>
    send('POST', '/v3/auth/tokens', {
      body: {
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name, domain: { id: 'default' }, password } },
          },
          ...(scope !== undefined && { scope }),
        },
      },
    });
  const tokenOf = async (name: string, password: string, scope?: unknown): Promise<string> => {
    const answer = await logIn(name, password, scope);
    if (answer.status !== 201) throw new Error(`log-in of ${name}: ${answer.text}`);
    return answer.headers.get('x-subject-token') ?? '';
  };
  const first = await logIn('admin', seed.adminPassword);
  const admin = first.headers.get('x-subject-token') ?? '';
  const systemAdmin = await tokenOf('admin', seed.adminPassword, { system: { all: true } });
  const call = (method: string, path: string, options: CallOptions = {}): Promise<Answer> =>
    send(method, path, { token: admin, ...options });
  return {
    url,
    refuseWrites: (failure) => void (refusal = failure),
    freshAdmin: async () =>
      (await tokenResolve(world, admin)) === null
        ? await tokenOf('admin', seed.adminPassword)
        : admin,
    world,
    engine,
    clock,
    events,
    admin,
    systemAdmin,
    adminProjectId: first.json.token.project.id,
    call,
    logIn,
    tokenOf,
    async create(path, body) {
      const answer = await call('POST', path, { body });
      if (answer.status !== 201) throw new Error(`create ${path}: ${answer.text}`);
      return Object.values(answer.json)[0];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await engine.close();
    },
  };
}
