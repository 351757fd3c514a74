/**
 * Holds what agents report against what the database says of servers, one server or all:
 *
 * - a process that ended by itself: the server is shut off, as its owner sees it;
 * - an agent that has an older document, or none: it is put again;
 * - an agent that cannot do what its document says: the server is in error;
 * - a server that an agent has and the database does not know there: it is removed, once that is sure;
 * - what the network service changed and the guest is told of: a newer document;
 * - a server in the middle of something that no task goes on with: it is let go.
 *
 * A server that a task works on is the task's alone.
 */
import type { ServerActual } from '../agent/api.ts';
import { flag } from '../kernel/db.ts';
import { causesOf } from '../kernel/errors.ts';
import { taskPending } from '../kernel/task.ts';
import type { Parts, WokenReconciler } from './woken-reconciler.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverPut } from './server-apply.ts';
import { faultInsert } from './server-fault.ts';
import { powerState, type ServerRow } from './server.model.ts';
import { idsPadded, serverFind, serverUpdate } from './server.store.ts';
import { factsDigest } from './server-wanted.ts';
import { strandedRelease } from './server-stranded.ts';

const fullEveryMs = 30_000;
/** A server of which there is no row at all is left alone for so long: rows are never removed, so this is odd. */
const unknownMs = 600_000;
const batchSize = 256;
/** How soon servers are looked at again that a task was working on when the network service changed something. */
const rewireAgainMs = 500;

type RewiredRow = Pick<ServerRow, 'id' | 'task_state' | 'facts_digest' | 'host' | 'updated_at'>;

export function serverSync(world: ComputeWorld, parts: Parts): WokenReconciler {
  const sync = new ServerSync(world, parts);
  return {
    name: 'server-sync',
    everyMs: fullEveryMs,
    run: (signal) => sync.run(signal),
    onWake: (wake) => sync.watch(wake),
  };
}

class ServerSync {
  readonly #world: ComputeWorld;
  readonly #parts: Parts;
  readonly #reported = new Set<string>();
  readonly #rewired = new Set<string>();
  readonly #unknownSince = new Map<string, number>();
  #isAllDue = true;
  #fullAt = 0;
  #lease: AbortSignal | null = null;
  #wake: () => void = () => {};

  constructor(world: ComputeWorld, parts: Parts) {
    this.#world = world;
    this.#parts = parts;
  }

