import { flag } from '../kernel/db.ts';
import { prefixAt } from './address.model.ts';
import { networkInsert, shareInsert } from './network.store.ts';
import type { NetworkTable, SubnetTable } from './network.tables.ts';
import { networkWrite, type NetworkWorld, type Work } from './network.world.ts';
import { networkNew, standard, subnetNew, topologyMake } from './topology.ts';

export interface NetworkSeed {
  readonly adminProjectId: string;
  /** Null: no demo. */
  readonly demoProjectId: string | null;
  readonly external: {
    readonly name: string;
    readonly cidr: string;
    readonly hostAddress: string;
    readonly allocationFirst: string;
    readonly allocationLast: string;
  };
  readonly dnsServers: readonly string[];
}

const privatePrefix = prefixAt(4, 0x0a000000n, 24);

/** What a cloud without networks gets; what an operator has changed or deleted since stays so. */
export async function networkSeed(world: NetworkWorld, seed: NetworkSeed): Promise<void> {
  await networkWrite(world, async (work) => {
    const any = await work.tx.selectFrom('network').select('id').limit(1).executeTakeFirst();
    if (any !== undefined) return;
    const external = await externalMake(work, seed);
    await poolMake(work, seed.adminProjectId);
    if (seed.demoProjectId === null) return;
    // A private network with a way out: what the first server of a newcomer is put on.
    await topologyMake(work, {
      projectId: seed.demoProjectId,
      external,
      names: { network: 'private', subnet: 'private-subnet', router: 'router1' },
      prefix: privatePrefix,
      poolId: null,
      dnsServers: seed.dnsServers,
    });
  });
}

async function externalMake(
  work: Work,
  { adminProjectId, external }: NetworkSeed,
): Promise<NetworkTable> {
  const { settings } = work.world;
  const network: NetworkTable = {
    ...networkNew(work, adminProjectId, external.name),
    mtu: settings.externalMtu,
    network_type: 'flat',
    physical_network: settings.physicalNetworks[0] ?? null,
    is_external: flag(true),
    is_default: flag(true),
  };
  await networkInsert(work.tx, network);
  await shareInsert(work, {
    network_id: network.id,
    project_id: adminProjectId,
    target_project: '*',
    action: 'access_as_external',
  });
  const subnet: SubnetTable = {
    ...subnetNew(work, network, `${external.name}-subnet`, external.cidr),
    gateway_ip: external.hostAddress,
    enable_dhcp: flag(false),
    allocation_pools: JSON.stringify([
      { start: external.allocationFirst, end: external.allocationLast },
    ]),
  };
  await work.tx.insertInto('subnet').values(subnet).execute();
  work.touched.networks.add(network.id);
  return network;
}

/** What automatic topologies, and whoever does not care about addresses, take subnets from. */
async function poolMake(work: Work, projectId: string): Promise<void> {
  await work.tx
    .insertInto('subnet_pool')
    .values({
      ...standard(work, projectId),
      name: 'default-v4',
      ip_version: 4,
      prefixes: JSON.stringify(['10.128.0.0/9']),
      default_prefixlen: 24,
      min_prefixlen: 16,
      max_prefixlen: 29,
      default_quota: null,
      is_default: flag(true),
      shared: flag(true),
    })
    .execute();
}
