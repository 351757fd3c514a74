/** A project without networks gets one with a way out, on request: what `networks: auto` of a server asks for. */
import { conflict } from '../kernel/errors.ts';
import type { NetworkTable, SubnetPoolTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';
import { quotaTake } from './quota.store.ts';
import { poolDefault, prefixTake } from './subnet-pool-allocate.ts';
import { topologyMake } from './topology.ts';

const names = {
  network: 'auto_allocated_network',
  subnet: 'auto_allocated_subnet_v4',
  router: 'auto_allocated_router',
} as const;

/** What a topology is made of; throws where the cloud does not have it. */
export async function topologyParts(
  tx: NetworkTx,
): Promise<{ external: NetworkTable; pool: SubnetPoolTable }> {
  const external = await tx
    .selectFrom('network')
    .selectAll()
    .where('is_external', '=', 1)
    .where('is_default', '=', 1)
    .orderBy('id')
    .executeTakeFirst();
  if (external === undefined) throw failed('No default router:external network');
  const pool = await poolDefault(tx, 4);
  if (pool === undefined) throw failed('No default pools available');
  return { external, pool };
}

const failed = (reason: string) =>
  conflict(`Deployment error: ${reason}.`, { type: 'AutoAllocationFailure' });

export async function topologyFind(tx: NetworkTx, projectId: string): Promise<string | null> {
  const row = await tx
    .selectFrom('auto_topology')
    .select('network_id')
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  return row?.network_id ?? null;
}

/** The id of the network, made when it is not there. */
export async function topologyEnsure(work: Work, projectId: string): Promise<string> {
  const { tx, world } = work;
  const found = await topologyFind(tx, projectId);
  if (found !== null) return found;
  const { external, pool } = await topologyParts(tx);
  for (const resource of ['network', 'subnet', 'router'] as const) {
    await quotaTake(tx, world, resource, projectId);
  }
  const { prefix, poolId } = await prefixTake(tx, pool, {
    poolId: pool.id,
    networkId: '',
    projectId,
    version: 4,
    length: null,
    exactly: null,
  });
  const { networkId, routerId } = await topologyMake(work, {
    projectId,
    external,
    names,
    prefix,
    poolId,
    dnsServers: [],
  });
  await tx
    .insertInto('auto_topology')
    .values({ project_id: projectId, network_id: networkId, router_id: routerId })
    .execute();
  return networkId;
}
