/**
 * What there is of one server: its directory, disks, saved memory, process and record, and the steps that change them.
 * Every step can be cut off at any moment by the end of this agent; the next one's `open` and `settle` find out where.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { causesOf } from '../../kernel/errors.ts';
import type { ServerWanted } from '../api.ts';
import { AgentFailure } from '../failure.ts';
import { configDriveFiles } from '../metadata.ts';
import { nicsPlugged } from '../qemu/hotplug.ts';
import { runPaths, type Launch, type Machine, type MachineNic } from '../qemu/machine.ts';
import { memoryLoad, memorySave } from '../qemu/memory.ts';
import {
  processIsAlive,
  processKill,
  qemuAdopt,
  qemuStart,
  type QemuProcess,
} from '../qemu/process.ts';
import { QmpClosed } from '../qemu/qmp.ts';
import { isoImage } from '../storage/config-drive.ts';
import { areDisksBuilt, disksBuild, disksSee, diskOf, type DiskBuilt } from '../storage/disks.ts';
import { directorySync, fileReplace } from '../storage/files.ts';
import { stepNext, type ServerProgress, type ServerSeen } from './converge.ts';
import { GuestProcess, type EndReason } from './guest-process.ts';
import { machineOf, nicsMatch } from './hardware.ts';
import type { ServerHost } from './host.ts';
import { networkOrThrow, nicsEnsure } from './nics.ts';
import { recordWrite, type ServerPaths, type ServerRecord } from './record.ts';

const ioErrorRetryMs = 5000;
const adoptRetryMs = 5000;

export interface ServerBodyOptions {
  readonly host: ServerHost;
  readonly paths: ServerPaths;
  readonly record: ServerRecord;
  /** Process that an earlier agent started. */
  readonly pid: number | null;
  /** The newest document. */
  readonly wanted: () => ServerWanted;
  /** Something is different: decide again. */
  readonly onChange: () => void;
}

export class ServerBody {
  readonly paths: ServerPaths;
  process: GuestProcess | null = null;
  disks: readonly DiskBuilt[] = [];
  isMemorySaved = false;
  record: ServerRecord;
  adoptPid: number | null;
  /** Since when the newest process is asked to end. */
  powerOffAt: number | null = null;
  readonly #host: ServerHost;
  readonly #options: ServerBodyOptions;

  constructor(options: ServerBodyOptions) {
    this.#options = options;
    this.#host = options.host;
    this.paths = options.paths;
    this.record = options.record;
    this.adoptPid = options.pid;
  }

