import type { AgentClient } from '../agent/api.ts';
import type { DocumentOf, DocumentSeen } from '../cluster/agent-mirror.ts';
import type { Host } from '../cluster/port.ts';
import { Joined } from '../kernel/joined.ts';
import { digestOf, externalDocument, routerDocument } from './document.ts';
import { networkDocumentOf, networkRender, type NetworkRendering } from './network-document.ts';
import type { Documents, NetworkTx, NetworkWorld } from './network.world.ts';

interface Turn {
  readonly current: Promise<void>;
  /** The one that begins when the current one has ended: whoever comes meanwhile shares it. */
  next: Promise<void> | null;
}

/** The digest is null when the document was removed. */
interface Sent {
  readonly of: DocumentOf;
  readonly id: string;
  readonly digest: string | null;
}

/**
 * Brings one document of one host up to the database, one push at a time. Callers that come while one is under way share
 * the next, which reads the database anew: a thousand changes of one network cost a few pushes, not a thousand. A network
 * is read once for all hosts that are pushed to at the same time.
 *
 * What a host told last may be older than what it was sent since: that is kept here until it is told of.
 */
export class DocumentPusher implements Documents {
  readonly #turns = new Map<string, Turn>();
  readonly #untold = new Map<string, Map<string, Sent>>();
  readonly #renderings = new Joined<NetworkRendering | null>();

  push(world: NetworkWorld, host: Host, of: DocumentOf, id: string): Promise<void> {
    const key = `${host.name} ${of} ${id}`;
    const work = (): Promise<void> => this.#push(world, host, of, id);
    const turn = this.#turns.get(key);
    if (turn === undefined) return this.#take(key, work());
    turn.next ??= turn.current.then(work, work);
    return turn.next;
  }

  *on(world: NetworkWorld, host: Host): Generator<Pick<Sent, 'of' | 'id'>> {
    const untold = this.#untoldBy(host.name);
    for (const one of world.mirror.host(host.name)?.documents() ?? []) {
      if (one.digest !== null && !untold.has(`${one.of} ${one.id}`)) yield one;
    }
    for (const one of untold.values()) if (one.digest !== null) yield one;
  }

  isOdd(host: string, of: DocumentOf, id: string, seen: DocumentSeen | null): boolean {
    const isUnderWay = this.#turns.has(`${host} ${of} ${id}`);
    if (isUnderWay || (seen?.error ?? null) !== null) return false;
    return !this.#isTold(host, of, id, seen);
  }

  forget(host: string): void {
    this.#untold.delete(host);
  }

  #untoldBy(host: string): Map<string, Sent> {
    const untold = this.#untold.get(host) ?? new Map<string, Sent>();
    this.#untold.set(host, untold);
    return untold;
  }

  /** What was sent last need not be kept any longer. */
  #isTold(host: string, of: DocumentOf, id: string, seen: DocumentSeen | null): boolean {
    const untold = this.#untoldBy(host);
    const isTold = untold.get(`${of} ${id}`)?.digest === (seen?.digest ?? null);
    if (isTold) untold.delete(`${of} ${id}`);
    return isTold;
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

  async #push(world: NetworkWorld, host: Host, of: DocumentOf, id: string): Promise<void> {
    const due = await (of === 'network'
      ? this.#network(world, host.name, id)
      : world.db.read((tx) => others[of](tx, host.name, id)));
    const look = (): DocumentSeen | null => {
      const seen = world.mirror.host(host.name)?.document(of, id) ?? null;
      this.#isTold(host.name, of, id, seen);
      return seen;
    };
    const seen = look();
    const calls = callsOf[of];
    const untold = this.#untoldBy(host.name);
    const key = `${of} ${id}`;
    const sent = untold.get(key);
    if (due === null) {
      if ((sent ?? seen ?? { digest: null }).digest === null) return;
      await calls.remove(host.agent, id);
      untold.set(key, { of, id, digest: null });
      look();
      return;
    }
    const isLast = sent === undefined || sent.digest === due.digest;
    const isInForce = isLast && seen?.digest === due.digest && seen.error === null;
    if (!isInForce) {
      // Kept before it is sent: an answer that is lost says nothing of what was done.
      untold.set(key, { of, id, digest: due.digest });
      await calls.put(host.agent, due.document() as never, due.digest);
      look();
    }
    await statusRaise(world, { host: host.name, id, ...due });
  }

  async #network(world: NetworkWorld, host: string, id: string): Promise<Due | null> {
    const rendering = await this.#renderings.ask(id, () =>
      world.db.read((tx) => networkRender(tx, id)),
    );
    const wanted = rendering === null ? null : networkDocumentOf(rendering, host);
    return wanted === null ? null : { ...wanted, downFloatingIps: [] };
  }
}

