/** Compute as it runs, over databases in memory and simulated agents: real HTTP, tasks under a lease, reports. */
import {
  simAgentOpen,
  type SimAgent,
  type SimAgentOptions,
} from '../../src/agent/sim/sim-agent.ts';
import { agentMirrorOpen, type AgentMirror } from '../../src/cluster/agent-mirror.ts';
import type { Host, Hosts } from '../../src/cluster/port.ts';
import { computeApi } from '../../src/compute/compute.api.ts';
import {
  computeCellMigrations,
  computeRegionMigrations,
} from '../../src/compute/compute.migrations.ts';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import type { ComputeRegionTables } from '../../src/compute/compute.tables.ts';
import { computeTasks } from '../../src/compute/compute.tasks.ts';
import {
  computeSettingsDefault,
  type CellTables,
  type ComputeSettings,
  type ComputeWorld,
} from '../../src/compute/compute.world.ts';
import { computeReconcilers } from '../../src/compute/compute.reconcilers.ts';
import { hostSync } from '../../src/compute/host-sync.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { leaseHold } from '../../src/kernel/lease.ts';
import { logOpen, silentLog } from '../../src/kernel/log.ts';
import type { Actor } from '../../src/kernel/policy.ts';
import { reconcilerLoop, Waker } from '../../src/kernel/reconciler.ts';
import { kernelMigrations, type KernelTables } from '../../src/kernel/tables.ts';
import { TaskRunner } from '../../src/kernel/task-runner.ts';
import { DocumentPusher } from '../../src/network/document-push.ts';
import { NetworkChanges } from '../../src/network/network-changes.ts';
import { networkSync } from '../../src/network/network-sync.ts';
import { networkApi } from '../../src/network/network.api.ts';
import { networkMigrations } from '../../src/network/network.migrations.ts';
import { networkPolicies } from '../../src/network/network.policy.ts';
import { networkSettingsDefault, type NetworkWorld } from '../../src/network/network.world.ts';
import { networkPort } from '../../src/network/server-ports.ts';
import { Inventory } from '../../src/placement/inventory.ts';
import { actorOf, apiServe, memberOf, type Answer, type TestServer } from './api.ts';
import { imageId, imagesMemory, type MemoryImages } from './image-port.ts';
import { networkMemory, type MemoryNetwork } from './network-port.ts';

export interface ComputeHouseOptions {
  readonly hosts?: number;
  readonly sim?: SimAgentOptions;
  readonly settings?: Partial<ComputeSettings>;
  readonly actors?: Readonly<Record<string, Actor>>;
  /** Databases that outlive the house; default: in memory, closed with it. */
  readonly engines?: { readonly region: Engine; readonly cell: Engine };
  /** The house that was killed: databases, hosts, networks and images are what it left. */
  readonly after?: ComputeHouse;
  /** The network service itself in place of its stand-in, with its API beside compute's. */
  readonly realNetwork?: boolean;
  /** Kinds of tasks, as the test wants them to go. */
  readonly tasks?: (kinds: typeof computeTasks, house: { crash(): void }) => typeof computeTasks;
}

