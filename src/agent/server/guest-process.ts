/** One process of a server and what it is seen to do: its state, its end, and why it ended. */
import type { Clock } from '../../kernel/clock.ts';
import { processGone, processKill, qemuKill, type QemuProcess } from '../qemu/process.ts';
import type { Qmp } from '../qemu/qmp.ts';
import type { ProcessState } from './converge.ts';

export type EndReason = 'guest-shutdown' | 'crashed';

/**
 * `incoming`: it waits for a memory; `saved`: its memory was written elsewhere; `dead`: it never runs again.
 */
export type Sight = 'alive' | 'incoming' | 'saved' | 'dead';

/** Run states of QEMU; `io-error` is a guest that stopped because its disk could not be written. */
const stateOf: Readonly<Record<string, ProcessState | 'io-error' | Exclude<Sight, 'alive'>>> = {
  running: 'running',
  // The guest sleeps by its own will; it is let run.
  suspended: 'running',
  watchdog: 'running',
  paused: 'paused',
  prelaunch: 'paused',
  postmigrate: 'saved',
  'finish-migrate': 'paused',
  'save-vm': 'paused',
  'restore-vm': 'paused',
  'io-error': 'io-error',
  inmigrate: 'incoming',
  'internal-error': 'dead',
  'guest-panicked': 'dead',
  shutdown: 'dead',
};

const stateEvents = new Set([
  'STOP',
  'RESUME',
  'SUSPEND',
  'WAKEUP',
  'BLOCK_IO_ERROR',
  'GUEST_PANICKED',
]);

export class GuestProcess {
  state: ProcessState = 'paused';
  /** The guest stands still until its disk can be written again. */
  hasIoError = false;
  readonly pid: number;
  readonly qmp: Qmp;
  readonly #clock: Clock;
  readonly #process: QemuProcess;
  /** Resolves when it ended by itself; never after `kill` or `release`. */
  readonly ended: Promise<EndReason>;
  #isOver = false;
  #isGuestShutdown = false;

  /** `onChange`: something happened that may have changed the state. */
  constructor(clock: Clock, process: QemuProcess, onChange: () => void) {
    this.#clock = clock;
    this.#process = process;
    this.pid = process.pid;
    this.qmp = process.qmp;
    this.qmp.onEvent(({ event, data }) => {
      if (event === 'SHUTDOWN') this.#isGuestShutdown = data['guest'] === true;
      if (stateEvents.has(event)) onChange();
    });
    this.ended = new Promise((resolve) => void this.#watch(resolve));
  }

  /** Asks what the guest does now. */
  async look(): Promise<Sight> {
    const { status } = await this.qmp.execute<{ status: string }>('query-status');
    const state = stateOf[status] ?? 'running';
    this.hasIoError = state === 'io-error';
    this.state = state === 'running' ? 'running' : 'paused';
    return state === 'incoming' || state === 'saved' || state === 'dead' ? state : 'alive';
  }

  async pause(): Promise<void> {
    await this.qmp.execute('stop');
    await this.look();
  }

  async continue(): Promise<void> {
    await this.qmp.execute('cont');
    await this.look();
  }

  /** Presses the power button and waits for the end; false: it did not come in time, or the wait was interrupted. */
  async powerOff(graceMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = this.#clock.now() + graceMs;
    if (this.state === 'paused') await this.continue();
    while (!signal.aborted) {
      const leftMs = deadline - this.#clock.now();
      if (leftMs <= 0) return false;
      // A guest that boots does not hear it; Nova presses it every ten seconds as well.
      await this.qmp.execute('system_powerdown').catch(() => {});
      const isClosed = this.qmp.closed.then(() => true);
      const isWaited = this.#clock.sleep(Math.min(leftMs, 10_000), signal).then(() => false);
      if (await Promise.race([isClosed, isWaited])) return true;
    }
    return false;
  }

  async kill(): Promise<void> {
    this.#isOver = true;
    await qemuKill(this.#clock, this.#process);
  }

  /** Leaves it running for the next agent. */
  release(): void {
    this.#isOver = true;
    this.qmp.close();
  }

  async #watch(end: (reason: EndReason) => void): Promise<void> {
    await this.qmp.closed;
    if (this.#isOver) return;
    // A process that closed its monitor and lives on is out of control.
    if (!(await processGone(this.#clock, this.pid, 1000))) {
      this.#isGuestShutdown = false;
      await processKill(this.#clock, this.pid).catch(() => {});
    }
    if (!this.#isOver) end(this.#isGuestShutdown ? 'guest-shutdown' : 'crashed');
  }
}
