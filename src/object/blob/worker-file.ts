import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';

/** A worker that has not been heard of for so long has ended. */
const silentMs = 60_000;
const beatMs = 5_000;
/** What was given up is kept so long at least. */
const graceMs = 60_000;

interface WorkerParts {
  readonly clock: Clock;
  readonly log: Log;
}

interface Beat {
  readonly atMs: number;
  /** Milliseconds at which its longest reader began; null: nobody reads. */
  readonly oldestMs: number | null;
  /** The segment that it appends to. */
  readonly segment: string | null;
  /** It knows the other store that takes the bytes. */
  readonly outside: boolean;
}

/**
 * What a worker tells the one that reclaims space: a file of its own, written every few seconds. Not on the disk before
 * others see it, and need not be: after a power cut there are no readers.
 */
export class WorkerFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #id: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pins = new Set<{ readonly sinceMs: number }>();
  #segment: string | null = null;
  #outside = false;

  constructor(folder: string, id: string, { clock, log }: WorkerParts) {
    this.#folder = join(folder, 'workers');
    this.#id = id;
    this.#path = join(this.#folder, `${id}.json`);
    this.#clock = clock;
    this.#log = log;
    mkdirSync(this.#folder, { recursive: true });
    this.#write();
  }

  /** Tells the others every few seconds. */
  async beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(beatMs, signal);
      if (!signal.aborted) this.#tell();
    }
  }

  close(): void {
    rmSync(this.#path, { force: true });
  }

  pin(): Disposable {
    const pin = { sinceMs: this.#clock.now() };
    this.#pins.add(pin);
    return { [Symbol.dispose]: () => void this.#pins.delete(pin) };
  }

  segmentSet(name: string | null): void {
    this.#segment = name;
    // Nothing goes into a segment of which the others do not know.
    if (name === null) this.#tell();
    else this.#write();
  }

  outsideTell(isKnown: boolean): void {
    if (isKnown === this.#outside) return;
    this.#outside = isKnown;
    this.#tell();
  }

  /** Every worker finds what is in the other store. */
  isOutsideKnown(): boolean {
    return this.#beats().every(({ outside }) => outside);
  }

  /** What was given up before this moment is in nobody's hands. */
  horizonMs(): number {
    const now = this.#clock.now();
    const own = this.#oldestMs() ?? now;
    const beats = this.#beats().filter(({ id }) => id !== this.#id);
    return Math.min(now - graceMs, own, ...beats.flatMap(({ oldestMs }) => oldestMs ?? []));
  }

  /** Segments that take records at this moment. */
  segmentsInUse(): ReadonlySet<string> {
    return new Set(this.#beats().flatMap(({ segment }) => segment ?? []));
  }

  #beats(): (Beat & { readonly id: string })[] {
    const names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    return names.flatMap((name) => {
      const path = join(this.#folder, name);
      try {
        const beat = JSON.parse(readFileSync(path, 'utf8')) as Beat;
        if (this.#clock.now() - beat.atMs <= silentMs) {
          return [{ ...beat, id: name.slice(0, -'.json'.length) }];
        }
        rmSync(path, { force: true });
        return [];
      } catch (error) {
        // Its worker ended between the two calls.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
        throw error;
      }
    });
  }

  #oldestMs(): number | null {
    // In the order in which they came.
    const [oldest] = this.#pins;
    return oldest?.sinceMs ?? null;
  }

  /** On a full disk the others hear of it later: what is there is still served. */
  #tell(): void {
    try {
      this.#write();
    } catch (error) {
      this.#log.warning('a worker could not write its file', { error: String(error) });
    }
  }

  #write(): void {
    const beat: Beat = {
      atMs: this.#clock.now(),
      oldestMs: this.#oldestMs(),
      segment: this.#segment,
      outside: this.#outside,
    };
    writeFileSync(`${this.#path}.new`, JSON.stringify(beat), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}
