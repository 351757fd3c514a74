import { statfs } from 'node:fs/promises';
import type { Clock } from '../../kernel/clock.ts';
import { diskFull } from './disk-full.ts';

/** Kept free, so that what is on a full disk can still be deleted and its databases can still be written. */
const reserveMaxBytes = 256 << 20;
const reservePart = 0.02;
const lookMs = 1_000;

/** Looks now and then whether a disk has room. */
export class DiskRoom {
  readonly #path: string;
  readonly #clock: Clock;
  #lookedMs = -Infinity;
  #isFull = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Throws `no_capacity` when there is none. */
  async check(): Promise<void> {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lookedMs >= lookMs) {
      this.#lookedMs = nowMs;
      const { bavail, blocks, bsize } = await statfs(this.#path);
      this.#isFull = bavail * bsize < Math.min(reserveMaxBytes, blocks * bsize * reservePart);
    }
    if (this.#isFull) throw diskFull();
  }
}