/** What a host must have, and what becomes ACTIVE when it has it. */
interface Due {
  readonly digest: string;
  readonly document: () => object;
  readonly downPorts: readonly string[];
  readonly downFloatingIps: readonly string[];
}

/** Null: the host does not need it. */
const others = {
  async external(tx: NetworkTx, host: string, id: string): Promise<Due | null> {
    const gateway = await tx
      .selectFrom('port')
      .innerJoin('router', 'router.gateway_port_id', 'port.id')
      .select('port.id')
      .where('router.host', '=', host)
      .where('port.network_id', '=', id)
      .executeTakeFirst();
    const document = gateway === undefined ? null : await externalDocument(tx, id);
    return document === null ? null : dueOf(document, [], []);
  },
  async router(tx: NetworkTx, host: string, id: string): Promise<Due | null> {
    const document = await routerDocument(tx, host, id);
    if (document === null) return null;
    const ports = await tx
      .selectFrom('port')
      .select('id')
      .where('status', '=', 'DOWN')
      .where('admin_state_up', '=', 1)
      .where('device_id', '=', id)
      .where('device_owner', 'like', 'network:router_%')
      .execute();
    const floating = await tx
      .selectFrom('floating_ip')
      .select('id')
      .where('router_id', '=', id)
      .where('status', '=', 'DOWN')
      .execute();
    return dueOf(document, ports, floating);
  },
};

const dueOf = (
  document: object,
  ports: readonly { readonly id: string }[],
  floating: readonly { readonly id: string }[],
): Due => ({
  digest: digestOf(document),
  document: () => document,
  downPorts: ports.map(({ id }) => id),
  downFloatingIps: floating.map(({ id }) => id),
});

/** What the agent of a host is asked for one kind of document. */
interface Calls {
  put(agent: AgentClient, document: never, digest: string): Promise<void>;
  remove(agent: AgentClient, id: string): Promise<void>;
}

const callsOf: Readonly<Record<DocumentOf, Calls>> = {
  external: {
    put: (agent, document, digest) => agent.externalPut(document, digest),
    remove: (agent, id) => agent.externalDelete(id),
  },
  network: {
    put: (agent, document, digest) => agent.networkPut(document, digest),
    remove: (agent, id) => agent.networkDelete(id),
  },
  router: {
    put: (agent, document, digest) => agent.routerPut(document, digest),
    remove: (agent, id) => agent.routerDelete(id),
  },
};

/**
 * What is in force is ACTIVE. The status is no change of the resource: no revision, no new document. A port that went
 * elsewhere meanwhile is not what was put in force.
 */
async function statusRaise(
  { db }: NetworkWorld,
  { host, id, downPorts, downFloatingIps }: Due & { readonly host: string; readonly id: string },
): Promise<void> {
  if (downPorts.length + downFloatingIps.length === 0) return;
  await db.write(async (tx) => {
    if (downPorts.length > 0) {
      await tx
        .updateTable('port')
        .set({ status: 'ACTIVE' })
        .where('id', 'in', downPorts)
        .where((e) => e.or([e('binding_host', '=', host), e('device_owner', 'like', 'network:%')]))
        .execute();
    }
    if (downFloatingIps.length > 0) {
      await tx
        .updateTable('floating_ip')
        .set({ status: 'ACTIVE' })
        .where('id', 'in', downFloatingIps)
        .where('router_id', '=', id)
        .execute();
    }
  });
}
