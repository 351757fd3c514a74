import { flag } from '../kernel/db.ts';
import type { Act as TaskAct } from '../kernel/task.ts';
import { actionEnd, actionReopen } from './action.store.ts';
import type { CellTables, ComputeWorld } from './compute.world.ts';
import type { Tx } from '../kernel/db.ts';
import type { ActInput, ServerEdit } from './server-act.ts';
import { faultInsert, faultOf } from './server-fault.ts';
import type { ServerRow } from './server.model.ts';
import { serverFind, serverUpdate } from './server.store.ts';

type EndingAct = Pick<
  TaskAct<ComputeWorld, ActInput>,
  'world' | 'input' | 'clock' | 'ids' | 'requestId'
>;

/** Marks the act as done. Repeatable: the second time the server is no longer in its task state. */
export async function actDone(
  { world, input, clock }: EndingAct,
  edit: ServerEdit,
  more: (tx: Tx<CellTables>, server: ServerRow) => Promise<void> = async () => {},
): Promise<void> {
  const now = clock.now();
  await world.cell.write(async (tx) => {
    const server = await serverUpdate(
      tx,
      input.serverId,
      { taskStates: [input.taskState] },
      { ...edit, task_state: null, updated_at: now },
    );
    if (server === null) return;
    await more(tx, server);
    await actionEnd(tx, input, { now, error: null, host: server.host });
  });
}

/** Takes `actDone` back, unless something else has begun since. */
export async function actUndone(
  { world, input, clock }: EndingAct,
  vmState: string,
  before: ServerEdit,
): Promise<void> {
  await world.cell.write(async (tx) => {
    if (await isOvertaken(tx, input)) return;
    const server = await serverUpdate(
      tx,
      input.serverId,
      { vmStates: [vmState], taskStates: [null] },
      { ...before, task_state: input.taskState, updated_at: clock.now() },
    );
    if (server !== null) await actionReopen(tx, input);
  });
}

/**
 * Marks the act as failed: its action always, the server only while it still belongs to this task and not to one that
 * came after it.
 */
export async function actFailed(
  { world, input, clock, ids }: EndingAct,
  error: unknown,
  edit: (server: ServerRow) => ServerEdit,
): Promise<void> {
  const now = clock.now();
  const fault = faultOf(error);
  await world.cell.write(async (tx) => {
    const server = await serverFind(tx, input.serverId);
    if (server === null) return;
    await actionEnd(tx, input, { now, error: fault.message, host: server.host });
    if (server.task_state !== input.taskState || (await isOvertaken(tx, input))) return;
    await faultInsert(tx, ids, { ...fault, serverId: server.id, host: server.host, now });
    await serverUpdate(tx, server.id, {}, { ...edit(server), task_state: null, updated_at: now });
  });
}

/** A later task of the server has what this one would change. */
export async function isOvertaken(
  tx: Tx<CellTables>,
  { serverId, taskId }: ActInput,
): Promise<boolean> {
  const later = await tx
    .selectFrom('task')
    .select('id')
    .where('subject', '=', serverId)
    .where('id', '>', taskId)
    .where('state', 'in', ['queued', 'running'])
    .where('cancelled', '=', flag(false))
    .executeTakeFirst();
  return later !== undefined;
}
