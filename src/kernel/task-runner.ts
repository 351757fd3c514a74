import type { Clock } from './clock.ts';
import { flag, type Db } from './db.ts';
import { causesOf, Failure } from './errors.ts';
import type { Ids } from './ids.ts';
import { leaseAssert, type Lease } from './lease.ts';
import type { Log } from './log.ts';
import { Waker } from './reconciler.ts';
import type { KernelTables, TaskTable } from './tables.ts';
import type { Act, Step, TaskKind } from './task.ts';

type Candidate = Pick<TaskTable, 'id' | 'subject'>;

export interface TaskRunnerOptions<World> {
  readonly db: Db<KernelTables>;
  readonly world: World;
  // oxlint-disable-next-line typescript/no-explicit-any -- the journal holds inputs of every kind side by side
  readonly kinds: readonly TaskKind<World, any>[];
  readonly leaseName: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

const concurrency = 64;
const retryMs = 500;
const retryMaxMs = 10_000;
const sweepMs = 5_000;

/**
 * Runs the journaled tasks of one database under its lease: first those a former holder left in the middle. Tasks of
 * one subject run in order, tasks of different subjects side by side. An `unavailable` step (the agent does not answer)
 * is tried again for as long as it takes; any other failure undoes what was done, in reverse.
 */
export class TaskRunner<World> {
  readonly #options: TaskRunnerOptions<World>;
  readonly #waker = new Waker();
  /** By subject: the task that runs now, and the way to interrupt it. */
  readonly #busy = new Map<string, { readonly id: string; readonly abort: AbortController }>();
  /** How many of them only wait: a host that is away must not keep the tasks of others from running. */
  #waiting = 0;
  #isFull = false;
  /** Found in the database and not begun: it is looked into again when these are used up. */
  #found: Candidate[] = [];

  constructor(options: TaskRunnerOptions<World>) {
    this.#options = options;
  }

  wake = (): void => this.#waker.wake();

  /** After `taskCancel`: lets a step that waits learn of it at once. A task that was not cancelled goes on. */
  cancelled(subject: string): void {
    this.wake();
    void this.#interrupt(subject).catch(() => {});
  }

  async #interrupt(subject: string): Promise<void> {
    const busy = this.#busy.get(subject);
    if (busy !== undefined && (await this.#isCancelled(busy.id))) busy.abort.abort();
  }

  async #wait<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    if (this.#isFull) this.wake();
    try {
      return await work;
    } finally {
      this.#waiting--;
    }
  }

  async run(lease: Lease): Promise<void> {
    const { clock, log } = this.#options;
    const running = new Set<Promise<void>>();
    this.#found = [];
    // What came while another held the lease, or woke this process as it lost it, is here.
    this.wake();
    while (!lease.lost.aborted) {
      await this.#waker.wait(clock, sweepMs, lease.lost);
      if (lease.lost.aborted) break;
      for (let isLookedInto = false; ;) {
        this.#isFull = this.#busy.size - this.#waiting >= concurrency;
        if (this.#isFull) break;
        const task = this.#found.shift();
        if (task === undefined) {
          if (isLookedInto) break;
          this.#found = await this.#runnable();
          isLookedInto = true;
          continue;
        }
        const abort = new AbortController();
        this.#busy.set(task.subject, { id: task.id, abort });
        const one = this.#one(task, lease, AbortSignal.any([abort.signal, lease.lost]))
          .catch(async (error: unknown) => {
            log.error('a task stopped in the middle', { task: task.id, causes: causesOf(error) });
            await this.#wait(clock.sleep(retryMaxMs, lease.lost));
          })
          .finally(() => {
            this.#busy.delete(task.subject);
            running.delete(one);
            this.wake();
          });
        running.add(one);
      }
    }
    await Promise.all(running);
  }

  /**
   * The first unfinished task of every subject that nobody works on. It may have ended since it was read. Whoever cancels
   * a task may be another process: this is where that is learned of.
   */
  async #runnable(): Promise<Candidate[]> {
    const unfinished = await this.#options.db.read((tx) =>
      tx
        .selectFrom('task')
        .select(['id', 'subject', 'cancelled'])
        .where('state', 'in', ['queued', 'running', 'undoing'])
        .orderBy('id')
        .limit(1_000 + this.#busy.size)
        .execute(),
    );
    for (const { id, subject, cancelled } of unfinished) {
      const busy = this.#busy.get(subject);
      if (cancelled === flag(true) && busy?.id === id) busy.abort.abort();
    }
    const seen = new Set(this.#busy.keys());
    return unfinished.filter(({ subject }) => {
      if (seen.has(subject)) return false;
      seen.add(subject);
      return true;
    });
  }

  async #one({ id }: Candidate, lease: Lease, signal: AbortSignal): Promise<void> {
    const row = await this.#options.db.read((tx) =>
      tx.selectFrom('task').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    );
    if (row.state === 'done' || row.state === 'failed') return;
    const kind = this.#options.kinds.find(({ kind: name }) => name === row.kind);
    if (kind === undefined) throw new Error(`task ${row.id} is of the unknown kind ${row.kind}`);
    const { world, clock, ids, log } = this.#options;
    const act: Act<World, unknown> = {
      world,
      input: JSON.parse(row.input) as unknown,
      clock,
      ids,
      log: log.with({ task: row.kind, subject: row.subject, requestId: row.request_id }),
      requestId: row.request_id,
      signal,
      wait: (work) => this.#wait(work),
    };
    const done = JSON.parse(row.journal) as string[];
    let failure: unknown = row.error === null ? null : new Error(row.error);
    if (row.state !== 'undoing') {
      failure = await this.#forward(row, kind, act, done, lease);
      if (failure === null) return;
      if (lease.lost.aborted) return;
      await this.#record(row.id, lease, { state: 'undoing', error: errorText(failure) });
    }
    const undo: Act<World, unknown> = { ...act, signal: lease.lost };
    await this.#backward(row, kind, undo, done, lease);
    await this.#insist(lease, () => kind.failed?.(undo, failure) ?? Promise.resolve());
    await this.#record(row.id, lease, { state: 'failed' });
    act.log.info('task failed and was undone', { causes: causesOf(failure) });
  }

