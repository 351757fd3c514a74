import type { Clock } from './clock.ts';
import type { Ids } from './ids.ts';
import type { Log } from './log.ts';
import { flag, type Tx } from './db.ts';
import type { KernelTables } from './tables.ts';

/** What a step works with. */
export interface Act<World, Input> {
  readonly world: World;
  readonly input: Input;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly requestId: string;
  /** Aborted when the task is cancelled or this process stops; a waiting step then throws. */
  readonly signal: AbortSignal;
  /** Waits for what others do (an agent, a guest); meanwhile another task may have the place of this one. */
  readonly wait: <T>(work: Promise<T>) => Promise<T>;
}

/**
 * One step of a long task. Both halves must be safe to run twice and to run after half of themselves: a crash can
 * fall between doing and recording. The step that failed is undone too.
 */
export interface Step<World, Input> {
  readonly name: string;
  run(act: Act<World, Input>): Promise<void>;
  undo?(act: Act<World, Input>): Promise<void>;
}

export interface TaskKind<World, Input> {
  /** `server-create`; with a version when the steps of tasks already journaled would no longer fit. */
  readonly kind: string;
  readonly steps: readonly Step<World, Input>[];
  /** After the last undo: tells the subject that it failed. Repeatable. */
  failed?(act: Act<World, Input>, error: unknown): Promise<void>;
}

export interface TaskNew {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly input: unknown;
  readonly requestId: string;
  readonly now: number;
}

/** Part of the transaction that makes the change the task belongs to; wake the runner after it. */
export async function taskInsert(tx: Tx<KernelTables>, task: TaskNew): Promise<void> {
  await tx
    .insertInto('task')
    .values({
      id: task.id,
      kind: task.kind,
      subject: task.subject,
      input: JSON.stringify(task.input),
      state: 'queued',
      journal: '[]',
      cancelled: flag(false),
      error: null,
      request_id: task.requestId,
      created_at: task.now,
      updated_at: task.now,
    })
    .execute();
}

/** Marks every unfinished task of the subject as cancelled: it ends at its next step and is undone. */
export async function taskCancel(
  tx: Tx<KernelTables>,
  subject: string,
  now: number,
): Promise<void> {
  await tx
    .updateTable('task')
    .set({ cancelled: flag(true), updated_at: now })
    .where('subject', '=', subject)
    .where('state', 'in', ['queued', 'running'])
    .execute();
}

/** True while a task of the subject is not finished. */
export async function taskPending(tx: Tx<KernelTables>, subject: string): Promise<boolean> {
  const found = await tx
    .selectFrom('task')
    .select('id')
    .where('subject', '=', subject)
    .where('state', 'in', ['queued', 'running', 'undoing'])
    .executeTakeFirst();
  return found !== undefined;
}
