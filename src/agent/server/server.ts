/**
 * One server: a loop that looks at what is, asks `converge.ts` for the next step, takes it, and looks again, until what
 * is wanted is there or a step failed. A failed document is tried again when control sends one, or the agent starts.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { causesOf } from '../../kernel/errors.ts';
import type { AgentError, ServerActual, ServerWanted } from '../api.ts';
import { agentErrorOf, AgentFailure } from '../failure.ts';
import { configDriveFiles } from '../metadata.ts';
import { nicPlug, nicsPlugged, nicUnplug } from '../qemu/hotplug.ts';
import { runPaths, slotFree, type Launch, type Machine, type MachineNic } from '../qemu/machine.ts';
import { memoryLoad, memorySave } from '../qemu/memory.ts';
import { processIsAlive, processKill, qemuAdopt, qemuStart } from '../qemu/process.ts';
import { QmpClosed } from '../qemu/qmp.ts';
import { isoImage } from '../storage/config-drive.ts';
import { areDisksBuilt, disksBuild, disksSee, diskOf, type DiskBuilt } from '../storage/disks.ts';
import { directorySync, fileReplace } from '../storage/files.ts';
import {
  actualOf,
  stepNext,
  type ServerProgress,
  type ServerSeen,
  type ServerStep,
} from './converge.ts';
import { GuestProcess, type EndReason } from './guest-process.ts';
import type { ServerHost } from './host.ts';
import { machineOf, nicsMatch, nicsToPlug, nicsToUnplug } from './hardware.ts';
import { recordWrite, type ServerPaths, type ServerRecord } from './record.ts';

const ioErrorRetryMs = 5000;
const adoptRetryMs = 5000;

/** What was there when the agent started. */
export interface ServerFound {
  readonly wanted: ServerWanted;
  readonly record: ServerRecord;
  readonly pid: number | null;
}

export class Server {
  wanted: ServerWanted;
  readonly paths: ServerPaths;
  readonly #host: ServerHost;
  #record: ServerRecord;
  #adoptPid: number | null;
  #process: GuestProcess | null = null;
  #disks: readonly DiskBuilt[] = [];
  #isMemorySaved = false;
  #isLooping = false;
  #isToLookAgain = false;
  #isClosed = false;
  #loop: Promise<void> = Promise.resolve();
  #interrupt = new AbortController();
  #reported = '';

  constructor(host: ServerHost, paths: ServerPaths, found: ServerFound) {
    this.#host = host;
    this.paths = paths;
    this.wanted = found.wanted;
    this.#record = found.record;
    this.#adoptPid = found.pid;
  }

  get id(): string {
    return this.wanted.id;
  }

