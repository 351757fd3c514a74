import type { CellTx } from './server.store.ts';

/** What a user asked of a server, and how it went: the API's instance actions. */
export interface ActionNew {
  readonly id: string;
  /** Null: nothing is done in the background. */
  readonly eventId: string | null;
  readonly serverId: string;
  readonly requestId: string;
  readonly action: string;
  /** `compute_stop_instance` and the like: names that operators' scripts know. */
  readonly event: string;
  readonly userId: string;
  readonly projectId: string;
  readonly host: string | null;
  readonly now: number;
}

export async function actionStart(tx: CellTx, action: ActionNew): Promise<void> {
  await tx
    .insertInto('instance_action')
    .values({
      id: action.id,
      server_id: action.serverId,
      request_id: action.requestId,
      action: action.action,
      user_id: action.userId,
      project_id: action.projectId,
      started_at: action.now,
      updated_at: action.now,
      finished_at: action.eventId === null ? action.now : null,
      message: null,
    })
    .execute();
  if (action.eventId === null) return;
  await tx
    .insertInto('instance_action_event')
    .values({
      id: action.eventId,
      action_id: action.id,
      event: action.event,
      host: action.host,
      started_at: action.now,
      finished_at: null,
      result: null,
      traceback: null,
      details: null,
    })
    .execute();
}

export interface ActionRef {
  readonly actionId: string;
  readonly eventId: string;
}

/** `error` is null for success. Repeatable: the first end counts. */
export async function actionEnd(
  tx: CellTx,
  { actionId, eventId }: ActionRef,
  end: { readonly now: number; readonly error: string | null; readonly host: string | null },
): Promise<void> {
  await tx
    .updateTable('instance_action_event')
    .set({
      finished_at: end.now,
      result: end.error === null ? 'Success' : 'Error',
      traceback: end.error,
      details: end.error,
      ...(end.host !== null && { host: end.host }),
    })
    .where('id', '=', eventId)
    .where('finished_at', 'is', null)
    .execute();
  await tx
    .updateTable('instance_action')
    .set({
      finished_at: end.now,
      updated_at: end.now,
      message: end.error === null ? null : 'Error',
    })
    .where('id', '=', actionId)
    .where('finished_at', 'is', null)
    .execute();
}

/** What was marked as ended goes on: the task that ended it is undone. */
export async function actionReopen(tx: CellTx, { actionId, eventId }: ActionRef): Promise<void> {
  await tx
    .updateTable('instance_action_event')
    .set({ finished_at: null, result: null, traceback: null, details: null })
    .where('id', '=', eventId)
    .execute();
  await tx
    .updateTable('instance_action')
    .set({ finished_at: null, message: null })
    .where('id', '=', actionId)
    .execute();
}