  /** Null when every step is done, else what went wrong. Throws when the journal could not be written. */
  async #forward(
    row: TaskTable,
    { steps }: TaskKind<World, unknown>,
    act: Act<World, unknown>,
    done: string[],
    lease: Lease,
  ): Promise<unknown> {
    let isCancelled = row.cancelled === flag(true);
    for (const step of steps) {
      if (done.includes(step.name)) continue;
      try {
        assertWanted(isCancelled, act.signal);
        await this.#insistWhileUnavailable(row.id, act, step);
      } catch (error) {
        return error ?? new Error('a step failed without a reason');
      }
      done.push(step.name);
      const isLast = step === steps.at(-1);
      isCancelled = await this.#record(row.id, lease, {
        state: isLast ? 'done' : 'running',
        journal: JSON.stringify(done),
      });
    }
    if (steps.every(({ name }) => done.includes(name))) {
      await this.#record(row.id, lease, { state: 'done' });
    }
    return null;
  }

  async #backward(
    row: TaskTable,
    { steps }: TaskKind<World, unknown>,
    act: Act<World, unknown>,
    done: readonly string[],
    lease: Lease,
  ): Promise<void> {
    const firstUndone = steps.findIndex(({ name }) => !done.includes(name));
    // Steps behind the failed one never ran; the failed one may have had half of its effect.
    const touched = firstUndone === -1 ? steps : steps.slice(0, firstUndone + 1);
    const left = done.filter((name) => touched.some((step) => step.name === name));
    for (const step of touched.toReversed()) {
      await this.#insist(lease, () => step.undo?.(act) ?? Promise.resolve());
      const at = left.indexOf(step.name);
      if (at === -1) continue;
      left.splice(at, 1);
      await this.#record(row.id, lease, { journal: JSON.stringify(left) });
    }
  }

  async #insistWhileUnavailable(
    id: string,
    act: Act<World, unknown>,
    step: Step<World, unknown>,
  ): Promise<void> {
    for (let waitMs = retryMs; ; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        return await step.run(act);
      } catch (error) {
        if (!(error instanceof Failure) || error.kind !== 'unavailable' || act.signal.aborted)
          throw error;
        act.log.info('a step waits for what is not available', {
          step: step.name,
          error: error.message,
        });
        await this.#wait(act.clock.sleep(waitMs, act.signal));
        assertWanted(await this.#isCancelled(id), act.signal);
      }
    }
  }

  /** Undoing must succeed in the end: there is nothing to fall back to. */
  async #insist(lease: Lease, work: () => Promise<void>): Promise<void> {
    for (let waitMs = retryMs; ; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        return await work();
      } catch (error) {
        if (lease.lost.aborted) throw error;
        this.#options.log.warning('an undo failed and will be tried again', {
          causes: causesOf(error),
        });
        await this.#wait(this.#options.clock.sleep(waitMs, lease.lost));
        if (lease.lost.aborted) throw error;
      }
    }
  }

  async #isCancelled(id: string): Promise<boolean> {
    const row = await this.#options.db.read((tx) =>
      tx.selectFrom('task').select('cancelled').where('id', '=', id).executeTakeFirst(),
    );
    return row?.cancelled === flag(true);
  }

  /** Tells whether the task was cancelled by now. */
  async #record(id: string, lease: Lease, change: Partial<TaskTable>): Promise<boolean> {
    const { db, clock, leaseName } = this.#options;
    return db.write(async (tx) => {
      await leaseAssert(tx, leaseName, lease.epoch);
      const { cancelled } = await tx
        .updateTable('task')
        .set({ ...change, updated_at: clock.now() })
        .where('id', '=', id)
        .returning('cancelled')
        .executeTakeFirstOrThrow();
      return cancelled === flag(true);
    });
  }
}

function assertWanted(isCancelled: boolean, signal: AbortSignal): void {
  if (isCancelled) throw new Failure('conflict', 'The operation was cancelled.');
  if (signal.aborted) throw new Failure('unavailable', 'The operation was interrupted.');
}

const errorText = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
