import { sql } from 'kysely';
import { overQuota } from './network.errors.ts';
import type { NetworkTables } from './network.tables.ts';
import type { NetworkTx, NetworkWorld } from './network.world.ts';
import { quotaResources, type QuotaLimits, type QuotaResource } from './quota.model.ts';

const counted: Readonly<Record<QuotaResource, keyof NetworkTables>> = {
  network: 'network',
  subnet: 'subnet',
  subnetpool: 'subnet_pool',
  port: 'port',
  router: 'router',
  floatingip: 'floating_ip',
  security_group: 'security_group',
  security_group_rule: 'security_group_rule',
  rbac_policy: 'network_share',
};

export async function quotaLimits(
  tx: NetworkTx,
  { settings }: NetworkWorld,
  projectId: string,
): Promise<QuotaLimits> {
  const rows = await tx
    .selectFrom('network_quota')
    .select(['resource', 'hard_limit'])
    .where('project_id', '=', projectId)
    .execute();
  const own = rows.map(({ resource, hard_limit }) => [resource, hard_limit] as const);
  return { ...settings.quotas, ...(Object.fromEntries(own) as Partial<QuotaLimits>) };
}

export async function quotaUsed(
  tx: NetworkTx,
  resource: QuotaResource,
  projectId: string,
): Promise<number> {
  const { rows } = await sql<{ used: number }>`SELECT COUNT(*) AS used
    FROM ${sql.table(counted[resource])} WHERE project_id = ${projectId}`.execute(tx);
  return Number(rows[0]?.used ?? 0);
}

/** Counted in the transaction that inserts: simultaneous creates cannot pass a limit together. */
export async function quotaTake(
  tx: NetworkTx,
  world: NetworkWorld,
  resource: QuotaResource,
  projectId: string,
  count = 1,
): Promise<void> {
  const { [resource]: limit } = await quotaLimits(tx, world, projectId);
  if (limit < 0) return;
  const used = await quotaUsed(tx, resource, projectId);
  if (used + count > limit) throw overQuota([resource]);
}

export const isQuotaResource = (name: string): name is QuotaResource =>
  (quotaResources as readonly string[]).includes(name);
