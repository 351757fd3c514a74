import type { Context } from '../kernel/context.ts';
import { conflict } from '../kernel/errors.ts';
import { taskCancel, taskInsert } from '../kernel/task.ts';
import { actionStart } from './action.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ServerDeleteInput } from './server-delete.task.ts';
import { serverFor, serverMissing } from './server-get.ts';
import type { ServerRow } from './server.model.ts';
import { serverFind, serverUpdate } from './server.store.ts';

/** Whatever is under way with the server is cancelled, and undone first. Asking twice is asking once. */
export async function serverDelete(
  context: Context<ComputeWorld>,
  id: string,
  rule = 'os_compute_api:servers:delete',
): Promise<void> {
  const { world, ids, clock, requestId, actor } = context;
  const server = await serverFor(context, id, rule);
  lockCheck(context, server);
  const now = clock.now();
  await world.cell.write(async (tx) => {
    const found = await serverFind(tx, server.id);
    if (found === null) throw serverMissing(id);
    if (found.task_state === 'deleting') return;
    await serverUpdate(tx, server.id, {}, { task_state: 'deleting', updated_at: now });
    await taskCancel(tx, server.id, now);
    const input: ServerDeleteInput = {
      serverId: server.id,
      actionId: ids.uuid(),
      eventId: ids.uuid(),
      userId: actor.userId,
    };
    await actionStart(tx, {
      id: input.actionId,
      eventId: input.eventId,
      serverId: server.id,
      requestId,
      action: 'delete',
      event: 'compute_terminate_instance',
      userId: actor.userId,
      projectId: server.project_id,
      host: found.host,
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
  });
  world.tasks.cancelled(server.id);
}

/** Nova's lock: only administrators pass. */
export function lockCheck(context: Context<ComputeWorld>, server: ServerRow): void {
  if (server.locked_by === null || context.allows('context_is_admin')) return;
  throw conflict(`Instance ${server.id} is locked`);
}
