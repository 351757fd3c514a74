import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { agentPaths, type HostFacts } from '../agent/api.ts';
import { programVersion } from './program-version.ts';
import { apiClientOpen } from './api-client.ts';
import { apiProbe, type ApiState } from './api-probe.ts';
import { supervisorRunning, type Cloud } from './cloud.ts';
import { guestPids, processFacts, type ProcessFacts } from './proc.ts';
import { objectUnitName } from './layout.ts';
import { runningRead } from './running.ts';

export type Health = 'running' | 'degraded' | 'stopped';

export interface Status {
  readonly health: Health;
  /** What is wrong, one sentence each; empty when nothing is. */
  readonly problems: readonly string[];
  readonly version: string;
  readonly stateDir: string;
  readonly publicUrl: string;
  readonly programs: readonly (ProcessFacts & { readonly name: string })[];
  readonly guests: readonly ProcessFacts[];
  readonly apis: readonly ApiState[];
  readonly host: HostFacts | null;
  readonly counts: Counts | null;
}

export interface Counts {
  readonly servers: number;
  readonly agentsUp: number;
  readonly agents: number;
}

export async function statusRead(cloud: Cloud): Promise<Status> {
  const { layout, configuration } = cloud;
  const supervisor = supervisorRunning(layout);
  const guests = guestPids(layout.stateDir).flatMap((pid) => processFacts(pid) ?? []);
  const base = {
    version: programVersion,
    stateDir: layout.stateDir,
    publicUrl: configuration.publicUrl,
    guests,
  };
  if (supervisor === null)
    return {
      ...base,
      health: 'stopped',
      problems: [],
      programs: [],
      apis: [],
      host: null,
      counts: null,
    };
  const workers = Array.from({ length: configuration.object.workers }, (_, worker) =>
    objectUnitName(worker),
  );
  const programs = ['supervisor', 'agent', 'control', ...workers].flatMap((name) => {
    const running = runningRead(join(layout.runDir, `${name}.json`));
    const facts = running === null ? null : processFacts(running.pid);
    return facts === null ? [] : [{ name, ...facts }];
  });
  const [apis, host] = await Promise.all([apiProbe(cloud), hostRead(layout.agentSocket)]);
  const counts = apis.every(({ isUp }) => isUp) ? await countsRead(cloud) : null;
  const problems = [
    ...['agent', 'control', ...workers]
      .filter((name) => !programs.some((one) => one.name === name))
      .map((name) => `${name} does not run at this moment; see ${layout.logDir}/${name}.log`),
    ...apis
      .filter(({ isUp }) => !isUp)
      .map(({ service, reason }) => `the ${service} API does not answer: ${reason}`),
    ...(host === null ? ['the agent of this host does not answer'] : []),
  ];
  const health = problems.length === 0 ? 'running' : 'degraded';
  return { ...base, health, problems, programs, apis, host, counts };
}

/** Null when the agent does not answer. */
async function hostRead(socketPath: string): Promise<HostFacts | null> {
  const { promise, resolve } = Promise.withResolvers<HostFacts | null>();
  const asked = request({ socketPath, path: agentPaths.host, timeout: 5000, agent: false });
  asked.once('timeout', () => asked.destroy());
  asked.once('error', () => resolve(null));
  asked.once('response', (response) => {
    text(response).then(
      (body) => resolve(response.statusCode === 200 ? (JSON.parse(body) as HostFacts) : null),
      () => resolve(null),
    );
  });
  asked.end();
  return promise;
}

const listMax = 1000;

/** Null when they cannot be counted, for example after the administrator's first password was changed. */
async function countsRead(cloud: Cloud): Promise<Counts | null> {
  try {
    const client = await apiClientOpen(cloud);
    const timeoutMs = 10_000;
    const [servers, services] = await Promise.all([
      client.call([200], {
        path: `/compute/v2.1/servers?all_tenants=1&limit=${listMax}`,
        timeoutMs,
      }),
      client.call([200], { path: '/compute/v2.1/os-services?binary=nova-compute', timeoutMs }),
    ]);
    const agents = (JSON.parse(services.body) as { services: { state: string }[] }).services;
    return {
      servers: (JSON.parse(servers.body) as { servers: unknown[] }).servers.length,
      agentsUp: agents.filter(({ state }) => state === 'up').length,
      agents: agents.length,
    };
  } catch {
    return null;
  }
}