export interface ComputeHouse extends AsyncDisposable {
  readonly world: ComputeWorld;
  readonly engines: { readonly region: Engine; readonly cell: Engine };
  readonly http: TestServer;
  readonly agents: ReadonlyMap<string, SimAgent>;
  readonly network: MemoryNetwork;
  readonly images: MemoryImages;
  /** As a process that was killed: nothing is finished, what is in the databases stays. */
  kill(): Promise<void>;
  /** Resolves when a fault of the test has stopped the process. */
  readonly crashed: Promise<void>;
  /** Resolves when no task is left unfinished. */
  quiet(): Promise<void>;
  call(method: string, path: string, options?: HouseCall): Promise<Answer>;
  create(server?: object, options?: HouseCall): Promise<string>;
  /** The server, once it looks as asked; fails after a while. */
  until(id: string, isReached: (server: ServerJson) => boolean): Promise<ServerJson>;
  untilGone(id: string): Promise<void>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
export type ServerJson = any;

export interface HouseCall {
  readonly body?: unknown;
  readonly as?: string;
  readonly version?: string;
}

export const houseActors = {
  member: memberOf('c'),
  other: memberOf('d'),
  reader: memberOf('c', ['reader']),
  admin: actorOf(),
};

const log =
  process.env['WELKIN_TEST_LOG'] === undefined
    ? silentLog
    : logOpen({ level: 'debug', write: (line) => process.stderr.write(line), now: Date.now });

export async function computeHouse(options: ComputeHouseOptions = {}): Promise<ComputeHouse> {
  const { after } = options;
  const engines = options.engines ??
    after?.engines ?? {
      region: sqliteOpen(':memory:'),
      cell: sqliteOpen(':memory:'),
    };
  const [region, cell] = [engines.region.db<ComputeRegionTables>(), engines.cell.db<CellTables>()];
  await engines.region.migrate('compute_region', computeRegionMigrations);
  await engines.cell.migrate('kernel', kernelMigrations);
  await engines.cell.migrate('compute_cell', computeCellMigrations);
  const stop = new AbortController();
  const agents = new Map<string, SimAgent>();
  for (let n = 1; after === undefined && n <= (options.hosts ?? 1); n++) {
    agents.set(`host-${n}`, simAgentOpen(options.sim));
  }
  for (const [name, agent] of after?.agents ?? []) agents.set(name, agent);
  const members: Host[] = [...agents].map(([name, agent]) => ({ name, agent, vtep: null }));
  const hosts = {
    list: () => members,
    get: (name: string) => members.find((host) => host.name === name) ?? null,
  };
  const mirror = agentMirrorOpen({ hosts, clock: systemClock, log, stop: stop.signal });
  const network =
    after?.network ??
    networkMemory((name) => {
      const agent = agents.get(name);
      if (agent === undefined) throw new Error(`no host ${name}`);
      return agent;
    });
  const images = after?.images ?? imagesMemory();
  const real = options.realNetwork === true ? await networkReal(hosts, mirror, stop.signal) : null;
  let runner: TaskRunner<ComputeWorld> | null = null;
  const world: ComputeWorld = {
    region,
    cell,
    settings: { ...computeSettingsDefault, ...options.settings },
    images,
    network: real?.port ?? network,
    hosts,
    mirror,
    tasks: {
      wake: () => runner?.wake(),
      cancelled: (subject) => runner?.cancelled(subject),
    },
    inventory: new Inventory(1),
  };
  const parts = { clock: systemClock, ids: randomIds, log };
  runner = new TaskRunner({
    db: engines.cell.db<KernelTables>(),
    world,
    kinds: options.tasks?.(computeTasks, { crash: () => stop.abort() }) ?? computeTasks,
    leaseName: 'tasks',
    ...parts,
  });
  await hostSync(world, parts).run(stop.signal);
  await flavorsSeed(world);
  const lease = { name: 'tasks', holder: randomIds.uuid(), clock: systemClock, log };
  const running = leaseHold(
    { db: engines.cell.db<KernelTables>(), ...lease },
    stop.signal,
    (held) => runner.run(held),
  );
  const reconcilers = computeReconcilers(world, parts).map((reconciler) => {
    const waker = new Waker();
    reconciler.onWake?.(waker.wake);
    return reconcilerLoop(reconciler, waker, { ...parts, stop: stop.signal });
  });
  const apis = [computeApi(world) as unknown as Api<never>, ...(real?.apis ?? [])];
  const policies = { ...networkPolicies, ...computePolicy };
  const http = await apiServe(apis, policies, { ...houseActors, ...options.actors });
  let isKilled = false;
  const kill = async (): Promise<void> => {
    if (isKilled) return;
    isKilled = true;
    stop.abort();
    await Promise.all([running, ...reconcilers, real?.running]);
    await http[Symbol.asyncDispose]();
  };
  return houseOf({
    world,
    http,
    agents,
    network,
    images,
    engines,
    crashed: new Promise((resolve) => {
      stop.signal.addEventListener('abort', () => resolve());
    }),
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      if (options.engines !== undefined || after !== undefined) return;
      await engines.region.close();
      await engines.cell.close();
    },
  });
}

