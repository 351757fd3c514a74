import type { Tx } from '../kernel/db.ts';
import type { ComputeCellTables, ComputeRegionTables } from './compute.tables.ts';
import type { QuotaLimits } from './compute.world.ts';

interface QuotaOwner {
  readonly projectId: string;
  /** Null: the limits of the whole project. */
  readonly userId: string | null;
}

/** The limits in force: of the user in the project, else of the project, else of the class, else `defaults`. */
export async function quotaLimits(
  tx: Tx<ComputeRegionTables>,
  of: QuotaOwner | null,
  defaults: QuotaLimits,
  className = 'default',
): Promise<QuotaLimits> {
  const ofClass = await tx
    .selectFrom('quota_class_limit')
    .select(['resource', 'hard_limit'])
    .where('class_name', '=', className)
    .execute();
  const limits: Record<string, number> = { ...defaults };
  for (const { resource, hard_limit } of ofClass) limits[resource] = hard_limit;
  if (of === null) return limits as QuotaLimits;
  const own = await tx
    .selectFrom('quota_limit')
    .select(['resource', 'hard_limit'])
    .where('project_id', '=', of.projectId)
    .where('user_id', 'in', of.userId === null ? [''] : ['', of.userId])
    .orderBy('user_id')
    .execute();
  for (const { resource, hard_limit } of own) limits[resource] = hard_limit;
  return limits as QuotaLimits;
}

export interface ServerUsage {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

/** What the servers of a project (or of one user in it) take: counted, never kept, so it cannot drift. */
export async function serverUsage(
  tx: Tx<ComputeCellTables>,
  projectId: string,
  userId: string | null = null,
): Promise<ServerUsage> {
  let query = tx
    .selectFrom('server')
    .select(({ fn }) => [
      fn.countAll<number>().as('instances'),
      fn.sum<number | string | null>('vcpus').as('cores'),
      fn.sum<number | string | null>('ram_mib').as('ram'),
    ])
    .where('project_id', '=', projectId)
    .where('deleted', '=', 0);
  if (userId !== null) query = query.where('user_id', '=', userId);
  const row = await query.executeTakeFirstOrThrow();
  return {
    instances: Number(row.instances),
    cores: Number(row.cores ?? 0),
    ram: Number(row.ram ?? 0),
  };
}

export async function quotaSet(
  tx: Tx<ComputeRegionTables>,
  { projectId, userId }: QuotaOwner,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [resource, hard_limit] of Object.entries(limits)) {
    await tx
      .insertInto('quota_limit')
      .values({ project_id: projectId, user_id: userId ?? '', resource, hard_limit })
      .onConflict((c) =>
        c.columns(['project_id', 'user_id', 'resource']).doUpdateSet({ hard_limit }),
      )
      .execute();
  }
}

/** Of the user, or of the project with all its users. */
export async function quotaRemove(
  tx: Tx<ComputeRegionTables>,
  { projectId, userId }: QuotaOwner,
): Promise<void> {
  let rows = tx.deleteFrom('quota_limit').where('project_id', '=', projectId);
  if (userId !== null) rows = rows.where('user_id', '=', userId);
  await rows.execute();
}

export async function quotaClassSet(
  tx: Tx<ComputeRegionTables>,
  class_name: string,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [resource, hard_limit] of Object.entries(limits)) {
    await tx
      .insertInto('quota_class_limit')
      .values({ class_name, resource, hard_limit })
      .onConflict((c) => c.columns(['class_name', 'resource']).doUpdateSet({ hard_limit }))
      .execute();
  }
}

export async function serverGroupCount(
  tx: Tx<ComputeRegionTables>,
  projectId: string,
): Promise<number> {
  const row = await tx
    .selectFrom('server_group')
    .select(({ fn }) => fn.countAll<number>().as('groups'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow();
  return Number(row.groups);
}
