import type { AgentClient } from '../agent/api.ts';
import type { DocumentOf } from '../cluster/agent-mirror.ts';
import type { Host } from '../cluster/port.ts';
import {
  digestOf,
  externalDocument,
  hostNeeds,
  networkDocument,
  routerDocument,
} from './document.ts';
import type { Documents, NetworkTx, NetworkWorld } from './network.world.ts';

interface Turn {
  readonly current: Promise<void>;
  /** The one that begins when the current one has ended: whoever comes meanwhile shares it. */
  next: Promise<void> | null;
}

/**
 * Brings one document of one host up to the database, one push at a time. Callers that come while one is under way share
 * the next, which reads the database anew: a thousand changes of one network cost a few pushes, not a thousand.
 */
export class DocumentPusher implements Documents {
  readonly #turns = new Map<string, Turn>();

  push(world: NetworkWorld, host: Host, of: DocumentOf, id: string): Promise<void> {
    const key = `${host.name} ${of} ${id}`;
    const work = (): Promise<void> => documentPush(world, host, of, id);
    const turn = this.#turns.get(key);
    if (turn === undefined) return this.#take(key, work());
    turn.next ??= turn.current.then(work, work);
    return turn.next;
  }

  #take(key: string, current: Promise<void>): Promise<void> {
    const turn: Turn = { current, next: null };
    this.#turns.set(key, turn);
    const advance = (): void => {
      if (turn.next === null) this.#turns.delete(key);
      else void this.#take(key, turn.next).catch(() => {});
    };
    current.then(advance, advance);
    return current;
  }
}

/** What the agent of a host is asked for one kind of document. */
interface Kind {
  read(tx: NetworkTx, host: string, id: string): Promise<object | null>;
  put(agent: AgentClient, document: never, digest: string): Promise<void>;
  remove(agent: AgentClient, id: string): Promise<void>;
}

const kinds: Readonly<Record<DocumentOf, Kind>> = {
  external: {
    read: async (tx, host, id) =>
      (await hostNeeds(tx, host)).externals.has(id) ? externalDocument(tx, id) : null,
    put: (agent, document, digest) => agent.externalPut(document, digest),
    remove: (agent, id) => agent.externalDelete(id),
  },
  network: {
    read: async (tx, host, id) =>
      (await hostNeeds(tx, host)).networks.has(id) ? networkDocument(tx, host, id) : null,
    put: (agent, document, digest) => agent.networkPut(document, digest),
    remove: (agent, id) => agent.networkDelete(id),
  },
  router: {
    read: async (tx, host, id) =>
      (await hostNeeds(tx, host)).routers.has(id) ? routerDocument(tx, id) : null,
    put: (agent, document, digest) => agent.routerPut(document, digest),
    remove: (agent, id) => agent.routerDelete(id),
  },
};

async function documentPush(
  world: NetworkWorld,
  host: Host,
  of: DocumentOf,
  id: string,
): Promise<void> {
  const kind = kinds[of];
  const document = await world.db.read((tx) => kind.read(tx, host.name, id));
  const seen = world.mirror.host(host.name)?.document(of, id) ?? null;
  if (document === null) {
    if (seen !== null && seen.digest !== null) await kind.remove(host.agent, id);
    return;
  }
  const digest = digestOf(document);
  const isInForce = seen?.digest === digest && seen.error === null;
  if (!isInForce) await kind.put(host.agent, document as never, digest);
  await statusRaise(world, host.name, of, id);
}

/** What is in force is ACTIVE. The status is no change of the resource: no revision, no new document. */
async function statusRaise(
  { db }: NetworkWorld,
  host: string,
  of: DocumentOf,
  id: string,
): Promise<void> {
  if (of === 'external') return;
  const down = await db.read(async (tx) => {
    const ports = tx
      .selectFrom('port')
      .select('id')
      .where('status', '=', 'DOWN')
      .where('admin_state_up', '=', 1);
    if (of === 'router') {
      const floating = tx
        .selectFrom('floating_ip')
        .select('id')
        .where('router_id', '=', id)
        .where('status', '=', 'DOWN');
      return {
        ports: await ports
          .where('device_id', '=', id)
          .where('device_owner', 'like', 'network:router_%')
          .execute(),
        floating: await floating.execute(),
      };
    }
    const here = ports
      .where('network_id', '=', id)
      .where((e) =>
        e.or([
          e.and([e('binding_host', '=', host), e('server_id', 'is not', null)]),
          e('device_owner', '=', 'network:dhcp'),
        ]),
      );
    return { ports: await here.execute(), floating: [] };
  });
  if (down.ports.length + down.floating.length === 0) return;
  await db.write(async (tx) => {
    const idsOf = (rows: readonly { id: string }[]): string[] => rows.map((row) => row.id);
    if (down.ports.length > 0) {
      await tx
        .updateTable('port')
        .set({ status: 'ACTIVE' })
        .where('id', 'in', idsOf(down.ports))
        .execute();
    }
    if (down.floating.length > 0) {
      await tx
        .updateTable('floating_ip')
        .set({ status: 'ACTIVE' })
        .where('id', 'in', idsOf(down.floating))
        .where('router_id', '=', id)
        .execute();
    }
  });
}
