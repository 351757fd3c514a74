/**
 * Copies of disks as flat, compressed qcow2 files: `<id>.json` says what it is and how it stands, `<id>.qcow2` is there
 * when it is done. The disk of a process is copied by the process itself, from the moment of the request, while the
 * guest runs on; any other disk by qemu-img, and it stands still until that is done.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { causesOf, conflict, notFound } from '../../kernel/errors.ts';
import type { SnapshotActual, SnapshotWanted } from '../api.ts';
import { commandRun } from '../command.ts';
import { agentErrorOf, AgentFailure } from '../failure.ts';
import { Gate } from '../../kernel/gate.ts';
import { backupCancel, backupStart, backupWait } from '../qemu/backup.ts';
import { processKill, processScan } from '../qemu/process.ts';
import { QmpClosed, type Qmp } from '../qemu/qmp.ts';
import type { ServerHost } from '../server/host.ts';
import type { DiskBuilt } from './disks.ts';
import { asNoSpace, directorySync, fileReplace, jsonRead, jsonWrite } from './files.ts';
import { qcow2Empty } from './qcow2.ts';

interface SnapshotRecord extends SnapshotActual {
  readonly serverId: string;
  readonly diskId: string;
  /** No process had the disk when the copy was asked for, and none gets it before the copy has ended. */
  readonly isAtRest: boolean;
}

/** What a snapshot needs of its server. */
export interface SnapshotSource {
  readonly id: string;
  readonly disks: readonly DiskBuilt[];
  /** Monitor of its process; null without one. */
  readonly qmp: Qmp | null;
  /** Resolves when nothing is being done for it: whether it has a process stays so. */
  settled(): Promise<void>;
}

export interface SnapshotsOptions {
  readonly directory: string;
  readonly host: Pick<ServerHost, 'clock' | 'log' | 'disks'>;
  readonly source: (serverId: string) => SnapshotSource | null;
  readonly report: (snapshot: SnapshotActual) => void;
}

/** A copy costs a core and the disk's bandwidth. */
const copiesMax = 2;
const convertLimitMs = 4 * 3600_000;
const convertMemoryBytes = 4 * 2 ** 30;
const readBytes = 1 << 20;
/** A server that starts or stops takes longer only while its guest is asked to end. */
const settleLimitMs = 10_000;

