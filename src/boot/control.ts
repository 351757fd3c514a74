import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { hostname } from 'node:os';
import type { Hosts } from '../cluster/port.ts';
import { computeApi } from '../compute/compute.api.ts';
import { computeTasks } from '../compute/compute.tasks.ts';
import type { ComputeWorld } from '../compute/compute.world.ts';
import { claimSync } from '../compute/claim-sync.ts';
import { imageEvict } from '../compute/image-evict.ts';
import { hostSync } from '../compute/host-sync.ts';
import { serverSync } from '../compute/server-sync.ts';
import type { WokenReconciler } from '../compute/woken-reconciler.ts';
import { placementApi } from '../compute/placement.api.ts';
import { identityAuthenticate } from '../identity/authenticate.ts';
import { directoryUsersFollow } from '../identity/directory-read.ts';
import { directoryLate } from '../identity/generation.ts';
import { identityApi } from '../identity/identity.api.ts';
import type { IdentityWorld } from '../identity/identity.world.ts';
import { imageApi } from '../image/image.api.ts';
import { imageSweep } from '../image/image-sweep.ts';
import type { ImageWorld } from '../image/image.world.ts';
import { importTask } from '../image/import/import.task.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Engine } from '../kernel/db.ts';
import type { Api } from '../kernel/http/api.ts';
import { openApiEndpoint } from '../kernel/http/openapi.ts';
import { httpServer } from '../kernel/http/server.ts';
import { randomIds } from '../kernel/ids.ts';
import { leaseHold } from '../kernel/lease.ts';
import type { Policy } from '../kernel/policy.ts';
import { reconcilerLoop, Waker, type Reconciler } from '../kernel/reconciler.ts';
import type { KernelTables } from '../kernel/tables.ts';
import { TaskRunner } from '../kernel/task-runner.ts';
import { networkApi } from '../network/network.api.ts';
import { networkSync } from '../network/network-sync.ts';
import { auditFileOpen } from './audit-file.ts';
import { auditSinks, auditSyslogOpen } from './audit-syslog.ts';
import { databasesOpen, type Databases, type EnginesOpen } from './control-parts.ts';
import { hostsOpen, servicesOpen, type Services } from './control-services.ts';
import { memoryReleaseRun } from './memory-release.ts';
import { policyOpen } from './policy-open.ts';
import type { RoleOptions } from './role.ts';

const clock = systemClock;
const ids = randomIds;

/** How long requests that are under way may take to end when this process shall stop. */
const drainMs = 10_000;
/** How long something long-lived may outlive what it was opened with, where another process ended that. */
const refreshMs = 500;
const directoryFollowMs = 60_000;

export interface ControlOptions extends RoleOptions {
  readonly enginesOpen: EnginesOpen;
  /** Others than this machine. */
  readonly hosts?: Hosts;
}

/** Constructs every service and serves the APIs until the signal. */
export async function controlRun(options: ControlOptions): Promise<void> {
  const { configuration, layout, log, signal, ready, enginesOpen, hosts } = options;
  const databases = await databasesOpen(enginesOpen, layout);
  const audit = auditOpen(options);
  const { policy } = policyOpen(configuration);
  let runner: TaskRunner<ComputeWorld> | null = null;
  let imageRunner: TaskRunner<ImageWorld> | null = null;
  const services = await servicesOpen(
    options,
    databases,
    policy,
    {
      tasks: {
        wake: () => runner?.wake(),
        cancelled: (subject) => runner?.cancelled(subject),
      },
      imageTasks: {
        wake: () => imageRunner?.wake(),
        cancelled: (subject) => imageRunner?.cancelled(subject),
      },
    },
    hosts ?? hostsOpen(layout),
  );
  runner = new TaskRunner({
    db: databases.cell.db<KernelTables>(),
    world: services.compute,
    kinds: computeTasks,
    leaseName: 'tasks',
    clock,
    ids,
    log,
  });
  imageRunner = new TaskRunner({
    db: databases.region.db<KernelTables>(),
    world: services.image,
    kinds: [importTask],
    leaseName: 'image-tasks',
    clock,
    ids,
    log,
  });
  const server = serverOpen(options, services, policy, audit);
  server.listen(configuration.listen.port, configuration.listen.host);
  await once(server, 'listening');
  ready();
  const work = Promise.all([
    reconcilersRun(options, databases, services),
    tasksRun(options, databases.cell, 'tasks', runner),
    tasksRun(options, databases.region, 'image-tasks', imageRunner),
    refreshRun(services.identity, signal),
    memoryReleaseRun(clock, signal),
  ]);
  await stopped(signal);
  await drain(server);
  await work;
  await audit.close();
  await databases.region.close();
  await databases.cell.close();
}

