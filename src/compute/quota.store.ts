import type { Tx } from '../kernel/db.ts';
import type { ComputeCellTables, ComputeRegionTables } from './compute.tables.ts';
import type { QuotaLimits } from './compute.world.ts';

/** The limits in force: of the user in the project, else of the project, else of the default class, else `defaults`. */
export async function quotaLimits(
  tx: Tx<ComputeRegionTables>,
  of: { readonly projectId: string; readonly userId: string | null },
  defaults: QuotaLimits,
): Promise<QuotaLimits> {
  const ofClass = await tx
    .selectFrom('quota_class_limit')
    .select(['resource', 'hard_limit'])
    .where('class_name', '=', 'default')
    .execute();
  const own = await tx
    .selectFrom('quota_limit')
    .select(['resource', 'hard_limit'])
    .where('project_id', '=', of.projectId)
    .where('user_id', 'in', of.userId === null ? [''] : ['', of.userId])
    .orderBy('user_id')
    .execute();
  const limits: Record<string, number> = { ...defaults };
  for (const { resource, hard_limit } of [...ofClass, ...own]) limits[resource] = hard_limit;
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