interface Copy {
  readonly serverId: string;
  /** Its disk must stand still meanwhile. */
  readonly isAtRest: boolean;
  readonly cancel: AbortController;
  readonly done: Promise<void>;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #records = new Map<string, SnapshotRecord>();
  readonly #copies = new Map<string, Copy>();
  readonly #gate = new Gate(copiesMax);
  readonly #started = new AbortController();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Before the servers start: a disk at rest whose copy ended with the agent that made it stays so, and is copied anew. */
  async load(): Promise<void> {
    const { directory, host } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o711 });
    const copying = await processScan((argv) =>
      argv.some((one) => one.startsWith(`${directory}/`)) && argv.includes('convert') ? true : null,
    );
    for (const { pid } of copying) await processKill(host.clock, pid);
    for (const name of await readdir(directory)) {
      const record =
        name.endsWith('.json') && (await jsonRead<SnapshotRecord>(join(directory, name)));
      if (record) this.#records.set(record.id, record);
    }
    for (const name of await readdir(directory)) {
      if (name.endsWith('.tmp') || !this.#records.has(name.split('.')[0] ?? ''))
        await rm(join(directory, name), { force: true });
    }
    for (const record of this.#records.values()) {
      if (record.state !== 'running' || !record.isAtRest) continue;
      this.#copyBegin(record, true, (signal) => this.#convertAnew(record, signal));
    }
  }

  /** Once the servers are there: copies that processes make go on. */
  async start(): Promise<void> {
    this.#started.abort();
    for (const record of this.#records.values()) {
      if (record.state !== 'running' || record.isAtRest) continue;
      const source = this.#options.source(record.serverId);
      this.#copyBegin(record, false, async (signal) => {
        await source?.settled();
        const qmp = source?.qmp ?? null;
        if (qmp === null)
          throw new AgentFailure('internal', 'the process that made the copy ended');
        await backupWait(qmp, record.id, signal);
      });
    }
  }

  /** The server's process, if it is to have one, waits for this. */
  async #convertAnew(record: SnapshotRecord, signal: AbortSignal): Promise<void> {
    await aborted(AbortSignal.any([this.#started.signal, signal]));
    signal.throwIfAborted();
    const source = this.#options.source(record.serverId);
    const disk = source?.disks.find((one) => one.id === record.diskId);
    if (disk === undefined) throw notFound(`The disk of snapshot ${record.id} is gone.`);
    await this.#convert(record, disk, signal);
  }

  /** Copies by processes go on without this agent. */
  async stop(): Promise<void> {
    for (const { cancel } of this.#copies.values()) cancel.abort('stop');
    await Promise.all([...this.#copies.values()].map(({ done }) => done));
  }

  list(): readonly SnapshotActual[] {
    return [...this.#records.values()].map(actualOf);
  }

  get(id: string): SnapshotActual | null {
    const record = this.#records.get(id);
    return record === undefined ? null : actualOf(record);
  }

  async put(id: string, { serverId, diskId }: SnapshotWanted): Promise<SnapshotActual> {
    if (this.#isKnown(id)) return this.#getOrThrow(id);
    const source = this.#options.source(serverId);
    if (source === null) throw notFound(`There is no server ${serverId} on this host.`);
    const { clock } = this.#options.host;
    const isSettled = source.settled().then(() => true);
    if (!(await Promise.race([isSettled, clock.sleep(settleLimitMs).then(() => false)]))) {
      throw conflict(`Server ${serverId} is changing.`);
    }
    if (this.#isKnown(id)) return this.#getOrThrow(id);
    const disk = source.disks.find((one) => one.id === diskId);
    if (disk === undefined) throw notFound(`Server ${serverId} has no disk ${diskId}.`);
    const { virtualSizeBytes } = disk;
    const state = 'running' as const;
    const { qmp } = source;
    const isAtRest = qmp === null;
    const known = { id, serverId, diskId, isAtRest, virtualSizeBytes };
    const record = { ...known, state, sizeBytes: 0, error: null };
    this.#records.set(id, record);
    try {
      await jsonWrite(this.#json(id), record);
    } catch (error) {
      this.#records.delete(id);
      throw asNoSpace(error, `keeping snapshot ${id}`);
    }
    this.#options.report(actualOf(record));
    if (qmp === null)
      this.#copyBegin(record, true, (signal) => this.#convert(record, disk, signal));
    else await this.#backupBegin(record, disk, qmp);
    return this.#getOrThrow(id);
  }

  /** One that failed can be tried again. */
  #isKnown(id: string): boolean {
    const state = this.#records.get(id)?.state;
    return state === 'running' || state === 'done';
  }

  #getOrThrow(id: string): SnapshotActual {
    const snapshot = this.get(id);
    if (snapshot === null) throw notFound(`There is no snapshot ${id} any more.`);
    return snapshot;
  }

  /** The moment of the copy is the moment the job starts: the caller waits for that. */
  async #backupBegin(record: SnapshotRecord, disk: DiskBuilt, qmp: Qmp): Promise<void> {
    const started = (async () => {
      const part = this.#part(record.id);
      const empty = qcow2Empty(disk.virtualSizeBytes, null);
      const { owner } = this.#options.host.disks;
      await fileReplace(part, (file) => file.writeFile(empty), { owner, isDurable: false });
      await backupStart(qmp, { id: record.id, diskId: disk.id, path: part });
    })();
    this.#copyBegin(record, false, async (signal) => {
      await started;
      await backupWait(qmp, record.id, signal);
    });
    await started.catch(() => {});
  }

  async #convert(record: SnapshotRecord, disk: DiskBuilt, signal: AbortSignal): Promise<void> {
    const part = this.#part(record.id);
    const { owner } = this.#options.host.disks;
    await fileReplace(part, () => Promise.resolve(), { owner, isDurable: false });
    const limit = ['prlimit', `--as=${convertMemoryBytes}`, 'nice', '-n', '10'];
    const convert = ['qemu-img', 'convert', '-q', '-c', '-f', disk.format, '-O', 'qcow2'];
    await this.#gate.pass(() =>
      commandRun([...limit, ...convert, disk.path, part], {
        user: owner,
        signal,
        timeoutMs: convertLimitMs,
      }),
    );
  }

  async *read(id: string): AsyncGenerator<Uint8Array> {
    const record = this.#records.get(id);
    if (record?.state !== 'done') throw notFound(`There is no finished snapshot ${id}.`);
    const file = await open(this.#file(id));
    try {
      for (;;) {
        const buffer = Buffer.allocUnsafe(readBytes);
        const { bytesRead } = await file.read(buffer, 0, readBytes, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async delete(id: string): Promise<void> {
    const copy = this.#copies.get(id);
    copy?.cancel.abort('delete');
    await copy?.done;
    this.#records.delete(id);
    // The record last: what a killed agent leaves is found by it.
    for (const path of [this.#file(id), this.#part(id), this.#json(id)])
      await rm(path, { force: true });
  }

  /** Resolves when no disk of the server is copied any more, or none that has to stand still for it. */
  async copiesEnd(serverId: string, which: 'all' | 'at-rest', signal: AbortSignal): Promise<void> {
    for (const copy of this.#copies.values()) {
      if (copy.serverId !== serverId || signal.aborted) continue;
      if (which === 'at-rest' && !copy.isAtRest) continue;
      await Promise.race([copy.done, aborted(signal)]);
    }
  }

  #copyBegin(
    record: SnapshotRecord,
    isAtRest: boolean,
    work: (signal: AbortSignal) => Promise<void>,
  ): void {
    const cancel = new AbortController();
    const done = this.#copyRun(record, work, cancel.signal);
    this.#copies.set(record.id, { serverId: record.serverId, isAtRest, cancel, done });
    void done.finally(() => this.#copies.delete(record.id));
  }

  async #copyRun(
    record: SnapshotRecord,
    work: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.#options.host;
    const part = this.#part(record.id);
    try {
      // An agent that was killed may have had the whole copy.
      if (!existsSync(this.#file(record.id))) {
        await work(signal);
        await fileSync(part);
        await rename(part, this.#file(record.id));
        await directorySync(this.#options.directory);
      }
      const { size: sizeBytes } = await stat(this.#file(record.id));
      await this.#conclude({ ...record, state: 'done', sizeBytes });
    } catch (error) {
      if (signal.aborted && signal.reason === 'stop') return;
      const qmp = this.#options.source(record.serverId)?.qmp ?? null;
      if (qmp !== null) await backupCancel(qmp, record.id).catch(() => {});
      for (const path of [part, this.#file(record.id)]) await rm(path, { force: true });
      if (signal.aborted) return;
      const failure =
        error instanceof QmpClosed
          ? new AgentFailure('internal', 'the process that made the copy ended', error)
          : asNoSpace(error, `copying disk ${record.diskId}`);
      log.warning('a snapshot failed', { snapshot: record.id, causes: causesOf(failure) });
      await this.#conclude({ ...record, state: 'failed', error: agentErrorOf(failure) });
    }
  }

  /** The end of a copy is known once it is kept; one that the full disk does not keep ends all the same. */
  async #conclude(record: SnapshotRecord): Promise<void> {
    try {
      await jsonWrite(this.#json(record.id), record);
    } catch (error) {
      const { log } = this.#options.host;
      log.error('the end of a snapshot is not kept', {
        snapshot: record.id,
        causes: causesOf(error),
      });
    }
    this.#records.set(record.id, record);
    this.#options.report(actualOf(record));
  }

  #json(id: string): string {
    return join(this.#options.directory, `${id}.json`);
  }
  #part(id: string): string {
    return join(this.#options.directory, `${id}.part`);
  }
  #file(id: string): string {
    return join(this.#options.directory, `${id}.qcow2`);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const actualOf = ({
  id,
  state,
  sizeBytes,
  virtualSizeBytes,
  error,
}: SnapshotRecord): SnapshotActual => ({
  id,
  state,
  sizeBytes,
  virtualSizeBytes,
  error,
});

async function fileSync(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