  get #wanted(): ServerWanted {
    return this.#options.wanted();
  }

  /** Reads the directory and judges what became of the process. */
  async open(): Promise<void> {
    this.isMemorySaved = existsSync(this.paths.memory);
    await rm(`${this.paths.memory}.tmp`, { force: true });
    this.disks = await disksSee(this.paths.directory);
    if (this.adoptPid === null) this.#judgeAbsence();
  }

  seen(wanted: ServerWanted): ServerSeen {
    const { progress, machine } = this.record;
    return {
      process: this.process?.state ?? null,
      incarnation: progress.incarnation,
      isEnded: progress.ended !== null,
      isMemorySaved: this.isMemorySaved,
      areDisksBuilt: areDisksBuilt(wanted.disks, this.disks),
      areNicsPlugged: machine !== null && nicsMatch(wanted, machine),
    };
  }

  /** Before any decision: an earlier agent's process is ours again, and a gone one leaves nothing. */
  async settle(): Promise<void> {
    if (this.adoptPid !== null) await this.#adopt(this.adoptPid);
    if (this.process !== null || this.record.process === null) return;
    await this.#tapsRemove(this.record.machine?.nics ?? []);
    await this.recordSet({ process: null });
  }

  /** Ends the process and frees what it held outside the directory. */
  async destroy(): Promise<void> {
    await this.process?.kill();
    this.process = null;
    if (this.adoptPid !== null) await processKill(this.#host.clock, this.adoptPid);
    const nics = [...(this.record.machine?.nics ?? []), ...this.#wanted.nics];
    const ports = new Set(nics.map(({ portId }) => portId));
    await Promise.all([...ports].map((port) => this.#host.network.tapRemove(port)));
  }

  // ---------------------------------------------------------------- steps

  async disksEnsure(wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    await this.#host.copiesEnd(wanted.id, 'at-rest', interrupt);
    try {
      this.disks = await disksBuild(this.#host.disks, this.paths.directory, wanted.disks);
    } catch (error) {
      this.disks = await disksSee(this.paths.directory);
      throw error;
    }
  }

  async start(wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    await this.#host.copiesEnd(wanted.id, 'at-rest', interrupt);
    const networks = wanted.nics.map(({ networkId }) => networkOrThrow(this.#host, networkId));
    if (wanted.configDrive) {
      const image = isoImage('config-2', configDriveFiles(wanted, networks));
      const options = { owner: this.#host.disks.owner, mode: 0o400, isDurable: false };
      await fileReplace(this.paths.configDrive, (file) => file.writeFile(image), options);
    }
    const disks = wanted.disks.flatMap((disk) => diskOf(this.disks, disk) ?? []);
    const machine = machineOf(this.#host, { wanted, disks, paths: this.paths });
    const incarnation = Math.max(wanted.run.incarnation, this.record.progress.incarnation);
    const start = wanted.run.state === 'paused' ? 'paused' : 'run';
    await this.#launch({ machine, start, incarnation }, async () => {});
  }

  async resume(wanted: ServerWanted): Promise<void> {
    const { machine, progress } = this.record;
    if (machine === null) throw new AgentFailure('internal', 'the saved memory has no machine');
    for (const { networkId } of machine.nics) networkOrThrow(this.#host, networkId);
    const launch = { machine, start: 'incoming', incarnation: progress.incarnation } as const;
    await this.#launch(launch, async ({ qmp }) => {
      const { clock, disks } = this.#host;
      const { memory: path, incoming: socketPath } = this.paths;
      await memoryLoad(qmp, { path, socketPath, owner: disks.owner, clock });
      // Gone for good before the guest writes: beside newer disks this memory would destroy them.
      await rm(path);
      await directorySync(this.paths.directory);
      this.isMemorySaved = false;
    });
    if (wanted.run.state === 'running') await this.process?.continue();
  }

  /** Starts a process and makes it ours once it can run; one that cannot leaves nothing. */
  async #launch(
    { machine, start, incarnation }: Pick<Launch, 'machine' | 'start'> & { incarnation: number },
    load: (process: GuestProcess) => Promise<void>,
  ): Promise<void> {
    const { network, clock, bootId, qemu } = this.#host;
    const launching = { incarnation, bootId, isLaunched: false, startedAt: clock.now() };
    let process: GuestProcess | null = null;
    try {
      await this.recordSet({ machine, process: launching });
      const taps = new Map<string, string>();
      const tapEnsure = async ({ portId, mtu }: MachineNic): Promise<void> =>
        void taps.set(portId, await network.tapEnsure(portId, mtu));
      await Promise.all(machine.nics.map(tapEnsure));
      process = this.#watched(
        await qemuStart(qemu, { machine, runDir: this.paths.run, taps, start }),
      );
      await load(process);
      await this.#tapsPlug(machine.nics);
      await process.look();
      const progress: ServerProgress = { ...this.record.progress, incarnation, ended: null };
      await this.recordSet({ progress, process: { ...launching, isLaunched: true } });
      this.#own(process);
    } catch (error) {
      await process?.kill();
      await this.settle();
      if (!(error instanceof QmpClosed)) throw error;
      throw new AgentFailure('qemu', 'the process ended while it was started', error);
    }
  }

  async suspend(wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    // A process that copies a disk cannot give the disk away.
    await this.#host.copiesEnd(wanted.id, 'all', interrupt);
    const { process } = this;
    if (process === null || interrupt.aborted) return;
    const wasRunning = process.state === 'running';
    await process.pause();
    // The memory is worth nothing without the machine that it fits.
    await this.recordSet({}, { isDurable: true });
    const temporary = `${this.paths.memory}.tmp`;
    try {
      await memorySave(process.qmp, {
        path: temporary,
        socketPath: this.paths.outgoing,
        owner: this.#host.disks.owner,
        clock: this.#host.clock,
      });
      await rename(temporary, this.paths.memory);
      await directorySync(this.paths.directory);
    } catch (error) {
      await rm(this.paths.memory, { force: true });
      if (wasRunning) await process.continue();
      throw error;
    }
    this.isMemorySaved = true;
    await this.#processKill(process);
  }

  async powerOff({ run }: ServerWanted, interrupt: AbortSignal): Promise<void> {
    const { process } = this;
    if (process === null) return;
    // Documents that come meanwhile do not prolong it.
    this.powerOffAt ??= this.#host.clock.now();
    const leftMs = run.graceMs - (this.#host.clock.now() - this.powerOffAt);
    const isOff = leftMs > 0 && (await process.powerOff(leftMs, interrupt));
    if (interrupt.aborted && !isOff) return;
    await this.#processKill(process);
  }

  async continue(): Promise<void> {
    const process = this.process;
    if (process === null) return;
    const isKnown = this.record.progress.error?.code === 'no_space';
    // The first time it is only said; then it is tried again and again.
    if (!process.hasIoError || isKnown) await process.continue();
    if (isKnown) await process.qmp.eventWait(({ event }) => event === 'STOP', { timeoutMs: 1000 });
    await process.look();
    if (!process.hasIoError) return;
    this.#lookLater(ioErrorRetryMs);
    throw new AgentFailure('no_space', 'a disk cannot be written: the guest waits until it can');
  }

  async nicsEnsure(wanted: ServerWanted, signal: AbortSignal): Promise<void> {
    const { machine } = this.record;
    if (this.process === null || machine === null) return;
    const running = {
      qmp: this.process.qmp,
      machine,
      machineSet: (next: Machine) => this.recordSet({ machine: next }),
    };
    await nicsEnsure(this.#host, running, { wanted, signal });
  }

  async memoryDrop(): Promise<void> {
    await rm(this.paths.memory, { force: true });
    this.isMemorySaved = false;
  }

  // ---------------------------------------------------------------- the process

  #watched(started: QemuProcess): GuestProcess {
    const look = async (): Promise<void> => {
      const { state, hasIoError } = process;
      const sight = await process.look();
      if (sight === 'dead') {
        await process.kill();
        this.#ended(process, 'crashed');
      } else if (state !== process.state || hasIoError !== process.hasIoError) {
        this.#options.onChange();
      }
    };
    // A monitor that does not answer is closing, and its end is seen elsewhere.
    const process = new GuestProcess(this.#host.clock, started, () => void look().catch(() => {}));
    return process;
  }

  #own(process: GuestProcess): void {
    this.process = process;
    void process.ended.then((reason) => this.#ended(process, reason));
  }

  async #processKill(process: GuestProcess): Promise<void> {
    await process.kill();
    if (this.process === process) this.process = null;
    await this.settle();
  }

  /** By itself, unless its end is what the document wants anyway. */
  #ended(process: GuestProcess, reason: EndReason): void {
    if (this.process !== process) return;
    const isWanted = stepNext(this.#wanted, this.seen(this.#wanted)) === 'power-off';
    this.process = null;
    if (!isWanted) this.#endedSet(reason);
    this.#options.onChange();
  }

  #endedSet(reason: EndReason): void {
    const at = this.#host.clock.now();
    const { progress } = this.record;
    this.#host.log.info('a server ended by itself', { server: this.#wanted.id, reason });
    this.record = { ...this.record, progress: { ...progress, ended: { reason, at } } };
  }

  /** No process was found at the agent's start: was it switched off with the machine, told to end, or did it end? */
  #judgeAbsence(): void {
    const { process } = this.record;
    if (process === null || process.bootId !== this.#host.bootId || !process.isLaunched) return;
    const seen: ServerSeen = { ...this.seen(this.#wanted), process: 'running' };
    const step = stepNext(this.#wanted, seen);
    if (step === 'power-off' || this.isMemorySaved) return;
    // QEMU removes its pid file when it ends in order.
    this.#endedSet(existsSync(runPaths(this.paths.run).pid) ? 'crashed' : 'guest-shutdown');
  }

  async #adopt(pid: number): Promise<void> {
    let process: GuestProcess;
    try {
      process = this.#watched(await qemuAdopt(pid, this.paths.run));
    } catch (error) {
      if (processIsAlive(pid)) {
        this.#lookLater(adoptRetryMs);
        throw new AgentFailure('qemu', `the monitor of process ${pid} does not answer`, error);
      }
      this.adoptPid = null;
      return this.#judgeAbsence();
    }
    const sight = await process.look();
    const { machine, process: known } = this.record;
    this.adoptPid = null;
    if (sight !== 'alive' || machine === null || known === null) {
      await process.kill();
      if (sight === 'dead') this.#endedSet('crashed');
      return;
    }
    // A process that runs has taken its memory already, or never had one to take.
    await rm(this.paths.memory, { force: true });
    this.isMemorySaved = false;
    const plugged = await nicsPlugged(process.qmp);
    const nics = machine.nics.filter(({ portId }) => plugged.has(portId));
    await this.recordSet({
      progress: { ...this.record.progress, incarnation: known.incarnation },
      machine: { ...machine, nics },
      process: { ...known, isLaunched: true },
    });
    this.#own(process);
    this.#host.log.info('a running server is adopted', { server: this.#wanted.id, pid });
    await this.#tapsPlug(nics);
  }

  // ---------------------------------------------------------------- small things

  async #tapsPlug(nics: readonly MachineNic[]): Promise<void> {
    const { network } = this.#host;
    await Promise.all(nics.map(({ portId, networkId }) => network.tapPlug(portId, networkId)));
  }

  async #tapsRemove(nics: readonly MachineNic[]): Promise<void> {
    await Promise.all(nics.map(({ portId }) => this.#host.network.tapRemove(portId)));
  }

  async recordSet(
    change: Partial<ServerRecord>,
    { isDurable = false, isBestEffort = false } = {},
  ): Promise<void> {
    this.record = { ...this.record, ...change };
    try {
      await recordWrite(this.paths, this.record, { isDurable });
    } catch (error) {
      if (!isBestEffort) throw error;
      this.#host.log.warning('the record of a server is not written', {
        server: this.#wanted.id,
        causes: causesOf(error),
      });
    }
  }

  #lookLater(delayMs: number): void {
    void this.#host.clock.sleep(delayMs).then(this.#options.onChange);
  }
}
