import type { Report } from './api.ts';

const keyOf = (report: Report): string => {
  switch (report.kind) {
    case 'server':
      return `server ${report.server.id}`;
    case 'server-gone':
      return `server ${report.id}`;
    case 'document':
      return `${report.of} ${report.id}`;
    case 'snapshot':
      return `snapshot ${report.snapshot.id}`;
    case 'synced':
      return 'synced';
  }
};

/**
 * Hands reports to any number of watchers. A watcher that reads slowly loses intermediate states, never the newest one
 * of a thing, so what waits for it is bounded by the number of things.
 */
export class ReportHub {
  readonly #watchers = new Set<Watcher>();
  /** Everything that is, at this moment. */
  readonly #snapshot: () => Iterable<Report>;

  constructor(snapshot: () => Iterable<Report>) {
    this.#snapshot = snapshot;
  }

  publish(report: Report): void {
    for (const watcher of this.#watchers) watcher.push(report);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Report> {
    if (signal.aborted) return;
    const watcher = new Watcher();
    const end = (): void => watcher.end(null);
    signal.addEventListener('abort', end, { once: true });
    this.#watchers.add(watcher);
    try {
      for (const report of this.#snapshot()) watcher.push(report);
      watcher.push({ kind: 'synced' });
      for (;;) {
        const report = await watcher.next();
        if (report === null) return;
        yield report;
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', end);
    }
  }

  /** Ends every watch; with an error, as a lost connection would. */
  end(error: Error | null): void {
    for (const watcher of this.#watchers) watcher.end(error);
  }
}

class Watcher {
  readonly #pending = new Map<string, Report>();
  #ended: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;

  push(report: Report): void {
    const key = keyOf(report);
    this.#pending.delete(key);
    this.#pending.set(key, report);
    this.#wake?.();
  }

  end(error: Error | null): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  async next(): Promise<Report | null> {
    for (;;) {
      if (this.#ended !== null) {
        if (this.#ended.error !== null) throw this.#ended.error;
        return null;
      }
      const [first] = this.#pending;
      if (first !== undefined) {
        this.#pending.delete(first[0]);
        return first[1];
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }
}