  get actual(): ServerActual {
    const { progress } = this.#record;
    const process = this.#process?.state ?? (this.#adoptPid === null ? null : 'running');
    return actualOf(this.id, progress, { process, isMemorySaved: this.#isMemorySaved });
  }

  get process(): GuestProcess | null {
    return this.#process;
  }

  /** Ports whose taps it holds. */
  get nicPorts(): readonly string[] {
    return (this.#record.process === null ? [] : (this.#record.machine?.nics ?? [])).map(
      ({ portId }) => portId,
    );
  }

  get machine(): Machine | null {
    return this.#process === null ? null : this.#record.machine;
  }

  get startedAt(): number {
    return this.#record.process?.startedAt ?? this.#host.clock.now();
  }

  get disks(): readonly DiskBuilt[] {
    return this.#disks;
  }

  /** Reads the directory and judges what became of the process; the loop does the rest. */
  async open(): Promise<void> {
    this.#isMemorySaved = existsSync(this.paths.memory);
    await rm(`${this.paths.memory}.tmp`, { force: true });
    this.#disks = await disksSee(this.paths.directory);
    if (this.#adoptPid === null) this.#judgeAbsence();
    this.wake();
  }

  /** A new document; the older one's waits end. */
  put(wanted: ServerWanted): void {
    this.wanted = wanted;
    this.#interrupt.abort();
    this.#interrupt = new AbortController();
    this.wake();
  }

  wake(): void {
    this.#isToLookAgain = true;
    if (this.#isLooping || this.#isClosed) return;
    this.#isLooping = true;
    this.#loop = this.#converge();
  }

  /** Resolves when nothing is done for it any more; its process runs on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#interrupt.abort();
    await this.#loop;
    this.#process?.release();
  }

  /** Ends the process and frees what it held outside the directory. */
  async destroy(): Promise<void> {
    this.#isClosed = true;
    this.#interrupt.abort();
    await this.#loop;
    await this.#process?.kill();
    this.#process = null;
    if (this.#adoptPid !== null) await processKill(this.#host.clock, this.#adoptPid);
    const nics = [...(this.#record.machine?.nics ?? []), ...this.wanted.nics];
    const ports = new Set(nics.map(({ portId }) => portId));
    await Promise.all([...ports].map((port) => this.#host.network.tapRemove(port)));
  }

  // ---------------------------------------------------------------- the loop

  async #converge(): Promise<void> {
    while (!this.#isClosed && this.#isToLookAgain) {
      this.#isToLookAgain = false;
      const { wanted } = this;
      const interrupt = this.#interrupt.signal;
      try {
        await this.#settle();
        const step = stepNext(wanted, this.#seen());
        if (step === 'done') await this.#concluded(wanted, null);
        else {
          await this.#stepRun(step, wanted, interrupt);
          this.#isToLookAgain = true;
        }
      } catch (error) {
        if (interrupt.aborted || (await this.#isProcessLost(error))) this.#isToLookAgain = true;
        else await this.#failed(wanted, error);
      }
      this.#report();
    }
    this.#isLooping = false;
  }

  /** A step that fails because its process ended says nothing about the document. */
  async #isProcessLost(error: unknown): Promise<boolean> {
    const process = this.#process;
    if (!(error instanceof QmpClosed)) return false;
    await process?.ended;
    return true;
  }

  async #failed(wanted: ServerWanted, error: unknown): Promise<void> {
    this.#host.log.warning('a server is not as wanted', {
      server: this.id,
      generation: wanted.generation,
      causes: causesOf(error),
    });
    await this.#concluded(wanted, agentErrorOf(error));
  }

  async #concluded({ generation }: ServerWanted, error: AgentError | null): Promise<void> {
    const { progress } = this.#record;
    if (progress.generation === generation && progress.error === null && error === null) return;
    await this.#recordSet({ progress: { ...progress, generation, error } }, { isBestEffort: true });
  }

  #seen(): ServerSeen {
    const { progress, machine } = this.#record;
    return {
      process: this.#process?.state ?? null,
      incarnation: progress.incarnation,
      isEnded: progress.ended !== null,
      isMemorySaved: this.#isMemorySaved,
      areDisksBuilt: areDisksBuilt(this.wanted.disks, this.#disks),
      areNicsPlugged: machine !== null && nicsMatch(this.wanted, machine),
    };
  }

  /** Before any decision: an earlier agent's process is ours again, and a gone one leaves nothing. */
  async #settle(): Promise<void> {
    if (this.#adoptPid !== null) await this.#adopt(this.#adoptPid);
    if (this.#process !== null || this.#record.process === null) return;
    await this.#tapsRemove(this.#record.machine?.nics ?? []);
    await this.#recordSet({ process: null });
  }

  async #stepRun(step: ServerStep, wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    switch (step) {
      case 'disks':
        return this.#gated(interrupt, () => this.#disksEnsure(wanted, interrupt));
      case 'start':
        return this.#gated(interrupt, () => this.#start(wanted, interrupt));
      case 'resume':
        return this.#gated(interrupt, () => this.#resume(wanted));
      case 'power-off':
        return this.#powerOff(wanted, interrupt);
      case 'suspend':
        return this.#suspend();
      case 'nics':
        return this.#nicsEnsure(wanted, interrupt);
      case 'pause':
        return this.#process?.pause();
      case 'continue':
        return this.#continue();
      case 'memory-drop':
        await rm(this.paths.memory, { force: true });
        this.#isMemorySaved = false;
        return;
      case 'done':
        return;
    }
  }

  /** Who waited for a turn may not be wanted any more when it comes. */
  #gated(interrupt: AbortSignal, work: () => Promise<void>): Promise<void> {
    return this.#host.startGate.pass(async () => (interrupt.aborted ? undefined : work()));
  }

  // ---------------------------------------------------------------- steps

  async #disksEnsure(wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    await this.#host.disksAtRest(this.id, interrupt);
    try {
      this.#disks = await disksBuild(this.#host.disks, this.paths.directory, wanted.disks);
    } catch (error) {
      this.#disks = await disksSee(this.paths.directory);
      throw error;
    }
  }

  async #start(wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    await this.#host.disksAtRest(this.id, interrupt);
    const networks = wanted.nics.map(({ networkId }) => this.#network(networkId));
    if (wanted.configDrive) {
      const image = isoImage('config-2', configDriveFiles(wanted, networks));
      const options = { owner: this.#host.disks.owner, mode: 0o400, isDurable: false };
      await fileReplace(this.paths.configDrive, (file) => file.writeFile(image), options);
    }
    const disks = wanted.disks.flatMap((disk) => diskOf(this.#disks, disk) ?? []);
    const machine = machineOf(this.#host, { wanted, disks, paths: this.paths });
    const incarnation = Math.max(wanted.run.incarnation, this.#record.progress.incarnation);
    const start = wanted.run.state === 'paused' ? 'paused' : 'run';
    await this.#launch({ machine, start, incarnation }, async () => {});
  }

  async #resume(wanted: ServerWanted): Promise<void> {
    const { machine, progress } = this.#record;
    if (machine === null) throw new AgentFailure('internal', 'the saved memory has no machine');
    for (const { networkId } of machine.nics) this.#network(networkId);
    const launch = { machine, start: 'incoming', incarnation: progress.incarnation } as const;
    await this.#launch(launch, async ({ qmp }) => {
      const { clock, disks } = this.#host;
      const { memory: path, incoming: socketPath } = this.paths;
      await memoryLoad(qmp, { path, socketPath, owner: disks.owner, clock });
      // Gone for good before the guest writes: beside newer disks this memory would destroy them.
      await rm(path);
      await directorySync(this.paths.directory);
      this.#isMemorySaved = false;
    });
    if (wanted.run.state === 'running') await this.#process?.continue();
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
      await this.#recordSet({ machine, process: launching });
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
      const progress: ServerProgress = { ...this.#record.progress, incarnation, ended: null };
      await this.#recordSet({ progress, process: { ...launching, isLaunched: true } });
      this.#own(process);
    } catch (error) {
      await process?.kill();
      await this.#settle();
      if (!(error instanceof QmpClosed)) throw error;
      throw new AgentFailure('qemu', 'the process ended while it was started', error);
    }
  }

  async #suspend(): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    const wasRunning = process.state === 'running';
    await process.pause();
    // The memory is worth nothing without the machine that it fits.
    await this.#recordSet({}, { isDurable: true });
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
      if (wasRunning) await process.continue();
      throw error;
    }
    this.#isMemorySaved = true;
    await this.#processKill(process);
  }

  async #powerOff({ run }: ServerWanted, interrupt: AbortSignal): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    const isOff = run.graceMs > 0 && (await process.powerOff(run.graceMs, interrupt));
    if (interrupt.aborted && !isOff) return;
    await this.#processKill(process);
  }

  async #continue(): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    const isKnown = this.#record.progress.error?.code === 'no_space';
    // The first time it is only said; then it is tried again and again.
    if (!process.hasIoError || isKnown) await process.continue();
    if (isKnown) await process.qmp.eventWait(({ event }) => event === 'STOP', { timeoutMs: 1000 });
    await process.look();
    if (!process.hasIoError) return;
    this.#wakeLater(ioErrorRetryMs);
    throw new AgentFailure('no_space', 'a disk cannot be written: the guest waits until it can');
  }

  async #nicsEnsure(wanted: ServerWanted, signal: AbortSignal): Promise<void> {
    const process = this.#process;
    let { machine } = this.#record;
    if (process === null || machine === null) return;
    const { clock, network } = this.#host;
    for (const nic of nicsToUnplug(wanted, machine)) {
      if (!(await nicUnplug(process.qmp, nic, { clock, signal }))) return;
      await network.tapRemove(nic.portId);
      machine = { ...machine, nics: machine.nics.filter(({ portId }) => portId !== nic.portId) };
      await this.#recordSet({ machine });
    }
    for (const nic of nicsToPlug(wanted, machine)) {
      this.#network(nic.networkId);
      const slot = slotFree(machine.nics);
      if (slot === null) throw new AgentFailure('qemu', 'the server has no slot for an interface');
      const plugged: MachineNic = { ...nic, slot };
      machine = { ...machine, nics: [...machine.nics, plugged] };
      // First written, then done: what is plugged in is always known.
      await this.#recordSet({ machine });
      await this.#nicAdd(process, plugged);
    }
  }

