import type { ServerActual } from '../agent/api.ts';
import type { MirrorChange } from '../cluster/agent-mirror.ts';
import type { Host } from '../cluster/port.ts';
import { flag } from '../kernel/db.ts';
import { Failure, unavailable } from '../kernel/errors.ts';
import type { Act } from '../kernel/task.ts';
import { HostRefusal, refusing } from './host-refusal.ts';
import { hostFind } from './host.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ServerRow } from './server.model.ts';
import { nicsOf, serverFind } from './server.store.ts';
import { factsDigest, serverWanted } from './server-wanted.ts';

export type ServerAct = Act<ComputeWorld, { readonly serverId: string }>;

export function hostOf(world: ComputeWorld, name: string | null): Host {
  const host = name === null ? null : world.hosts.get(name);
  if (host === null) throw unavailable(`The host ${name ?? '(none)'} is no member of the cell.`);
  return host;
}

/** The server as it is now; a task whose server is gone has nothing left to do. */
export async function serverNow({ world, input }: ServerAct): Promise<ServerRow> {
  const row = await world.cell.read((tx) => serverFind(tx, input.serverId));
  if (row === null)
    throw new Failure('not_found', `Instance ${input.serverId} could not be found.`);
  return row;
}

export interface Applied {
  readonly actual: ServerActual;
  readonly factsDigest: string;
}

/** Puts the server's document to the agent of its host and waits until it is carried out. */
export async function serverApply(act: ServerAct): Promise<Applied> {
  const { world } = act;
  for (;;) {
    const put = await serverPut(world, act.input.serverId);
    if (put === null) throw new Failure('not_found', 'The server is gone.');
    if (put === 'late') continue;
    const { host, generation } = put;
    const actual = await actualWait(act, host, generation, put.actual);
    if (actual.error !== null && actual.generation === generation) {
      throw new HostRefusal(actual.error);
    }
    return { actual, factsDigest: put.factsDigest };
  }
}

interface Put extends Applied {
  readonly host: Host;
  readonly generation: number;
}

/** `late`: the agent has a newer document already, so what was read here is old. Null: no such server. */
export async function serverPut(world: ComputeWorld, id: string): Promise<Put | 'late' | null> {
  const found = await world.cell.read(async (tx) => {
    const server = await serverFind(tx, id);
    if (server === null || server.host === null) return null;
    const [nics, row] = [await nicsOf(tx, id), await hostFind(tx, server.host)];
    return { server, nics, zone: row?.availability_zone ?? world.settings.defaultZone };
  });
  if (found === null) return null;
  const host = hostOf(world, found.server.host);
  const ports = (await world.network.portsOf([id])).get(id) ?? [];
  const wanted = serverWanted({ ...found, ports });
  try {
    const actual = await refusing(host.agent.serverPut(wanted));
    return { host, actual, generation: wanted.generation, factsDigest: factsDigest(ports) };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'conflict') throw error;
    const now = await world.cell.read((tx) =>
      tx
        .selectFrom('server')
        .select('generation')
        .where('id', '=', id)
        .where('deleted', '=', flag(false))
        .executeTakeFirst(),
    );
    if (now !== undefined && now.generation > wanted.generation) return 'late';
    throw new HostRefusal({ code: 'internal', message: error.message });
  }
}

async function actualWait(
  act: ServerAct,
  host: Host,
  generation: number,
  first: ServerActual,
): Promise<ServerActual> {
  const { serverId } = act.input;
  const isDone = (actual: ServerActual | null): actual is ServerActual =>
    actual !== null && actual.generation >= generation;
  if (isDone(first)) return first;
  return reportWait(act, host, {
    isAbout: (change) => change.kind === 'server' && change.id === serverId,
    seen: () => act.world.mirror.host(host.name)?.servers.get(serverId) ?? null,
    ask: () => host.agent.serverGet(serverId),
    isDone,
  });
}

/** A report that was lost must not leave a task waiting for ever. */
const askAgainMs = 5_000;

/** Waits until what the agent reports of one thing is what is waited for. */
export async function reportWait<T, Done extends T>(
  { world, clock, signal, wait }: Pick<ServerAct, 'world' | 'clock' | 'signal' | 'wait'>,
  host: Host,
  thing: {
    readonly isAbout: (change: MirrorChange) => boolean;
    readonly seen: () => T;
    readonly ask: () => Promise<T>;
    readonly isDone: (value: T) => value is Done;
  },
): Promise<Done> {
  for (;;) {
    const reported = new AbortController();
    const end = world.mirror.onChange((change) => {
      const isOurs = change.host === host.name && (change.kind === 'host' || thing.isAbout(change));
      if (isOurs) reported.abort();
    });
    try {
      const seen = thing.seen();
      if (thing.isDone(seen)) return seen;
      await wait(clock.sleep(askAgainMs, AbortSignal.any([reported.signal, signal])));
      if (signal.aborted) throw unavailable('The operation was interrupted.');
      if (reported.signal.aborted) continue;
      const asked = await thing.ask();
      if (thing.isDone(asked)) return asked;
    } finally {
      end();
    }
  }
}
