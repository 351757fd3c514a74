/**
 * The agent's twin in memory: the same contract, decisions and failures, no process and no packet. Every test of the
 * control plane runs on it, and thousands of its servers cost next to nothing. `sim-faults.ts` says how to make a
 * server go wrong; the methods of `SimLevers` do what happens to hosts.
 */
import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../../kernel/clock.ts';
import { conflict, invalid, notFound, unavailable } from '../../kernel/errors.ts';
import type {
  AgentClient,
  HostFacts,
  ImageCopy,
  ImageFacts,
  Report,
  ServerActual,
  ServerDiagnostics,
  ServerWanted,
  SnapshotActual,
  SnapshotWanted,
} from '../api.ts';
import { ReportHub } from '../report-hub.ts';
import { qcow2Empty } from '../storage/qcow2.ts';
import { isNamed } from './sim-faults.ts';
import { SimServer, type SimServerWorld } from './sim-server.ts';

export interface SimAgentOptions {
  readonly clock?: Clock;
  readonly host?: Partial<HostFacts>;
  /** How long each step of a server, and each snapshot, takes. */
  readonly stepMs?: number;
  /** How long a guest takes from the power button to its end. */
  readonly shutdownMs?: number;
}

export interface SimLevers {
  /** The process of a server ends by itself. */
  processEnd(serverId: string, reason: 'guest-shutdown' | 'crashed'): void;
  /** Watches break and every call is `unavailable`, until `connect`. What runs, runs on. */
  disconnect(): void;
  connect(): void;
  machineReboot(): void;
  /** The documents that control sent, newest version. */
  readonly documents: ReadonlyMap<string, SimDocument>;
  readonly wanted: ReadonlyMap<string, ServerWanted>;
}

export interface SimDocument {
  readonly of: 'network' | 'router' | 'external';
  readonly id: string;
  readonly digest: string;
  readonly wanted: unknown;
}

export type SimAgent = AgentClient & SimLevers;

export const simAgentOpen = (options: SimAgentOptions = {}): SimAgent => new Sim(options);

const hostDefault: HostFacts = {
  hostname: 'sim-1',
  vcpus: 64,
  memoryMib: 262_144,
  diskGib: 4096,
  diskFreeGib: 4096,
  accel: 'tcg',
  cpuModel: 'Nehalem',
  cpuArch: 'x86_64',
  qemuVersion: '7.2.22',
  kernel: '6.1.0',
  bootId: 'sim-boot-1',
  uptimeSec: 1000,
  loadAverage: [0, 0, 0],
};

class Sim implements SimAgent {
  readonly documents = new Map<string, SimDocument>();
  readonly #servers = new Map<string, SimServer>();
  readonly #images = new Map<string, { readonly facts: ImageFacts; readonly at: number }>();
  readonly #snapshots = new Map<string, SnapshotActual>();
  readonly #hub = new ReportHub(() => this.#everything());
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #world: SimServerWorld;
  #host: HostFacts;
  #isConnected = true;