  async #nicAdd(process: GuestProcess, nic: MachineNic): Promise<void> {
    const { network } = this.#host;
    try {
      await network.tapRemove(nic.portId);
      await nicPlug(process.qmp, nic, await network.tapEnsure(nic.portId, nic.mtu));
      await network.tapPlug(nic.portId, nic.networkId);
    } catch (error) {
      const { machine } = this.#record;
      const plugged = await nicsPlugged(process.qmp).catch(() => new Set<string>());
      if (machine !== null && !plugged.has(nic.portId)) {
        await network.tapRemove(nic.portId);
        await this.#recordSet({
          machine: { ...machine, nics: machine.nics.filter((one) => one.portId !== nic.portId) },
        });
      }
      throw error;
    }
  }

  // ---------------------------------------------------------------- the process

  #watched(started: { pid: number; qmp: GuestProcess['qmp'] }): GuestProcess {
    const process: GuestProcess = new GuestProcess(this.#host.clock, started, () => {
      void process.look().then(
        () => this.wake(),
        () => {},
      );
    });
    return process;
  }

  #own(process: GuestProcess): void {
    this.#process = process;
    void process.ended.then((reason) => this.#ended(process, reason));
  }

  async #processKill(process: GuestProcess): Promise<void> {
    await process.kill();
    if (this.#process === process) this.#process = null;
    await this.#settle();
  }

  /** By itself, unless its end is what the document wants anyway. */
  #ended(process: GuestProcess, reason: EndReason): void {
    if (this.#process !== process) return;
    const isWanted = stepNext(this.wanted, this.#seen()) === 'power-off';
    this.#process = null;
    if (!isWanted) this.#endedSet(reason);
    this.#report();
    this.wake();
  }

  #endedSet(reason: EndReason): void {
    const at = this.#host.clock.now();
    const { progress } = this.#record;
    this.#host.log.info('a server ended by itself', { server: this.id, reason });
    this.#record = { ...this.#record, progress: { ...progress, ended: { reason, at } } };
  }

  /** No process was found at the agent's start: was it switched off with the machine, told to end, or did it end? */
  #judgeAbsence(): void {
    const { process } = this.#record;
    if (process === null || process.bootId !== this.#host.bootId || !process.isLaunched) return;
    const seen: ServerSeen = { ...this.#seen(), process: 'running' };
    const step = stepNext(this.wanted, seen);
    if (step === 'power-off' || this.#isMemorySaved) return;
    // QEMU removes its pid file when it ends in order.
    this.#endedSet(existsSync(runPaths(this.paths.run).pid) ? 'crashed' : 'guest-shutdown');
  }

  async #adopt(pid: number): Promise<void> {
    let process: GuestProcess;
    try {
      process = this.#watched(await qemuAdopt(pid, this.paths.run));
    } catch (error) {
      if (processIsAlive(pid)) {
        this.#wakeLater(adoptRetryMs);
        throw new AgentFailure('qemu', `the monitor of process ${pid} does not answer`, error);
      }
      this.#adoptPid = null;
      return this.#judgeAbsence();
    }
    const sight = await process.look();
    const { machine, process: known } = this.#record;
    this.#adoptPid = null;
    if (sight !== 'alive' || machine === null || known === null) {
      await process.kill();
      if (sight === 'dead') this.#endedSet('crashed');
      return;
    }
    // A process that runs has taken its memory already, or never had one to take.
    await rm(this.paths.memory, { force: true });
    this.#isMemorySaved = false;
    const plugged = await nicsPlugged(process.qmp);
    const nics = machine.nics.filter(({ portId }) => plugged.has(portId));
    await this.#recordSet({
      progress: { ...this.#record.progress, incarnation: known.incarnation },
      machine: { ...machine, nics },
      process: { ...known, isLaunched: true },
    });
    this.#own(process);
    this.#host.log.info('a running server is adopted', { server: this.id, pid });
    await this.#tapsPlug(nics);
  }

  // ---------------------------------------------------------------- small things

  #network(id: string) {
    const network = this.#host.network.network(id);
    if (network === null) throw new AgentFailure('no_network', `network ${id} is not on this host`);
    return network;
  }

  async #tapsPlug(nics: readonly MachineNic[]): Promise<void> {
    const { network } = this.#host;
    await Promise.all(nics.map(({ portId, networkId }) => network.tapPlug(portId, networkId)));
  }

  async #tapsRemove(nics: readonly MachineNic[]): Promise<void> {
    await Promise.all(nics.map(({ portId }) => this.#host.network.tapRemove(portId)));
  }

  async #recordSet(
    change: Partial<ServerRecord>,
    { isDurable = false, isBestEffort = false } = {},
  ): Promise<void> {
    this.#record = { ...this.#record, ...change };
    try {
      await recordWrite(this.paths, this.#record, { isDurable });
    } catch (error) {
      if (!isBestEffort) throw error;
      this.#host.log.warning('the record of a server is not written', {
        server: this.id,
        causes: causesOf(error),
      });
    }
  }

  #wakeLater(delayMs: number): void {
    void this.#host.clock.sleep(delayMs, this.#interrupt.signal).then(() => this.wake());
  }

  #report(): void {
    if (this.#isClosed) return;
    const actual = this.actual;
    const text = JSON.stringify(actual);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#host.report(actual);
  }
}
