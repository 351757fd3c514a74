import type { Clock } from '../../kernel/clock.ts';
import type { AgentError, ServerActual, ServerWanted } from '../api.ts';
import {
  actualOf,
  progressNone,
  stepNext,
  type ProcessState,
  type ServerProgress,
  type ServerSeen,
  type ServerStep,
} from '../server/converge.ts';
import { isNamed, startErrorOf } from './sim-faults.ts';

export interface SimServerWorld {
  readonly clock: Clock;
  /** How long each step takes. */
  readonly stepMs: number;
  /** How long a guest takes from the power button to its end. */
  readonly shutdownMs: number;
  hasImage(id: string): boolean;
  hasNetwork(id: string): boolean;
  report(actual: ServerActual): void;
}

/** One server: the loop of the real agent around state that is a few fields. */
export class SimServer {
  wanted: ServerWanted;
  /** What the guest left at its metadata service. */
  password = '';
  #process: ProcessState | null = null;
  #progress: ServerProgress = progressNone;
  #isMemorySaved = false;
  #disks = '';
  #nics = '';
  #isGone = false;
  #isConverging = false;
  #loop: Promise<void> = Promise.resolve();
  #interrupt = new AbortController();
  readonly #console: string[] = [];
  readonly #world: SimServerWorld;

  constructor(wanted: ServerWanted, world: SimServerWorld) {
    this.wanted = wanted;
    this.#world = world;
  }

  get actual(): ServerActual {
    return actualOf(this.wanted.id, this.#progress, {
      process: this.#process,
      isMemorySaved: this.#isMemorySaved,
    });
  }

  get console(): readonly string[] {
    return this.#console;
  }

  get isRunning(): boolean {
    return this.#process === 'running';
  }

  put(wanted: ServerWanted): void {
    this.wanted = wanted;
    this.#interrupt.abort();
    this.#interrupt = new AbortController();
    if (this.#isConverging) return;
    this.#isConverging = true;
    this.#loop = this.#converge();
  }

  async remove(): Promise<void> {
    this.#isGone = true;
    this.#interrupt.abort();
    await this.#loop;
  }

  /** What happens to a process from outside: the guest, or a signal. */
  processEnd(reason: 'guest-shutdown' | 'crashed'): void {
    if (this.#process === null) return;
    this.#process = null;
    this.#progress = { ...this.#progress, ended: { reason, at: this.#world.clock.now() } };
    this.#report();
  }

  /** The machine was switched off and on: processes are gone, documents and disks are not. */
  machineReboot(): void {
    this.#process = null;
    this.put(this.wanted);
  }

  async #converge(): Promise<void> {
    // A put acknowledges before anything happens, as the real agent does.
    await Promise.resolve();
    while (!this.#isGone && !isNamed(this.wanted, 'sim-hangs')) {
      const wanted = this.wanted;
      const step = stepNext(wanted, this.#seen());
      const error = step === 'done' ? null : await this.#stepRun(step, wanted);
      if (this.#isGone || (wanted !== this.wanted && error === null)) continue;
      if (error === null && step !== 'done') continue;
      this.#progress = { ...this.#progress, generation: wanted.generation, error };
      this.#report();
      this.#misbehave(wanted, step);
      if (wanted === this.wanted) break;
    }
    this.#isConverging = false;
  }

  #seen(): ServerSeen {
    return {
      process: this.#process,
      incarnation: this.#progress.incarnation,
      isEnded: this.#progress.ended !== null,
      isMemorySaved: this.#isMemorySaved,
      areDisksBuilt: this.#disks === disksOf(this.wanted),
      areNicsPlugged: this.#nics === nicsOf(this.wanted),
    };
  }

  async #stepRun(step: ServerStep, wanted: ServerWanted): Promise<AgentError | null> {
    await this.#take(step === 'power-off' ? this.#powerOffMs(wanted) : this.#world.stepMs);
    // A newer document may want something else than what this step was about to do.
    if (this.#isGone || this.wanted !== wanted) return null;
    const error = this.#preventedBy(step, wanted);
    if (error !== null) return error;
    this.#effect(step, wanted);
    if (step !== 'disks' && step !== 'memory-drop') this.#report();
    return null;
  }

  #preventedBy(step: ServerStep, wanted: ServerWanted): AgentError | null {
    if (step === 'disks') {
      const missing = wanted.disks.find(
        ({ source }) => source.kind === 'image' && !this.#world.hasImage(source.imageId),
      );
      if (missing !== undefined) {
        return { code: 'no_image', message: `the image of disk ${missing.id} is not on this host` };
      }
      return null;
    }
    if (step !== 'start' && step !== 'resume' && step !== 'nics') return null;
    const nic = wanted.nics.find(({ networkId }) => !this.#world.hasNetwork(networkId));
    if (nic !== undefined) {
      return { code: 'no_network', message: `network ${nic.networkId} is not on this host` };
    }
    return step === 'start' ? startErrorOf(wanted) : null;
  }

  #effect(step: ServerStep, wanted: ServerWanted): void {
    switch (step) {
      case 'disks':
        this.#disks = disksOf(wanted);
        return;
      case 'start':
        this.#nics = nicsOf(wanted);
        this.#process = wanted.run.state === 'paused' ? 'paused' : 'running';
        this.#progress = {
          ...this.#progress,
          incarnation: Math.max(wanted.run.incarnation, this.#progress.incarnation),
          ended: null,
        };
        this.#console.push(
          `guest: ${wanted.guest.hostname} is up, start ${wanted.run.incarnation}`,
        );
        return;
      case 'resume':
        this.#isMemorySaved = false;
        this.#process = wanted.run.state === 'paused' ? 'paused' : 'running';
        return;
      case 'suspend':
        this.#process = null;
        this.#isMemorySaved = true;
        return;
      case 'memory-drop':
        this.#isMemorySaved = false;
        return;
      case 'nics':
        this.#nics = nicsOf(wanted);
        return;
      case 'pause':
        this.#process = 'paused';
        return;
      case 'continue':
        this.#process = 'running';
        return;
      case 'power-off':
        this.#process = null;
        return;
      case 'done':
        return;
    }
  }

  #powerOffMs({ run, ...wanted }: ServerWanted): number {
    const isDeaf = isNamed({ run, ...wanted }, 'sim-ignores-power') || this.#process === 'paused';
    return isDeaf ? run.graceMs : Math.min(run.graceMs, this.#world.shutdownMs);
  }

  #misbehave(wanted: ServerWanted, step: ServerStep): void {
    if (step !== 'done') return;
    if (isNamed(wanted, 'sim-leaves-password')) this.password ||= 'encrypted';
    if (isNamed(wanted, 'sim-crashes')) this.processEnd('crashed');
    if (isNamed(wanted, 'sim-shuts-down')) this.processEnd('guest-shutdown');
  }

  async #take(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#world.clock.sleep(delayMs, this.#interrupt.signal);
    else await Promise.resolve();
  }

  #report(): void {
    if (!this.#isGone) this.#world.report(this.actual);
  }
}

const disksOf = ({ disks }: ServerWanted): string =>
  disks.map(({ id, revision, sizeMib }) => `${id}:${revision}:${sizeMib}`).join();
const nicsOf = ({ nics }: ServerWanted): string =>
  nics
    .map(({ portId }) => portId)
    .toSorted()
    .join();
