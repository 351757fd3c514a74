import type { Clock } from './clock.ts';
import { causesOf } from './errors.ts';
import type { Log } from './log.ts';

export interface Reconciler {
  readonly name: string;
  /** Compares what is wanted with what is and mends the difference; takes no input, does the same whoever woke it. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** At the latest so long after the last run. */
  readonly everyMs: number;
}

/** Woken by a signal and by a timer; wakes during a run lead to one more run. */
export class Waker {
  #pending = true;
  #wait = new AbortController();

  wake = (): void => {
    this.#pending = true;
    this.#wait.abort();
  };

  /** Resolves when woken, or after `maxMs`, or when stopped. */
  async wait(clock: Clock, maxMs: number, stop: AbortSignal): Promise<void> {
    if (!this.#pending) await clock.sleep(maxMs, AbortSignal.any([this.#wait.signal, stop]));
    this.#pending = false;
    this.#wait = new AbortController();
  }
}

const backOffMaxMs = 30_000;
const restMaxMs = 500;

export async function reconcilerLoop(
  { name, run, everyMs }: Reconciler,
  waker: Waker,
  { clock, log, stop }: { clock: Clock; log: Log; stop: AbortSignal },
): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    await waker.wait(clock, everyMs, stop);
    if (stop.aborted) return;
    const startedMs = clock.now();
    try {
      await run(stop);
      failures = 0;
      // What was woken for meanwhile is done in one go: a storm of wakes costs a third of the time at most.
      const tookMs = Math.max(0, clock.now() - startedMs);
      if (tookMs > 0) await clock.sleep(Math.min(2 * tookMs, restMaxMs), stop);
    } catch (error) {
      failures++;
      log.warning('a reconciler failed and will try again', { name, causes: causesOf(error) });
      await clock.sleep(Math.min(100 * 2 ** failures, backOffMaxMs), stop);
      waker.wake();
    }
  }
}
