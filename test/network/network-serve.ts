import { simAgentOpen, type SimAgent } from '../../src/agent/sim/sim-agent.ts';
import { agentMirrorOpen } from '../../src/cluster/agent-mirror.ts';
import type { Host } from '../../src/cluster/port.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { DocumentPusher } from '../../src/network/document-push.ts';
import { NetworkChanges } from '../../src/network/network-changes.ts';
import { networkSync } from '../../src/network/network-sync.ts';
import { networkApi } from '../../src/network/network.api.ts';
import { networkMigrations } from '../../src/network/network.migrations.ts';
import { networkPolicies } from '../../src/network/network.policy.ts';
import {
  networkSettingsDefault,
  type NetworkSettings,
  type NetworkWorld,
} from '../../src/network/network.world.ts';
import { actorOf, apiServe, memberOf, type Answer, type TestServer } from '../support/api.ts';

export const actors = {
  admin: actorOf(),
  ada: memberOf('a'),
  bob: memberOf('b'),
  rita: memberOf('a', ['reader']),
};

export interface NetworkServe extends AsyncDisposable {
  readonly api: TestServer;
  readonly world: NetworkWorld;
  readonly agents: readonly SimAgent[];
  /** The body's only value; throws when the status is another. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
  make(as: string, path: string, body: object, status?: number): Promise<any>;
  call(as: string, method: string, path: string, body?: object): Promise<Answer>;
  /** Brings the hosts' documents up to the database, and waits until every host has reported. */
  sync(): Promise<void>;
  /** The document that a host was sent, if any. */
  document<T>(of: 'network' | 'router' | 'external', id: string, host?: number): T | undefined;
}

/** The network service over HTTP, on simulated agents. */
export async function networkServe(
  settings: Partial<NetworkSettings> = {},
  hostCount = 1,
  engine: Engine = sqliteOpen(':memory:'),
): Promise<NetworkServe> {
  await engine.migrate('network', networkMigrations);
  const agents = Array.from({ length: hostCount }, () => simAgentOpen());
  const members: Host[] = agents.map((agent, index) => ({
    name: `host-${index + 1}`,
    agent,
    vtep: hostCount === 1 ? null : `192.0.2.${index + 1}`,
  }));
  const hosts = {
    list: () => members,
    get: (name: string) => members.find((host) => host.name === name) ?? null,
  };
  const stop = new AbortController();
  const log = silentLog;
  const mirror = agentMirrorOpen({ hosts, clock: systemClock, log, stop: stop.signal });
  const world: NetworkWorld = {
    db: engine.db(),
    settings: { ...networkSettingsDefault, ...settings },
    hosts,
    mirror,
    changes: new NetworkChanges(),
    documents: new DocumentPusher(),
    clock: systemClock,
    ids: randomIds,
    log,
  };
  const api = await apiServe([networkApi(world) as never], networkPolicies, actors);
  const call: NetworkServe['call'] = (as, method, path, body) =>
    api.call(method, `/network/v2.0/${path}`, { as, ...(body !== undefined && { body }) });
  const reconciler = networkSync(world);
  return {
    api,
    world,
    agents,
    call,
    async make(as, path, body, status = 201) {
      const answer = await call(as, 'POST', path, body);
      if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      const [value] = Object.values(answer.json as object);
      return value;
    },
    async sync() {
      const isCurrent = (): boolean => mirror.hosts().every((host) => host.isCurrent);
      while (!isCurrent()) {
        await new Promise<void>((resolve) => {
          const end = mirror.onChange(() => {
            end();
            resolve();
          });
        });
      }
      await reconciler.run(stop.signal);
    },
    document: <T>(of: string, id: string, host = 0) =>
      agents[host]?.documents.get(`${of} ${id}`)?.wanted as T | undefined,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await api[Symbol.asyncDispose]();
      await engine.close();
    },
  };
}