/** The file, and syslog where one is configured. */
function auditOpen({ configuration, layout, log }: RoleOptions) {
  const { syslog, syslogCaFile: caFile } = configuration.audit;
  const file = auditFileOpen(layout.auditFile, log);
  if (syslog === null) return file;
  const hostName = hostname();
  const server = auditSyslogOpen({ address: syslog, caFile, hostName, clock, log });
  return {
    ...auditSinks([file, server]),
    close: async () => {
      await server.close();
      await file.close();
    },
  };
}

function serverOpen(
  { configuration, layout, log }: RoleOptions,
  { identity, image, network, compute }: Services,
  policy: Policy,
  audit: AuditSink,
): Server {
  const { publicUrl, tls } = configuration;
  const apis = [
    published(identityApi(identity)),
    published(imageApi(image)),
    published(networkApi(network)),
    published(computeApi(compute)),
    published(placementApi(compute)),
  ];
  return httpServer({
    apis,
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
}

const published = <World>(api: Api<World>): Api<never> =>
  ({ ...api, endpoints: [...api.endpoints, openApiEndpoint(api)] }) as unknown as Api<never>;

const holder = `${hostname()}:${process.pid}:${ids.hex()}`;

/** Each under a lease of its own, so that N control processes share them. */
async function reconcilersRun(
  { log, signal }: RoleOptions,
  { region }: Databases,
  { identity, image, network, compute }: Services,
): Promise<void> {
  const db = region.db<KernelTables>();
  const parts = { clock, ids, log };
  const run = (reconciler: Reconciler, waker = new Waker()): Promise<void> =>
    leaseHold({ db, clock, log, name: reconciler.name, holder }, signal, ({ lost }) =>
      reconcilerLoop(reconciler, waker, { clock, log, stop: lost }),
    );
  const woken = (reconciler: WokenReconciler): Promise<void> => {
    const waker = new Waker();
    reconciler.onWake?.(waker.wake);
    return run(reconciler, waker);
  };
  await Promise.all([
    run(directoryFollow(identity)),
    run(imageSweep(image)),
    woken(networkSync(network)),
    run(hostSync(compute, parts)),
    woken(serverSync(compute, parts)),
    woken(claimSync(compute, parts)),
    run(imageEvict(compute, parts)),
  ]);
}

/** Users of directories who are logged in: what their directory says of them now. */
const directoryFollow = (identity: IdentityWorld): Reconciler => ({
  name: 'identity-directories',
  run: () => directoryUsersFollow(identity),
  everyMs: directoryFollowMs,
});

async function tasksRun<World>(
  { log, signal }: RoleOptions,
  database: Engine,
  name: string,
  runner: TaskRunner<World>,
): Promise<void> {
  const db = database.db<KernelTables>();
  await leaseHold({ db, clock, log, name, holder }, signal, (lease) => runner.run(lease));
}

/** Requests see at once what other processes changed; who has none under way (a console) is told by this. */
async function refreshRun(world: IdentityWorld, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await clock.sleep(refreshMs, stop);
    await directoryLate(world)?.catch(() => {});
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
