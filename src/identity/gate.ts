import { unavailable } from '../kernel/errors.ts';

/** How many may wait for their turn before we say that we are busy. */
const waitersLimit = 200;

/** Lets so many through at one time, first come, first served. */
export class Gate {
  #inside = 0;
  readonly #waiters: (() => void)[] = [];

  async enter(limit: number): Promise<void> {
    if (this.#inside < limit) {
      this.#inside++;
      return;
    }
    if (this.#waiters.length >= waitersLimit) {
      throw unavailable('Too many log-ins at one time. Try again later.', {
        headers: { 'Retry-After': '5' },
      });
    }
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Whoever waits longest takes the place over: the number inside stays. */
  leave(): void {
    const next = this.#waiters.shift();
    if (next === undefined) this.#inside--;
    else next();
  }
}