  watch(wake: () => void): void {
    this.#wake = wake;
    this.#world.mirror.onChange((change) => {
      if (change.kind === 'server') this.#reported.add(change.id);
      else if (change.kind === 'host') this.#isAllDue = true;
      else return;
      wake();
    });
    this.#world.network.onServersChange((ids) => {
      for (const id of ids) this.#rewired.add(id);
      wake();
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    // Another may have held the lease meanwhile.
    const isAnew = this.#isAllDue || this.#lease !== signal;
    this.#lease = signal;
    this.#isAllDue = false;
    try {
      await this.#reports(isAnew, signal);
      await this.#rewire(signal);
    } catch (error) {
      this.#isAllDue ||= isAnew;
      // What was reported is forgotten: all are compared.
      this.#fullAt = 0;
      throw error;
    }
  }

  async #reports(isAnew: boolean, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const isFull = isAnew || clock.now() - this.#fullAt >= fullEveryMs;
    const reported = [...this.#reported];
    // Forgotten before anything is read: what is reported from here on is for the next run.
    this.#reported.clear();
    const ids = isFull ? await this.#everyId() : reported;
    // Whoever looked before may have ended before it told the guests.
    if (isAnew) for (const id of ids) this.#rewired.add(id);
    if (isFull) {
      this.#fullAt = clock.now();
      // One that cannot be let go keeps none from being compared.
      await strandedRelease(this.#world, this.#parts).catch((error: unknown) =>
        log.warning('a stranded server could not be let go', { causes: causesOf(error) }),
      );
    }
    for (let at = 0; at < ids.length && !signal.aborted; at += batchSize) {
      const batch = ids.slice(at, at + batchSize);
      const rows = await this.#rows(batch);
      const results = await Promise.allSettled(batch.map((id) => this.#one(id, rows.get(id))));
      for (const result of results) {
        if (result.status === 'rejected') {
          log.warning('a server could not be compared', { causes: causesOf(result.reason) });
        }
      }
    }
  }

  async #everyId(): Promise<string[]> {
    const rows = await this.#world.cell.read((tx) =>
      tx
        .selectFrom('server')
        .select('id')
        .where('deleted', '=', flag(false))
        .where('host', 'is not', null)
        .execute(),
    );
    const reported = this.#world.mirror.hosts().flatMap(({ servers }) => [...servers.keys()]);
    return [...new Set([...rows.map(({ id }) => id), ...reported])];
  }

  async #rows(ids: readonly string[]): Promise<ReadonlyMap<string, ServerRow>> {
    const rows = await this.#world.cell.read((tx) =>
      tx.selectFrom('server').selectAll().where('id', 'in', idsPadded(ids)).execute(),
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  async #one(id: string, row: ServerRow | undefined): Promise<void> {
    const lives = row !== undefined && row.deleted === 0;
    for (const { host, isCurrent, servers } of this.#world.mirror.hosts()) {
      const isHere = lives && row.host === host;
      if (!isHere && isCurrent && servers.has(id)) await this.#stray(id, host, row);
    }
    if (!lives || row.host === null || row.task_state !== null) return;
    const mirror = this.#world.mirror.host(row.host);
    if (mirror?.isCurrent !== true) return;
    await this.#compare(row, mirror.servers.get(id) ?? null);
  }

  async #compare(row: ServerRow, actual: ServerActual | null): Promise<void> {
    if (actual === null || actual.generation < row.generation) {
      await this.#put(row.id);
      return;
    }
    if (actual.error !== null) {
      // A guest that only waits (for room on the disk) is no broken server.
      const isDown = actual.power === 'stopped' && row.run_state !== 'stopped';
      if (isDown && row.vm_state !== 'error') await this.#inError(row, actual.error.message);
      return;
    }
    const isEnded = actual.ended !== null && actual.incarnation >= row.incarnation;
    if (isEnded && row.run_state !== 'stopped') {
      await this.#ended(row, actual.ended?.reason === 'crashed');
    }
  }

  /** Shown as shut off, whether the guest switched itself off or its process died; Nova's power state tells which. */
  async #ended(row: ServerRow, hasCrashed: boolean): Promise<void> {
    const { clock, log } = this.#parts;
    log.info('a server ended by itself', { serverId: row.id, host: row.host, hasCrashed });
    const changed = await this.#world.cell.write((tx) =>
      serverUpdate(
        tx,
        row.id,
        { taskStates: [null], generation: row.generation },
        {
          vm_state: 'stopped',
          power_state: hasCrashed ? powerState.crashed : powerState.shutDown,
          run_state: 'stopped',
          generation: 'next',
          updated_at: clock.now(),
        },
      ),
    );
    if (changed !== null) await this.#put(row.id);
  }

  async #inError(row: ServerRow, message: string): Promise<void> {
    const { clock, ids } = this.#parts;
    const now = clock.now();
    await this.#world.cell.write(async (tx) => {
      const expected = { taskStates: [null], generation: row.generation };
      const change = { vm_state: 'error', updated_at: now };
      if ((await serverUpdate(tx, row.id, expected, change)) === null) return;
      const fault = { code: 500, message: message.slice(0, 255), details: message };
      await faultInsert(tx, ids, { ...fault, serverId: row.id, host: row.host, now });
    });
  }

  async #put(id: string): Promise<void> {
    await serverPut(this.#world, id);
  }

  /** The agent has a server that is not, or not here, by the database. */
  async #stray(id: string, host: string, row: ServerRow | undefined): Promise<void> {
    const { clock, log } = this.#parts;
    const world = this.#world;
    if (row === undefined) {
      const since = this.#unknownSince.get(id) ?? clock.now();
      this.#unknownSince.set(id, since);
      if (clock.now() - since < unknownMs) return;
    }
    // What was read may be older than what was reported: looked at once more, with its tasks.
    const isSure = await world.cell.read(async (tx) => {
      const now = await serverFind(tx, id);
      return now?.host !== host && !(await taskPending(tx, id));
    });
    if (!isSure) return;
    log.warning('a server is removed from a host that must not have it', { serverId: id, host });
    this.#unknownSince.delete(id);
    await world.hosts.get(host)?.agent.serverDelete(id);
  }

  async #rewiredRows(ids: readonly string[]): Promise<ReadonlyMap<string, RewiredRow>> {
    const rows = await this.#world.cell.read((tx) =>
      tx
        .selectFrom('server')
        .select(['id', 'task_state', 'facts_digest', 'host', 'updated_at'])
        .where('id', 'in', idsPadded(ids))
        .where('deleted', '=', flag(false))
        .execute(),
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Servers whose groups or floating addresses may have changed: the guest's metadata tells of them. */
  async #rewire(signal: AbortSignal): Promise<void> {
    const ids = [...this.#rewired].slice(0, batchSize);
    if (ids.length === 0) return;
    // Forgotten before it is read: what changes while this reads is marked again, and looked at again.
    for (const id of ids) this.#rewired.delete(id);
    const left = new Set(ids);
    try {
      const rows = await this.#rewiredRows(ids);
      // A task that is under way reads the newest itself, or has read already: looked at again after it.
      const idle = ids.filter((id) => (rows.get(id)?.task_state ?? null) === null);
      const ports = await this.#world.network.portsOf(idle);
      for (const id of idle) {
        const isTold = await this.#tell(id, rows.get(id), factsDigest(ports.get(id) ?? []));
        if (isTold) left.delete(id);
      }
    } finally {
      for (const id of left) this.#rewired.add(id);
      if (this.#rewired.size > 0) void this.#wakeLater(signal);
    }
  }

  /** False: a task has begun meanwhile. */
  async #tell(id: string, row: RewiredRow | undefined, digest: string): Promise<boolean> {
    if (row === undefined || row.host === null || row.facts_digest === digest) return true;
    const changed = await this.#world.cell.write((tx) =>
      serverUpdate(
        tx,
        id,
        { taskStates: [null] },
        { facts_digest: digest, generation: 'next', updated_at: row.updated_at },
      ),
    );
    if (changed === null) return false;
    await this.#put(id);
    return true;
  }

  async #wakeLater(signal: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(rewireAgainMs, signal);
    this.#wake();
  }
}
