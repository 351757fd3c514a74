import { flag } from '../kernel/db.ts';
import { dhcpPortEnsure } from './dhcp-port.ts';
import { networkInsert, segmentFree, shareInsert } from './network.store.ts';
import type { NetworkTable, SubnetTable } from './network.tables.ts';
import { networkWrite, type NetworkWorld, type Work } from './network.world.ts';
import { portInsert } from './port-insert.ts';

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

const vniMax = 16_777_215;
const privateCidr = '10.0.0.0/24';
const privateGateway = '10.0.0.1';

/** What a cloud without networks gets; what an operator has changed or deleted since stays so. */
export async function networkSeed(world: NetworkWorld, seed: NetworkSeed): Promise<void> {
  await networkWrite(world, async (work) => {
    const any = await work.tx.selectFrom('network').select('id').limit(1).executeTakeFirst();
    if (any !== undefined) return;
    const external = await externalMake(work, seed);
    if (seed.demoProjectId !== null) await demoMake(work, seed.demoProjectId, external, seed);
  });
}

const standard = ({ world, now }: Work, projectId: string) => ({
  id: world.ids.uuid(),
  project_id: projectId,
  description: '',
  revision: 1,
  created_at: now,
  updated_at: now,
});

const networkOf = (work: Work, projectId: string, name: string): NetworkTable => ({
  ...standard(work, projectId),
  name,
  admin_state_up: flag(true),
  mtu: work.world.settings.tenantMtu,
  network_type: 'vxlan',
  physical_network: null,
  segmentation_id: null,
  is_external: flag(false),
  is_default: flag(false),
  port_security: flag(true),
  dns_domain: work.world.settings.dnsDomain,
  zone_hints: '[]',
});

const subnetOf = (work: Work, network: NetworkTable, name: string, cidr: string): SubnetTable => ({
  ...standard(work, network.project_id),
  network_id: network.id,
  name,
  ip_version: 4,
  cidr,
  gateway_ip: null,
  enable_dhcp: flag(true),
  ipv6_ra_mode: null,
  ipv6_address_mode: null,
  allocation_pools: '[]',
  dns_nameservers: '[]',
  host_routes: '[]',
  subnet_pool_id: null,
});

async function externalMake(
  work: Work,
  { adminProjectId, external }: NetworkSeed,
): Promise<NetworkTable> {
  const { settings } = work.world;
  const network: NetworkTable = {
    ...networkOf(work, adminProjectId, external.name),
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
    ...subnetOf(work, network, `${external.name}-subnet`, external.cidr),
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

/** A private network with a way out: what the first server of a newcomer is put on. */
async function demoMake(
  work: Work,
  projectId: string,
  external: NetworkTable,
  { dnsServers }: NetworkSeed,
): Promise<void> {
  const { tx } = work;
  const segment = await segmentFree(tx, null, vniMax);
  const network = { ...networkOf(work, projectId, 'private'), segmentation_id: segment };
  await networkInsert(tx, network);
  const subnet: SubnetTable = {
    ...subnetOf(work, network, 'private-subnet', privateCidr),
    gateway_ip: privateGateway,
    allocation_pools: JSON.stringify([{ start: '10.0.0.2', end: '10.0.0.254' }]),
    dns_nameservers: JSON.stringify(dnsServers),
  };
  await tx.insertInto('subnet').values(subnet).execute();
  await dhcpPortEnsure(work, network);
  const router = { ...standard(work, projectId), name: 'router1' };
  const gateway = await portInsert(work, {
    network: external,
    projectId: '',
    fixedIps: null,
    deviceId: router.id,
    deviceOwner: 'network:router_gateway',
  });
  const [host] = work.world.hosts.list();
  await tx
    .insertInto('router')
    .values({
      ...router,
      admin_state_up: flag(true),
      host: host?.name ?? null,
      gateway_port_id: gateway.id,
      enable_snat: flag(true),
      routes: '[]',
      zone_hints: '[]',
    })
    .execute();
  await portInsert(work, {
    network,
    projectId,
    fixedIps: [{ subnetId: subnet.id, address: privateGateway }],
    deviceId: router.id,
    deviceOwner: 'network:router_interface',
  });
  work.touched.networks.add(network.id);
  work.touched.routers.add(router.id);
}
