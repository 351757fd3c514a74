/**
 * Keeps the documents of one kind in force: durable first, then put in force, again after a failure until it works.
 * Changes of one document are carried out one after the other, those of different documents side by side.
 */
import type { Clock } from '../../kernel/clock.ts';
import { causesOf } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { AgentError } from '../api.ts';
import { agentErrorOf } from '../failure.ts';
import { documentsOpen, type Stored } from './documents.ts';
import type { DocumentActual, DocumentKind } from './host-network.ts';
import { turnsOpen } from './turns.ts';

export interface KeeperOptions<Wanted> {
  readonly of: DocumentKind;
  readonly directory: string;
  /** Makes the kernel be as the document says; compares first, so it can be repeated at any time. */
  readonly apply: (wanted: Wanted) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  readonly report: (document: DocumentActual) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Keeper<Wanted> {
  /** Puts every stored document in force; one that fails is tried again later and holds up no other. */
  start(): Promise<void>;
  stop(): Promise<void>;
  put(id: string, stored: Stored<Wanted>): Promise<void>;
  delete(id: string): Promise<void>;
  get(id: string): Wanted | null;
  all(): Wanted[];
  documents(): DocumentActual[];
  /** Puts a document in force again because what it stands on has changed. */
  renew(id: string): void;
  /** Runs work on one document between its changes. */
  alone<T>(id: string, work: () => Promise<T>): Promise<T>;
}

interface Actual {
  digest: string | null;
  error: AgentError | null;
}

const retryMs = 2_000;

export async function keeperOpen<Wanted extends { readonly id: string }>(
  options: KeeperOptions<Wanted>,
): Promise<Keeper<Wanted>> {
  const { of } = options;
  const documents = await documentsOpen<Wanted>(options.directory);
  const actual = new Map<string, Actual>();
  const turns = turnsOpen();
  const retry = retryOpen(options, enforceFailed);
  return {
    async start() {
      await Promise.all([...documents.all().keys()].map(enforceLater));
    },
    async stop() {
      retry.stop();
      await turns.settled();
    },
    put: (id, stored) =>
      turns.alone(id, async () => {
        const isSame = documents.all().get(id)?.digest === stored.digest;
        const isInForce =
          actual.get(id)?.digest === stored.digest && actual.get(id)?.error === null;
        if (isSame && isInForce) return;
        await documents.put(id, stored);
        await enforce(id);
      }),
    delete: (id) =>
      turns.alone(id, async () => {
        await documentRemove(options, actual, id);
        await documents.delete(id);
        actual.delete(id);
        options.report({ of, id, digest: null, error: null });
      }),
    get: (id) => documents.all().get(id)?.wanted ?? null,
    all: () => [...documents.all().values()].map(({ wanted }) => wanted),
    documents: () => [...documents.all().keys()].map(actualOf),
    renew: (id) => void enforceLater(id),
    alone: (id, work) => turns.alone(id, work),
  };

  function actualOf(id: string): DocumentActual {
    return { of, id, ...(actual.get(id) ?? { digest: null, error: null }) };
  }

  async function enforce(id: string): Promise<void> {
    const stored = documents.all().get(id);
    if (stored === undefined) return;
    try {
      await options.apply(stored.wanted);
      actual.set(id, { digest: stored.digest, error: null });
    } catch (error) {
      const digest = actual.get(id)?.digest ?? null;
      actual.set(id, { digest, error: agentErrorOf(error) });
      options.log.error(`the ${of} is not in force`, { id, causes: causesOf(error) });
      retry.wake();
      throw error;
    } finally {
      options.report(actualOf(id));
    }
  }

  async function enforceLater(id: string): Promise<void> {
    // The failure is reported and logged, and tried again.
    await turns.alone(id, () => enforce(id)).catch(() => {});
  }

  async function enforceFailed(): Promise<boolean> {
    const failed = (): string[] =>
      [...actual].filter(([, { error }]) => error !== null).map(([id]) => id);
    await Promise.all(failed().map(enforceLater));
    return failed().length === 0;
  }
}

/** What was half removed is not in force any more: whoever wants it again gets it whole. */
async function documentRemove<Wanted>(
  { of, remove, report }: KeeperOptions<Wanted>,
  actual: Map<string, Actual>,
  id: string,
): Promise<void> {
  try {
    await remove(id);
  } catch (error) {
    const known = actual.get(id);
    if (known !== undefined) {
      const failed = { ...known, error: agentErrorOf(error) };
      actual.set(id, failed);
      report({ of, id, ...failed });
    }
    throw error;
  }
}

interface Retry {
  wake(): void;
  stop(): void;
}

/** Repeats `work` at a pace until it answers that nothing is left to do. */
function retryOpen({ clock }: { readonly clock: Clock }, work: () => Promise<boolean>): Retry {
  const stopped = new AbortController();
  let isRunning = false;
  let isWoken = false;
  return {
    wake() {
      isWoken = true;
      if (!isRunning) void run();
    },
    stop: () => stopped.abort(),
  };

  async function run(): Promise<void> {
    isRunning = true;
    while (isWoken && !stopped.signal.aborted) {
      await clock.sleep(retryMs, stopped.signal);
      isWoken = false;
      if (!stopped.signal.aborted && !(await work())) isWoken = true;
    }
    isRunning = false;
  }
}
