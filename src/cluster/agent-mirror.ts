/**
 * What every host's agent last reported, in memory: one watch per host, opened again with back-off when it breaks.
 * While a host is not connected its last known state stays, marked as not current; after a new connection the state is
 * replaced in one step, so nobody sees a thing vanish that only was not reported yet.
 */
import type { AgentError, Report, ServerActual, SnapshotActual } from '../agent/api.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Host, Hosts } from './port.ts';

export type DocumentOf = Extract<Report, { kind: 'document' }>['of'];

export interface DocumentSeen {
  readonly of: DocumentOf;
  readonly id: string;
  readonly digest: string | null;
  readonly error: AgentError | null;
}

export interface HostMirror {
  readonly host: string;
  /** False before the first report is complete and while the connection is lost. */
  readonly isCurrent: boolean;
  /** When the connection was lost; null while it is there or never was. */
  readonly lostAt: number | null;
  readonly servers: ReadonlyMap<string, ServerActual>;
  readonly snapshots: ReadonlyMap<string, SnapshotActual>;
  document(of: DocumentOf, id: string): DocumentSeen | null;
  documents(): Iterable<DocumentSeen>;
}

export type MirrorChange =
  | { readonly kind: 'server'; readonly host: string; readonly id: string }
  | {
      readonly kind: 'document';
      readonly host: string;
      readonly of: DocumentOf;
      readonly id: string;
    }
  | { readonly kind: 'snapshot'; readonly host: string; readonly id: string }
  /** A host became current or ceased to be: anything of it may have changed. */
  | { readonly kind: 'host'; readonly host: string };

export interface AgentMirror {
  /** Null for a host that is no member. */
  host(name: string): HostMirror | null;
  hosts(): readonly HostMirror[];
  /** Returns the function that ends the subscription. */
  onChange(listener: (change: MirrorChange) => void): () => void;
  /** Looks at once whether hosts came or went, rather than within a second. */
  refresh(): void;
}

export interface AgentMirrorOptions {
  readonly hosts: Hosts;
  readonly clock: Clock;
  readonly log: Log;
  readonly stop: AbortSignal;
}

const membersEveryMs = 1_000;
const backOffMaxMs = 5_000;

export function agentMirrorOpen(options: AgentMirrorOptions): AgentMirror {
  const watched = new Map<string, Watched>();
  const listeners = new Set<(change: MirrorChange) => void>();
  const publish = (change: MirrorChange): void => {
    for (const listener of listeners) listener(change);
  };
  const refresh = (): void => {
    for (const host of options.hosts.list()) {
      const known = watched.get(host.name);
      if (known?.of === host) continue;
      known?.end();
      watched.set(host.name, new Watched(host, options, publish));
    }
    for (const [name, one] of watched) {
      if (options.hosts.get(name) !== null) continue;
      one.end();
      watched.delete(name);
      publish({ kind: 'host', host: name });
    }
  };
  const membership = async (): Promise<void> => {
    while (!options.stop.aborted) {
      refresh();
      await options.clock.sleep(membersEveryMs, options.stop);
    }
  };
  void membership();
  return {
    host: (name) => watched.get(name) ?? null,
    hosts: () => [...watched.values()],
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    refresh,
  };
}

interface Seen {
  readonly servers: Map<string, ServerActual>;
  readonly snapshots: Map<string, SnapshotActual>;
  readonly documents: Map<string, DocumentSeen>;
}

const seenNothing = (): Seen => ({
  servers: new Map(),
  snapshots: new Map(),
  documents: new Map(),
});

class Watched implements HostMirror {
  readonly host: string;
  readonly of: Host;
  isCurrent = false;
  lostAt: number | null = null;
  #seen = seenNothing();
  readonly #end = new AbortController();
  readonly #options: AgentMirrorOptions;
  readonly #publish: (change: MirrorChange) => void;

  constructor(host: Host, options: AgentMirrorOptions, publish: (change: MirrorChange) => void) {
    this.host = host.name;
    this.of = host;
    this.#options = options;
    this.#publish = publish;
    void this.#follow(AbortSignal.any([this.#end.signal, options.stop]));
  }

  get servers(): ReadonlyMap<string, ServerActual> {
    return this.#seen.servers;
  }
  get snapshots(): ReadonlyMap<string, SnapshotActual> {
    return this.#seen.snapshots;
  }
  document(of: DocumentOf, id: string): DocumentSeen | null {
    return this.#seen.documents.get(`${of} ${id}`) ?? null;
  }
  documents(): Iterable<DocumentSeen> {
    return this.#seen.documents.values();
  }

  end(): void {
    this.#end.abort();
  }

  async #follow(stop: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let failures = 0;
    while (!stop.aborted) {
      try {
        for await (const isSynced of this.#connection(stop)) if (isSynced) failures = 0;
      } catch (error) {
        if (!stop.aborted && failures === 0) {
          log.warning('the watch of a host broke', { host: this.host, error: String(error) });
        }
      }
      if (stop.aborted) return;
      failures++;
      this.#lost();
      await clock.sleep(Math.min(50 * 2 ** failures, backOffMaxMs), stop);
    }
  }

  /** One connection: collects until `synced`, then follows. Yields whether it is past `synced`. */
  async *#connection(stop: AbortSignal): AsyncGenerator<boolean> {
    let collected: Seen | null = seenNothing();
    for await (const report of this.of.agent.watch(stop)) {
      if (report.kind === 'synced') {
        if (collected !== null) this.#seen = collected;
        collected = null;
        this.isCurrent = true;
        this.lostAt = null;
        this.#publish({ kind: 'host', host: this.host });
      } else {
        const change = take(collected ?? this.#seen, report);
        if (collected === null) this.#publish({ ...change, host: this.host });
      }
      yield collected === null;
    }
  }

  #lost(): void {
    if (!this.isCurrent) return;
    this.isCurrent = false;
    this.lostAt = this.#options.clock.now();
    this.#publish({ kind: 'host', host: this.host });
  }
}

type Change =
  | { readonly kind: 'server' | 'snapshot'; readonly id: string }
  | { readonly kind: 'document'; readonly of: DocumentOf; readonly id: string };

function take(seen: Seen, report: Exclude<Report, { kind: 'synced' }>): Change {
  switch (report.kind) {
    case 'server':
      seen.servers.set(report.server.id, report.server);
      return { kind: 'server', id: report.server.id };
    case 'server-gone':
      seen.servers.delete(report.id);
      return { kind: 'server', id: report.id };
    case 'snapshot':
      seen.snapshots.set(report.snapshot.id, report.snapshot);
      return { kind: 'snapshot', id: report.snapshot.id };
    case 'document': {
      const { of, id, digest, error } = report;
      if (digest === null && error === null) seen.documents.delete(`${of} ${id}`);
      else seen.documents.set(`${of} ${id}`, { of, id, digest, error });
      return { kind: 'document', of, id };
    }
  }
}
