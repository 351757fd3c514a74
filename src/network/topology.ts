/** A network with a subnet and a router to the outside, made whole by the cloud itself. */
import { flag } from '../kernel/db.ts';
import { prefixText, type Prefix } from './address.model.ts';
import { dhcpPortEnsure } from './dhcp-port.ts';
import { networkInsert, segmentFree } from './network.store.ts';
import { vniMax } from './network.ts';
import type { NetworkTable, RouterTable, SubnetTable } from './network.tables.ts';
import type { Work } from './network.world.ts';
import { gatewayMake } from './router-gateway.ts';
import { interfaceMake } from './router-interface.ts';
import { gatewayRead, poolsDefault } from './subnet.model.ts';

export const standard = ({ world, now }: Work, projectId: string) => ({
  id: world.ids.uuid(),
  project_id: projectId,
  description: '',
  revision: 1,
  created_at: now,
  updated_at: now,
});

export const networkNew = (work: Work, projectId: string, name: string): NetworkTable => ({
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

export const subnetNew = (
  work: Work,
  network: NetworkTable,
  name: string,
  cidr: string,
): SubnetTable => ({
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

export interface TopologyNew {
  readonly projectId: string;
  readonly external: NetworkTable;
  readonly names: { readonly network: string; readonly subnet: string; readonly router: string };
  readonly prefix: Prefix;
  readonly poolId: string | null;
  readonly dnsServers: readonly string[];
}

export async function topologyMake(
  work: Work,
  { projectId, external, names, prefix, poolId, dnsServers }: TopologyNew,
): Promise<{ networkId: string; routerId: string }> {
  const { tx } = work;
  const network = {
    ...networkNew(work, projectId, names.network),
    segmentation_id: await segmentFree(tx, null, vniMax),
  };
  await networkInsert(tx, network);
  const gateway = gatewayRead(prefix, undefined);
  const subnet: SubnetTable = {
    ...subnetNew(work, network, names.subnet, prefixText(prefix)),
    gateway_ip: gateway,
    allocation_pools: JSON.stringify(poolsDefault(prefix, gateway)),
    dns_nameservers: JSON.stringify(dnsServers),
    subnet_pool_id: poolId,
  };
  await tx.insertInto('subnet').values(subnet).execute();
  await dhcpPortEnsure(work, network);
  const router: RouterTable = {
    ...standard(work, projectId),
    name: names.router,
    admin_state_up: flag(true),
    host: null,
    gateway_port_id: null,
    enable_snat: flag(true),
    routes: '[]',
    zone_hints: '[]',
  };
  await tx.insertInto('router').values(router).execute();
  await gatewayMake(work, router, external, null);
  await interfaceMake(work, router, subnet);
  work.touched.networks.add(network.id);
  return { networkId: network.id, routerId: router.id };
}
