import { sql } from 'kysely';
import { flag } from '../kernel/db.ts';
import { taskInsert } from '../kernel/task.ts';
import { actionStart } from './action.store.ts';
import type { Parts } from './woken-reconciler.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ServerDeleteInput } from './server-delete.task.ts';
import { faultInsert } from './server-fault.ts';
import type { ServerRow } from './server.model.ts';
import { serverUpdate, type CellTx } from './server.store.ts';

/**
 * Servers in the middle of something that no task goes on with. A change and its task are one transaction, so this is
 * only found after a fault of ours or somebody's hand in the database.
 */
export async function strandedRelease(world: ComputeWorld, parts: Parts): Promise<void> {
  for (const { id } of await world.cell.read(strandedFind)) {
    parts.log.warning('a server was stranded in the middle of something', { serverId: id });
    await world.cell.write(async (tx) => {
      const server = (await strandedFind(tx)).find((one) => one.id === id);
      if (server === undefined) return;
      if (server.task_state === 'deleting') await deleteAgain(tx, server, parts);
      else await letGo(tx, server, parts);
    });
    world.tasks.wake();
  }
}

const strandedFind = (tx: CellTx): Promise<ServerRow[]> =>
  tx
    .selectFrom('server')
    .selectAll()
    .where('deleted', '=', flag(false))
    .where('task_state', 'is not', null)
    .where(sql<boolean>`not exists (
      select 1 from task
      where task.subject = server.id and task.state in ('queued', 'running', 'undoing'))`)
    .execute();

async function letGo(tx: CellTx, server: ServerRow, { clock, ids }: Parts): Promise<void> {
  const now = clock.now();
  const isBuilding = server.vm_state === 'building';
  await serverUpdate(
    tx,
    server.id,
    { taskStates: [server.task_state] },
    { task_state: null, ...(isBuilding && { vm_state: 'error' }), updated_at: now },
  );
  if (!isBuilding) return;
  const message = `Build of instance ${server.id} aborted: nothing goes on with it.`;
  const fault = { code: 500, message, details: message };
  await faultInsert(tx, ids, { ...fault, serverId: server.id, host: server.host, now });
}

async function deleteAgain(
  tx: Parameters<typeof taskInsert>[0] & CellTx,
  server: ServerRow,
  { clock, ids }: Parts,
): Promise<void> {
  const now = clock.now();
  const requestId = `req-${ids.uuid()}`;
  const input: ServerDeleteInput = {
    serverId: server.id,
    actionId: ids.uuid(),
    eventId: ids.uuid(),
    userId: server.user_id,
  };
  await actionStart(tx, {
    id: input.actionId,
    eventId: input.eventId,
    serverId: server.id,
    requestId,
    action: 'delete',
    event: 'compute_terminate_instance',
    userId: server.user_id,
    projectId: server.project_id,
    host: server.host,
    now,
  });
  await taskInsert(tx, {
    id: ids.uuid(),
    kind: 'server-delete',
    subject: server.id,
    input,
    requestId,
    now,
  });
}