type Bare = Omit<ComputeHouse, 'call' | 'create' | 'until' | 'untilGone' | 'quiet'>;

function houseOf(bare: Bare): ComputeHouse {
  const call: ComputeHouse['call'] = (method, path, { body, as = 'member', version } = {}) =>
    bare.http.call(method, `/compute/v2.1${path}`, {
      as,
      ...(body !== undefined && { body }),
      headers: { 'X-OpenStack-Nova-API-Version': version ?? '2.96' },
    });
  return {
    ...bare,
    call,
    async create(server = {}, options = {}) {
      const made = await call('POST', '/servers', {
        ...options,
        body: { server: { ...plainServer, ...server } },
      });
      if (made.status !== 202) throw new Error(`create: ${made.status} ${made.text}`);
      return made.json.server.id as string;
    },
    async until(id, isReached) {
      let last = '';
      for (let i = 0; i < 3_000; i++) {
        const { status, json, text } = await call('GET', `/servers/${id}`, { as: 'admin' });
        if (status === 200 && isReached(json.server)) return json.server;
        last = text;
        await systemClock.sleep(i < 20 ? 2 : 20);
      }
      throw new Error(`server ${id} did not come so far: ${last}`);
    },
    async quiet() {
      for (let i = 0; i < 3_000; i++) {
        const { unfinished } = await bare.world.cell.read((tx) =>
          tx
            .selectFrom('task')
            .select(({ fn }) => fn.countAll<number>().as('unfinished'))
            .where('state', 'in', ['queued', 'running', 'undoing'])
            .executeTakeFirstOrThrow(),
        );
        if (Number(unfinished) === 0) return;
        await systemClock.sleep(i < 20 ? 2 : 20);
      }
      throw new Error('tasks are still unfinished');
    },
    async untilGone(id) {
      for (let i = 0; i < 3_000; i++) {
        if ((await call('GET', `/servers/${id}`, { as: 'admin' })).status === 404) return;
        await systemClock.sleep(i < 20 ? 2 : 20);
      }
      throw new Error(`server ${id} is still there`);
    },
  };
}

export const plainServer = { name: 'one', imageRef: imageId, flavorRef: 'small', networks: 'auto' };

async function flavorsSeed({ region }: ComputeWorld): Promise<void> {
  await region.write(async (tx) => {
    for (const [id, vcpus, ram_mib, disk_gib] of [
      ['small', 1, 256, 1],
      ['large', 4, 2048, 20],
    ] as const) {
      await tx
        .insertInto('flavor')
        .values({
          id,
          name: `m1.${id}`,
          vcpus,
          ram_mib,
          disk_gib,
          ephemeral_gib: 0,
          swap_mib: 0,
          rxtx_factor_milli: 1000,
          is_public: 1,
          disabled: 0,
          description: null,
          created_at: 0,
          updated_at: null,
        })
        .onConflict((c) => c.doNothing())
        .execute();
    }
  });
}

/** The network service over a database of its own, on the same hosts. */
async function networkReal(hosts: Hosts, mirror: AgentMirror, stop: AbortSignal) {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('network', networkMigrations);
  const world: NetworkWorld = {
    db: engine.db(),
    settings: networkSettingsDefault,
    hosts,
    mirror,
    changes: new NetworkChanges(),
    documents: new DocumentPusher(),
    clock: systemClock,
    ids: randomIds,
    log,
  };
  const waker = new Waker();
  const sync = networkSync(world);
  sync.onWake(waker.wake);
  const running = reconcilerLoop(sync, waker, { clock: systemClock, log, stop });
  return { port: networkPort(world), apis: [networkApi(world) as unknown as Api<never>], running };
}
