import type { Context } from '../kernel/context.ts';
import { flag, type Tx } from '../kernel/db.ts';
import { Failure, notFound } from '../kernel/errors.ts';
import type { ComputeRegionTables, ServerGroupTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { projectOf } from './project.ts';
import { quotaLimits, serverGroupCount } from './quota.store.ts';

type GroupContext = Context<ComputeWorld>;

export interface ServerGroup {
  readonly row: ServerGroupTable;
  /** Ids of its servers, oldest first. */
  readonly members: readonly string[];
}

const missing = (id: string): Failure => notFound(`Instance group ${id} could not be found.`);

async function withMembers(
  { world }: GroupContext,
  rows: readonly ServerGroupTable[],
): Promise<ServerGroup[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const servers = await world.cell.read((tx) =>
    tx
      .selectFrom('server')
      .select(['id', 'group_id'])
      .where('group_id', 'in', ids)
      .where('deleted', '=', flag(false))
      .orderBy('id')
      .execute(),
  );
  const members = Map.groupBy(servers, ({ group_id }) => group_id);
  return rows.map((row) => ({ row, members: (members.get(row.id) ?? []).map(({ id }) => id) }));
}

export async function serverGroupList(
  context: GroupContext,
  { ofAll, limit, offset }: { ofAll: boolean; limit: number; offset: number },
): Promise<ServerGroup[]> {
  const projectId = projectOf(context);
  context.authorize('os_compute_api:os-server-groups:index', { project_id: projectId });
  if (ofAll) context.authorize('os_compute_api:os-server-groups:index:all_projects');
  const rows = await context.world.region.read((tx) => {
    const query = tx.selectFrom('server_group').selectAll().orderBy('created_at').orderBy('id');
    return (ofAll ? query : query.where('project_id', '=', projectId)).execute();
  });
  return withMembers(context, rows.slice(offset, offset + limit));
}

const groupFind = (
  tx: Tx<ComputeRegionTables>,
  id: string,
): Promise<ServerGroupTable | undefined> =>
  tx.selectFrom('server_group').selectAll().where('id', '=', id).executeTakeFirst();

export async function serverGroupGet(context: GroupContext, id: string): Promise<ServerGroup> {
  const row = await context.world.region.read((tx) => groupFind(tx, id));
  const target = { project_id: row?.project_id };
  if (row === undefined || !context.allows('os_compute_api:os-server-groups:show', target)) {
    throw missing(id);
  }
  const [group] = await withMembers(context, [row]);
  if (group === undefined) throw missing(id);
  return group;
}

export async function serverGroupCreate(
  context: GroupContext,
  wish: Pick<ServerGroupTable, 'name' | 'policy' | 'rules'>,
): Promise<ServerGroup> {
  const project_id = projectOf(context);
  context.authorize('os_compute_api:os-server-groups:create', { project_id });
  const { actor, world, ids, clock } = context;
  const row: ServerGroupTable = {
    ...wish,
    id: ids.uuid(),
    project_id,
    user_id: actor.userId,
    created_at: clock.now(),
  };
  await world.region.write(async (tx) => {
    const owner = { projectId: project_id, userId: actor.userId };
    const { server_groups: limit } = await quotaLimits(tx, owner, world.settings.quotas);
    if (limit >= 0 && (await serverGroupCount(tx, project_id)) >= limit) {
      throw new Failure('over_quota', 'Quota exceeded, too many server groups.');
    }
    await tx.insertInto('server_group').values(row).execute();
  });
  return { row, members: [] };
}

export async function serverGroupDelete(context: GroupContext, id: string): Promise<void> {
  const { row } = await serverGroupGet(context, id);
  context.authorize('os_compute_api:os-server-groups:delete', { project_id: row.project_id });
  await context.world.region.write((tx) =>
    tx.deleteFrom('server_group').where('id', '=', id).execute(),
  );
}
