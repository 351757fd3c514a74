import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { hostname } from 'node:os';
import { identityAuthenticate } from '../identity/authenticate.ts';
import { directoryRefresh } from '../identity/generation.ts';
import { identityApi } from '../identity/identity.api.ts';
import { identityMigrations } from '../identity/identity.migrations.ts';
import { identityPolicies } from '../identity/identity.policy.ts';
import { identitySeed } from '../identity/identity.seed.ts';
import { identityWorldOpen, type IdentityWorld } from '../identity/identity.world.ts';
import { imageApi } from '../image/image.api.ts';
import { imageMigrations } from '../image/image.migrations.ts';
import { imagePolicy } from '../image/image.policy.ts';
import { imageSweep } from '../image/image-sweep.ts';
import { sizeLimitDefaultBytes, type ImageWorld } from '../image/image.world.ts';
import { fileStore } from '../image/stores/file-store.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Api } from '../kernel/http/api.ts';
import { openApiEndpoint } from '../kernel/http/openapi.ts';
import { httpServer } from '../kernel/http/server.ts';
import { randomIds } from '../kernel/ids.ts';
import { leaseHold } from '../kernel/lease.ts';
import { Policy } from '../kernel/policy.ts';
import { reconcilerLoop, Waker, type Reconciler } from '../kernel/reconciler.ts';
import type { KernelTables } from '../kernel/tables.ts';
import { auditFileOpen } from './audit-file.ts';
import { databasesOpen, keysRead, type Databases } from './control-parts.ts';
import { secretRead } from './credentials.ts';
import { policyFileRead } from './policy-file.ts';
import type { RoleOptions } from './role.ts';

const clock = systemClock;
const ids = randomIds;

/** How long requests that are under way may take to end when this process shall stop. */
const drainMs = 10_000;
/** How stale the memory of a control process may be about what another one changed. */
const refreshMs = 500;
/** Kept free for databases and logs that share the disk with images. */
const imageReserveBytes = 512 << 20;

/** Constructs every service and serves the APIs until the signal. */
export async function controlRun(options: RoleOptions): Promise<void> {
  const { configuration, layout, log, signal, ready } = options;
  const databases = await databasesOpen(configuration, layout);
  const audit = auditFileOpen(layout.auditFile, log);
  const policy = new Policy(
    { ...identityPolicies, ...imagePolicy },
    configuration.policyFile === null ? {} : policyFileRead(configuration.policyFile),
  );
  const identity = await identityOpen(options, databases);
  const image = await imageOpen(options, databases, policy);
  const { publicUrl, tls } = configuration;
  const server = httpServer({
    apis: [published(identityApi(identity)), published(imageApi(image))],
    authenticate: identityAuthenticate(identity),
    policy,
    audit,
    clock,
    ids,
    log,
    publicUrl,
    tls: tls
      ? {
          cert: readFileSync(layout.serverCertificate, 'utf8'),
          key: readFileSync(layout.serverKey, 'utf8'),
        }
      : null,
    checkReplies: process.env['WELKIN_CHECK_REPLIES'] !== undefined,
  });
  server.listen(configuration.listen.port, configuration.listen.host);
  await once(server, 'listening');
  ready();
  const reconciled = reconcilersRun(options, databases, [imageSweep(image)]);
  const refreshed = refreshRun(identity, databases, signal);
  await stopped(signal);
  await drain(server);
  await Promise.all([reconciled, refreshed]);
  await audit.close();
  await databases.region.close();
  await databases.cell.close();
}

const published = <World>(api: Api<World>): Api<never> =>
  ({ ...api, endpoints: [...api.endpoints, openApiEndpoint(api)] }) as unknown as Api<never>;

async function identityOpen(
  { configuration, layout }: RoleOptions,
  { region }: Databases,
): Promise<IdentityWorld> {
  const { publicUrl, password, tokenLifeSec } = configuration;
  await region.migrate('identity', identityMigrations);
  const world = identityWorldOpen({
    db: region.db(),
    clock,
    ids,
    tokenKeys: keysRead(layout.tokenKeyDir),
    credentialKeys: keysRead(layout.credentialKeyDir),
    settings: {
      tokenLifeMs: tokenLifeSec * 1000,
      authUri: `${publicUrl}/identity`,
      argon2: password,
    },
  });
  await directoryRefresh(world);
  await identitySeed(world, {
    adminPassword: secretRead(layout.adminPasswordFile),
    demoPassword: secretRead(layout.demoPasswordFile),
    region: configuration.region,
    endpoints: [
      { type: 'identity', name: 'keystone', url: `${publicUrl}/identity` },
      { type: 'image', name: 'glance', url: `${publicUrl}/image` },
      { type: 'compute', name: 'nova', url: `${publicUrl}/compute/v2.1` },
      { type: 'network', name: 'neutron', url: `${publicUrl}/network` },
    ],
  });
  return world;
}

async function imageOpen(
  { layout, log }: RoleOptions,
  { region }: Databases,
  policy: Policy,
): Promise<ImageWorld> {
  await region.migrate('image', imageMigrations);
  const store = fileStore({
    id: 'file',
    directory: layout.imageDir,
    reserveBytes: imageReserveBytes,
  });
  const sizeLimitBytes = sizeLimitDefaultBytes;
  return { db: region.db(), stores: [store], policy, clock, ids, log, sizeLimitBytes };
}

/** Each under a lease of its own, so that N control processes share them. */
async function reconcilersRun(
  { log, signal }: RoleOptions,
  { region }: Databases,
  reconcilers: readonly Reconciler[],
): Promise<void> {
  const db = region.db<KernelTables>();
  const holder = `${hostname()}:${process.pid}:${ids.hex()}`;
  await Promise.all(
    reconcilers.map((reconciler) =>
      leaseHold({ db, clock, log, name: reconciler.name, holder }, signal, ({ lost }) =>
        reconcilerLoop(reconciler, new Waker(), { clock, log, stop: lost }),
      ),
    ),
  );
}

/** Where other processes write too (PostgreSQL), what they changed must be known here at once. */
async function refreshRun(
  world: IdentityWorld,
  { region }: Databases,
  stop: AbortSignal,
): Promise<void> {
  if (region.kind === 'sqlite') return;
  while (!stop.aborted) {
    await clock.sleep(refreshMs, stop);
    await directoryRefresh(world).catch(() => {});
  }
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Nothing new, and what is under way is answered. */
async function drain(server: Server): Promise<void> {
  server.close();
  server.closeIdleConnections();
  const late = new AbortController();
  await Promise.race([once(server, 'close'), clock.sleep(drainMs, late.signal)]);
  late.abort();
  server.closeAllConnections();
}