  constructor(options: SimAgentOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#stepMs = options.stepMs ?? 0;
    this.#host = { ...hostDefault, ...options.host };
    this.#world = {
      clock: this.#clock,
      stepMs: this.#stepMs,
      shutdownMs: options.shutdownMs ?? this.#stepMs,
      hasImage: (id) => this.#images.has(id),
      hasNetwork: (id) => this.documents.has(`network ${id}`),
      report: (server) => this.#hub.publish({ kind: 'server', server }),
    };
  }

  get wanted(): ReadonlyMap<string, ServerWanted> {
    return new Map([...this.#servers].map(([id, { wanted }]) => [id, wanted]));
  }

  processEnd(serverId: string, reason: 'guest-shutdown' | 'crashed'): void {
    this.#server(serverId).processEnd(reason);
  }

  disconnect(): void {
    this.#isConnected = false;
    this.#hub.end(unavailable('The simulated agent is disconnected.'));
  }

  connect(): void {
    this.#isConnected = true;
  }

  machineReboot(): void {
    this.#hub.end(unavailable('The simulated machine reboots.'));
    this.#host = { ...this.#host, bootId: `${this.#host.bootId}+` };
    for (const [id, snapshot] of this.#snapshots) {
      if (snapshot.state === 'running') this.#snapshotFail(id, 'the machine was rebooted');
    }
    for (const server of this.#servers.values()) server.machineReboot();
  }

  async hostGet(): Promise<HostFacts> {
    await this.#wire();
    return this.#host;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Report> {
    await this.#wire();
    yield* this.#hub.watch(signal);
  }

  externalPut(wanted: { id: string }, digest: string): Promise<void> {
    return this.#documentPut({ of: 'external', id: wanted.id, digest, wanted });
  }
  externalDelete(id: string): Promise<void> {
    return this.#documentDelete('external', id);
  }
  networkPut(wanted: { id: string }, digest: string): Promise<void> {
    return this.#documentPut({ of: 'network', id: wanted.id, digest, wanted });
  }
  networkDelete(id: string): Promise<void> {
    return this.#documentDelete('network', id);
  }
  routerPut(wanted: { id: string }, digest: string): Promise<void> {
    return this.#documentPut({ of: 'router', id: wanted.id, digest, wanted });
  }
  routerDelete(id: string): Promise<void> {
    return this.#documentDelete('router', id);
  }

  async imageGet(imageId: string): Promise<ImageFacts | null> {
    await this.#wire();
    return this.#images.get(imageId)?.facts ?? null;
  }

  async imagePut(facts: ImageFacts, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#wire();
    const hash = createHash('sha512');
    let sizeBytes = 0;
    for await (const chunk of bytes) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
    if (sizeBytes !== facts.sizeBytes || hash.digest('hex') !== facts.sha512) {
      throw invalid(`The bytes of image ${facts.imageId} are not those of its checksum.`, {
        type: 'bad_image',
      });
    }
    this.#images.set(facts.imageId, { facts, at: this.#clock.now() });
  }

  async imageList(): Promise<readonly ImageCopy[]> {
    await this.#wire();
    return [...this.#images.values()].map(({ facts, at }) => ({
      ...facts,
      copiedAt: at,
      readAt: at,
      diskCount: this.#diskCount(facts.imageId),
    }));
  }

  #diskCount(imageId: string): number {
    return [...this.#servers.values()]
      .flatMap(({ wanted }) => wanted.disks)
      .filter(({ source }) => source.kind === 'image' && source.imageId === imageId).length;
  }

  async imageDelete(imageId: string): Promise<boolean> {
    await this.#wire();
    if (this.#diskCount(imageId) > 0) return false;
    this.#images.delete(imageId);
    return true;
  }

  async serverPut(wanted: ServerWanted): Promise<ServerActual> {
    await this.#wire();
    let server = this.#servers.get(wanted.id);
    if (server === undefined) {
      server = new SimServer(wanted, this.#world);
      this.#servers.set(wanted.id, server);
    }
    if (wanted.generation < server.wanted.generation) {
      throw conflict(`Server ${wanted.id} is at generation ${server.wanted.generation} already.`);
    }
    server.put(wanted);
    return server.actual;
  }

  async serverGet(id: string): Promise<ServerActual | null> {
    await this.#wire();
    return this.#servers.get(id)?.actual ?? null;
  }

  async serverDelete(id: string): Promise<void> {
    await this.#wire();
    await this.#servers.get(id)?.remove();
    if (this.#servers.delete(id)) this.#hub.publish({ kind: 'server-gone', id });
  }

  async serverConsole(id: string, lines: number | null): Promise<string> {
    await this.#wire();
    const { console } = this.#server(id);
    const last = lines === null ? console : console.slice(Math.max(0, console.length - lines));
    return last.map((line) => `${line}\n`).join('');
  }

  async serverDiagnostics(id: string): Promise<ServerDiagnostics> {
    await this.#wire();
    const { wanted, actual } = this.#server(id);
    if (actual.power !== 'running' && actual.power !== 'paused') {
      throw conflict(`Server ${id} has no process.`);
    }
    return {
      state: actual.power,
      uptimeSec: 0,
      cpus: Array.from({ length: wanted.vcpus }, (_, cpu) => ({ id: cpu, timeNs: 0 })),
      memory: { maximumMib: wanted.ramMib, usedMib: wanted.ramMib },
      disks: wanted.disks.map((disk) => ({ id: disk.id, ...diskIdle })),
      nics: wanted.nics.map(({ mac }) => ({ mac, ...nicIdle })),
    };
  }

  async serverPasswordSet(id: string): Promise<void> {
    await this.#wire();
    const server = this.#server(id);
    if (!server.isRunning || isNamed(server.wanted, 'sim-no-guest-agent')) {
      throw conflict(`Server ${id} has no guest agent that answers.`);
    }
  }

  async serverPasswordRead(id: string): Promise<string> {
    await this.#wire();
    return this.#server(id).password;
  }

  async serverPasswordClear(id: string): Promise<void> {
    await this.#wire();
    this.#server(id).password = '';
  }

  async snapshotPut(id: string, { serverId, diskId }: SnapshotWanted): Promise<SnapshotActual> {
    await this.#wire();
    const known = this.#snapshots.get(id);
    if (known !== undefined && known.state !== 'failed') return known;
    const { wanted } = this.#server(serverId);
    const disk = wanted.disks.find((one) => one.id === diskId);
    if (disk === undefined) throw notFound(`Server ${serverId} has no disk ${diskId}.`);
    const virtualSizeBytes = disk.sizeMib * 2 ** 20;
    const running: SnapshotActual = {
      id,
      state: 'running',
      sizeBytes: 0,
      virtualSizeBytes,
      error: null,
    };
    this.#snapshotSet(running);
    void this.#snapshotFinish(running, isNamed(wanted, 'sim-snapshot-fails'));
    return running;
  }

  async #snapshotFinish(running: SnapshotActual, isToFail: boolean): Promise<void> {
    if (this.#stepMs > 0) await this.#clock.sleep(this.#stepMs);
    else await Promise.resolve();
    if (this.#snapshots.get(running.id) !== running) return;
    if (isToFail) return this.#snapshotFail(running.id, 'sim-snapshot-fails is in the name');
    const sizeBytes = qcow2Empty(running.virtualSizeBytes, null).length;
    this.#snapshotSet({ ...running, state: 'done', sizeBytes });
  }

  async snapshotGet(id: string): Promise<SnapshotActual | null> {
    await this.#wire();
    return this.#snapshots.get(id) ?? null;
  }

  async *snapshotRead(id: string): AsyncGenerator<Uint8Array> {
    await this.#wire();
    const snapshot = this.#snapshots.get(id);
    if (snapshot?.state !== 'done') throw notFound(`There is no finished snapshot ${id}.`);
    yield qcow2Empty(snapshot.virtualSizeBytes, null);
  }

  async snapshotDelete(id: string): Promise<void> {
    await this.#wire();
    this.#snapshots.delete(id);
  }

  #snapshotFail(id: string, message: string): void {
    const known = this.#snapshots.get(id);
    if (known !== undefined) {
      this.#snapshotSet({ ...known, state: 'failed', error: { code: 'internal', message } });
    }
  }

  #snapshotSet(snapshot: SnapshotActual): void {
    this.#snapshots.set(snapshot.id, snapshot);
    this.#hub.publish({ kind: 'snapshot', snapshot });
  }

  async #documentPut(document: SimDocument): Promise<void> {
    await this.#wire();
    const { of, id, digest } = document;
    this.documents.set(`${of} ${id}`, document);
    this.#hub.publish({ kind: 'document', of, id, digest, error: null });
  }

  async #documentDelete(of: SimDocument['of'], id: string): Promise<void> {
    await this.#wire();
    if (!this.documents.delete(`${of} ${id}`)) return;
    this.#hub.publish({ kind: 'document', of, id, digest: null, error: null });
  }

  *#everything(): Generator<Report> {
    for (const { of, id, digest } of this.documents.values()) {
      yield { kind: 'document', of, id, digest, error: null };
    }
    for (const snapshot of this.#snapshots.values()) yield { kind: 'snapshot', snapshot };
    for (const { actual } of this.#servers.values()) yield { kind: 'server', server: actual };
  }

  #server(id: string): SimServer {
    const server = this.#servers.get(id);
    if (server === undefined) throw notFound(`There is no server ${id} on this host.`);
    return server;
  }

  /** Every call is asynchronous and can fail, as over a network. */
  async #wire(): Promise<void> {
    await Promise.resolve();
    if (!this.#isConnected) throw unavailable('The simulated agent is disconnected.');
  }
}

const diskIdle = { readBytes: 0, readRequests: 0, writeBytes: 0, writeRequests: 0, errors: 0 };
const nicIdle = {
  rxBytes: 0,
  rxPackets: 0,
  rxErrors: 0,
  rxDrops: 0,
  txBytes: 0,
  txPackets: 0,
  txErrors: 0,
  txDrops: 0,
};
