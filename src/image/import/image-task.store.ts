import { sql, type Selectable } from 'kysely';
import type { Tx } from '../../kernel/db.ts';
import type { ImageTables, ImageTaskTable } from '../image.tables.ts';

export type ImageTask = Selectable<ImageTaskTable>;

/** How long a task can be looked at after its end. */
const rememberedMs = 48 * 3_600_000;

export async function imageTaskInsert(tx: Tx<ImageTables>, task: ImageTask): Promise<void> {
  await tx.insertInto('image_task').values(task).execute();
}

export async function imageTaskSelect(tx: Tx<ImageTables>, id: string): Promise<ImageTask | null> {
  const row = await tx.selectFrom('image_task').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

export async function imageTaskOfImage(tx: Tx<ImageTables>, imageId: string): Promise<ImageTask[]> {
  return tx
    .selectFrom('image_task')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(100)
    .execute();
}

export interface TaskQuery {
  /** Null: of all projects. */
  readonly owner: string | null;
  readonly type: string | null;
  readonly status: string | null;
  readonly direction: 'asc' | 'desc';
  readonly sortKey: 'created_at' | 'updated_at' | 'expires_at' | 'status' | 'type' | 'id';
  readonly marker: string | null;
  readonly limit: number;
}

/** Null: the marker is no task of theirs. */
export async function imageTaskList(
  tx: Tx<ImageTables>,
  { owner, type, status, direction, sortKey, marker, limit }: TaskQuery,
): Promise<ImageTask[] | null> {
  let all = tx.selectFrom('image_task').selectAll();
  if (owner !== null) all = all.where('owner', '=', owner);
  if (type !== null) all = all.where('type', '=', type);
  if (status !== null) all = all.where('status', '=', status as ImageTask['status']);
  if (marker !== null) {
    const last = await all.where('id', '=', marker).executeTakeFirst();
    if (last === undefined) return null;
    const beyond = direction === 'asc' ? '>' : '<';
    const value = last[sortKey] ?? 0;
    all = all.where((eb) =>
      eb.or([
        eb(sortable(sortKey), beyond, value),
        eb.and([eb(sortable(sortKey), '=', value), eb('id', beyond, last.id)]),
      ]),
    );
  }
  const sorted = all.orderBy(sortable(sortKey), direction).orderBy('id', direction);
  return sorted.limit(limit).execute();
}

/** The engines disagree on where null sorts: it is made a value below all others. */
const sortable = (key: TaskQuery['sortKey']) =>
  key === 'expires_at'
    ? sql<string | number>`coalesce(expires_at, 0)`
    : sql.ref<string | number>(key);

export async function imageTaskProgress(
  tx: Tx<ImageTables>,
  id: string,
  message: string,
  now: number,
): Promise<void> {
  await tx
    .updateTable('image_task')
    .set({ status: 'processing', message, updated_at: now })
    .where('id', '=', id)
    .where('status', 'in', ['pending', 'processing'])
    .execute();
}

export async function imageTaskEnd(
  tx: Tx<ImageTables>,
  id: string,
  end: Pick<ImageTask, 'status' | 'message' | 'result'>,
  now: number,
): Promise<void> {
  await tx
    .updateTable('image_task')
    .set({ ...end, updated_at: now, expires_at: now + rememberedMs })
    .where('id', '=', id)
    .where('status', 'in', ['pending', 'processing'])
    .execute();
}

export async function imageTaskForget(tx: Tx<ImageTables>, now: number): Promise<void> {
  await tx.deleteFrom('image_task').where('expires_at', '<', now).execute();
}
