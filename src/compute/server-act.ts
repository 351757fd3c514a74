import type { Updateable } from 'kysely';
import type { Context } from '../kernel/context.ts';
import type { Tx } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import { taskCancel, taskInsert } from '../kernel/task.ts';
import { actionStart } from './action.store.ts';
import type { ServerTable } from './compute.tables.ts';
import type { CellTables, ComputeWorld } from './compute.world.ts';
import { lockCheck } from './server-delete.ts';
import { serverFor, serverMissing } from './server-get.ts';
import { hostCheck, type ServerRow } from './server.model.ts';
import { serverFind, serverUpdate } from './server.store.ts';

/** When an act is allowed; what is left out is not asked. */
export interface ActGuard {
  readonly rule: string;
  /** Nova's word in `Cannot 'stop' instance ...`. */
  readonly word: string;
  readonly vmStates?: readonly string[];
  readonly taskStates?: readonly (string | null)[];
  readonly isLockIgnored?: boolean;
  readonly needsHost?: boolean;
  readonly needsLaunch?: boolean;
}

/** An act that goes on in the background as a task. */
export interface Act extends ActGuard {
  /** Names in the list of instance actions and of their events. */
  readonly action: string;
  readonly event: string;
  readonly kind: string;
  /** Null: the server can be seen to be idle while this goes on. */
  readonly taskState: string | null;
  /** Tasks under way are given up for this one. */
  readonly cancelsOthers?: boolean;
}

/** What every such task is told. */
export interface ActInput {
  readonly serverId: string;
  readonly taskId: string;
  readonly actionId: string;
  readonly eventId: string;
  readonly taskState: string | null;
}

export function guardCheck(
  context: Context<ComputeWorld>,
  server: ServerRow,
  guard: ActGuard,
): void {
  if (guard.isLockIgnored !== true) lockCheck(context, server);
  if (guard.needsHost === true) hostCheck(server);
  const wrong = (attribute: string, state: string | null) =>
    conflict(
      `Cannot '${guard.word}' instance ${server.id} while it is in ${attribute} ${state ?? 'None'}`,
    );
  if (guard.vmStates !== undefined && !guard.vmStates.includes(server.vm_state)) {
    throw wrong('vm_state', server.vm_state);
  }
  if (guard.taskStates !== undefined && !guard.taskStates.includes(server.task_state)) {
    throw wrong('task_state', server.task_state);
  }
  if (guard.needsLaunch !== false && server.launched_at === null) {
    throw conflict(`Instance ${server.id} is in an invalid state for '${guard.word}'`);
  }
}

export type ServerEdit = Omit<Updateable<ServerTable>, 'generation' | 'updated_at'> & {
  readonly generation?: 'next';
};

/** A change that is complete when its transaction is. */
export async function serverChange(
  context: Context<ComputeWorld>,
  id: string,
  guard: ActGuard,
  edit: (server: ServerRow, tx: Tx<CellTables>) => Promise<ServerEdit> | ServerEdit,
): Promise<ServerRow> {
  const seen = await serverFor(context, id, guard.rule);
  return context.world.cell.write(async (tx) => {
    const server = await serverFind(tx, seen.id);
    if (server === null) throw serverMissing(id);
    guardCheck(context, server, guard);
    const change = { ...(await edit(server, tx)), updated_at: context.clock.now() };
    return (await serverUpdate(tx, server.id, {}, change)) ?? server;
  });
}

/** A change that a task completes: checked, marked and journaled in one transaction. */
export async function actStart(
  context: Context<ComputeWorld>,
  id: string,
  act: Act,
  begin: (server: ServerRow, tx: Tx<CellTables>) => Promise<Begun> | Begun,
): Promise<ServerRow> {
  const { world, ids, clock, requestId, actor } = context;
  const server = await serverChange(context, id, act, async (found, tx) => {
    const now = clock.now();
    if (act.cancelsOthers === true) await taskCancel(tx, found.id, now);
    const { edit, input } = await begin(found, tx);
    const full: ActInput = {
      serverId: found.id,
      taskId: ids.uuid(),
      actionId: ids.uuid(),
      eventId: ids.uuid(),
      taskState: act.taskState,
      ...input,
    };
    await actionStart(tx, {
      id: full.actionId,
      eventId: full.eventId,
      serverId: found.id,
      requestId,
      action: act.action,
      event: act.event,
      userId: actor.userId,
      projectId: found.project_id,
      host: found.host,
      now,
    });
    await taskInsert(tx, {
      id: full.taskId,
      kind: act.kind,
      subject: found.id,
      input: full,
      requestId,
      now,
    });
    return { ...edit, ...(act.taskState !== null && { task_state: act.taskState }) };
  });
  if (act.cancelsOthers === true) world.tasks.cancelled(server.id);
  world.tasks.wake();
  return server;
}

export interface Begun {
  readonly edit: ServerEdit;
  /** What the task is told besides `ActInput`, or in place of its ids. */
  readonly input: object;
}
