/**
 * One server: a loop that looks at what is, asks `converge.ts` for the next step, takes it, and looks again, until what
 * is wanted is there or a step failed. A failed document is tried again when control sends one, or the agent starts.
 */
import { causesOf } from '../../kernel/errors.ts';
import type { AgentError, ServerActual, ServerWanted } from '../api.ts';
import { agentErrorOf } from '../failure.ts';
import type { Machine } from '../qemu/machine.ts';
import { QmpClosed, type Qmp } from '../qemu/qmp.ts';
import type { DiskBuilt } from '../storage/disks.ts';
import { actualOf, stepNext, type ServerStep } from './converge.ts';
import type { GuestProcess } from './guest-process.ts';
import type { ServerHost } from './host.ts';
import type { ServerPaths, ServerRecord } from './record.ts';
import { ServerBody } from './server-body.ts';

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
  readonly #body: ServerBody;
  #isLooping = false;
  #isToLookAgain = false;
  #isClosed = false;
  #loop: Promise<void> = Promise.resolve();
  #interrupt = new AbortController();
  #reported = '';

  constructor(host: ServerHost, paths: ServerPaths, { wanted, record, pid }: ServerFound) {
    this.#host = host;
    this.paths = paths;
    this.wanted = wanted;
    this.#body = new ServerBody({
      host,
      paths,
      record,
      pid,
      wanted: () => this.wanted,
      onChange: () => {
        this.#report();
        this.wake();
      },
    });
  }

  get id(): string {
    return this.wanted.id;
  }

  get actual(): ServerActual {
    const { process, adoptPid, isMemorySaved, record } = this.#body;
    const state = process?.state ?? (adoptPid === null ? null : 'running');
    return actualOf(this.id, record.progress, { process: state, isMemorySaved });
  }

  get process(): GuestProcess | null {
    return this.#body.process;
  }

  get qmp(): Qmp | null {
    return this.#body.process?.qmp ?? null;
  }

  /** Hardware of the process; null without one. */
  get machine(): Machine | null {
    return this.#body.process === null ? null : this.#body.record.machine;
  }

  /** Ports whose taps it holds. */
  get nicPorts(): readonly string[] {
    const { process, machine } = this.#body.record;
    return process === null ? [] : (machine?.nics ?? []).map(({ portId }) => portId);
  }

  get startedAt(): number {
    return this.#body.record.process?.startedAt ?? this.#host.clock.now();
  }

  get disks(): readonly DiskBuilt[] {
    return this.#body.disks;
  }

  /** Looks at what is there; the loop does the rest. */
  async open(): Promise<void> {
    await this.#body.open();
    this.wake();
  }

  /** Resolves when what was found at the start is judged and nothing is being done. */
  settled(): Promise<void> {
    return this.#loop;
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
    this.#body.process?.release();
  }

  /** Ends the process and frees what it held outside the directory. */
  async destroy(): Promise<void> {
    this.#isClosed = true;
    this.#interrupt.abort();
    await this.#loop;
    await this.#body.destroy();
  }

  // ---------------------------------------------------------------- the loop

  async #converge(): Promise<void> {
    while (!this.#isClosed && this.#isToLookAgain) {
      this.#isToLookAgain = false;
      const { wanted } = this;
      const interrupt = this.#interrupt.signal;
      const before = this.#sight();
      try {
        await this.#body.settle();
        const step = stepNext(wanted, this.#body.seen(wanted));
        if (step !== 'power-off') this.#body.powerOffAt = null;
        if (step === 'done') await this.#concluded(wanted, null);
        else {
          await this.#stepRun(step, wanted, interrupt);
          this.#isToLookAgain = true;
        }
      } catch (error) {
        if (interrupt.aborted || (await this.#isProcessLost(error))) this.#isToLookAgain = true;
        else {
          await this.#failed(wanted, error);
          // What the step itself stirred up before it failed is no reason to take it again.
          this.#isToLookAgain = wanted !== this.wanted || before !== this.#sight();
        }
      }
      this.#report();
    }
    this.#isLooping = false;
  }

  #sight(): string {
    return JSON.stringify(this.#body.seen(this.wanted));
  }

  /** A step that fails because its process ended says nothing about the document. */
  async #isProcessLost(error: unknown): Promise<boolean> {
    const process = this.#body.process;
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
    const { progress } = this.#body.record;
    if (progress.generation === generation && progress.error === null && error === null) return;
    const change = { progress: { ...progress, generation, error } };
    await this.#body.recordSet(change, { isBestEffort: true });
  }

  async #stepRun(step: ServerStep, wanted: ServerWanted, interrupt: AbortSignal): Promise<void> {
    const body = this.#body;
    switch (step) {
      case 'disks':
        return this.#gated(interrupt, () => body.disksEnsure(wanted, interrupt));
      case 'start':
        return this.#gated(interrupt, () => body.start(wanted, interrupt));
      case 'resume':
        return this.#gated(interrupt, () => body.resume(wanted));
      case 'power-off':
        return body.powerOff(wanted, interrupt);
      case 'suspend':
        return body.suspend(wanted, interrupt);
      case 'nics':
        return body.nicsEnsure(wanted, interrupt);
      case 'pause':
        return body.process?.pause();
      case 'continue':
        return body.continue();
      case 'memory-drop':
        return body.memoryDrop();
      case 'done':
        return;
    }
  }

  /** Who waited for a turn may not be wanted any more when it comes. */
  #gated(interrupt: AbortSignal, work: () => Promise<void>): Promise<void> {
    return this.#host.startGate.pass(async () => (interrupt.aborted ? undefined : work()));
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
