/**
 * The document of a network. It is nearly the same on every host: made once of one reading of the database, and told
 * apart by which ports are on the host.
 */
import type { NetworkWanted, PortWanted, SubnetWanted } from '../agent/api.ts';
import { digestOf, digestOfText } from './document.ts';
import { groupsOfNetwork, groupsWanted } from './network-document-groups.ts';
import type { FixedIpTable, NetworkTable, PortTable, SubnetTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { AllowedPair, DhcpOption } from './port-insert.ts';

export interface NetworkRendering {
  /** As a host without ports of its own would have it. */
  readonly shared: NetworkWanted;
  readonly digest: string;
  readonly ofHost: ReadonlyMap<string, HostPorts>;
  /** Ports for which every host does the same and that are not ACTIVE yet. */
  readonly downEverywhere: readonly string[];
}

interface HostPorts {
  /** A server's port is bound here, or a router with an interface runs here. */
  isNeeded: boolean;
  readonly ids: Set<string>;
  /** Those of servers that are not ACTIVE yet. */
  readonly down: string[];
}

/** Null: the host does not need it. */
export function networkDocumentOf(rendering: NetworkRendering, host: string) {
  const { shared, digest, ofHost, downEverywhere } = rendering;
  const ports = ofHost.get(host);
  if (ports?.isNeeded !== true) return null;
  const here = ports.ids;
  return {
    digest: digestOfText([digest, ...here].join(' ')),
    document: (): NetworkWanted => ({
      ...shared,
      ports: shared.ports.map((port) =>
        here.has(port.id) ? { ...port, location: 'local' as const } : port,
      ),
    }),
    downPorts: [...ports.down, ...downEverywhere],
  };
}

/** Not all: a network has many ports. */
const portColumns = [
  'id',
  'mac',
  'device_id',
  'device_owner',
  'server_id',
  'status',
  'binding_host',
  'hostname',
  'admin_state_up',
  'port_security',
  'allowed_pairs',
  'dhcp_options',
] as const;
type PortRow = Pick<PortTable, (typeof portColumns)[number]>;

/** Null: there is no such network (any more). */
export async function networkRender(tx: NetworkTx, id: string): Promise<NetworkRendering | null> {
  const network = await tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (network === undefined) return null;
  const subnets = await tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', '=', id)
    .orderBy('id')
    .execute();
  const ports = await tx
    .selectFrom('port')
    .select(portColumns)
    .where('network_id', '=', id)
    .orderBy('id')
    .execute();
  const addresses = Map.groupBy(
    await tx
      .selectFrom('fixed_ip')
      .select(['port_id', 'subnet_id', 'address'])
      .where('network_id', '=', id)
      .orderBy('position')
      .execute(),
    ({ port_id }) => port_id,
  );
  const groups = await groupsOfNetwork(tx, id);
  const dhcp = ports.find(isEverywhere);
  const served = dhcp === undefined ? [] : (addresses.get(dhcp.id) ?? []);
  const shared: NetworkWanted = {
    id,
    vni: network.segmentation_id ?? 0,
    mtu: network.mtu,
    dnsDomain: network.dns_domain,
    subnets: subnets.map((subnet) => subnetWanted(subnet, served)),
    ports: ports.map((port) =>
      portWanted(port, network, {
        fixedIps: addresses.get(port.id) ?? [],
        groupIds: groups.ofPort.get(port.id) ?? [],
      }),
    ),
    securityGroups: await groupsWanted(tx, groups.ids),
    fabric: null,
  };
  return {
    shared,
    digest: digestOf(shared),
    ofHost: hostsOf(ports, await routerHosts(tx, id)),
    downEverywhere: ports.filter((port) => isEverywhere(port) && isDown(port)).map((one) => one.id),
  };
}

const isEverywhere = (port: PortRow): boolean => port.device_owner === 'network:dhcp';
const isDown = (port: PortRow): boolean => port.status === 'DOWN' && port.admin_state_up === 1;

/** Where the routers run that have a port in the network. */
async function routerHosts(tx: NetworkTx, id: string): Promise<ReadonlyMap<string, string>> {
  const rows = await tx
    .selectFrom('port')
    .innerJoin('router', 'router.id', 'port.device_id')
    .select(['router.id', 'router.host'])
    .where('port.network_id', '=', id)
    .where('port.device_owner', 'like', 'network:router_%')
    .execute();
  return new Map(rows.flatMap((row) => (row.host === null ? [] : [[row.id, row.host]])));
}

/** Servers' ports are where they are bound, routers' where their router runs. */
function hostsOf(
  ports: readonly PortRow[],
  routers: ReadonlyMap<string, string>,
): Map<string, HostPorts> {
  const hosts = new Map<string, HostPorts>();
  for (const port of ports) {
    const isServers = !port.device_owner.startsWith('network:') && port.server_id !== null;
    const name = isServers ? port.binding_host : (routers.get(port.device_id) ?? '');
    if (name === '') continue;
    const host = hosts.get(name) ?? { isNeeded: false, ids: new Set<string>(), down: [] };
    hosts.set(name, host);
    host.ids.add(port.id);
    if (isServers || port.device_owner === 'network:router_interface') host.isNeeded = true;
    if (isServers && isDown(port)) host.down.push(port.id);
  }
  return hosts;
}

function subnetWanted(subnet: SubnetTable, served: readonly Address[]): SubnetWanted {
  const own = served.find(({ subnet_id }) => subnet_id === subnet.id);
  return {
    id: subnet.id,
    version: subnet.ip_version,
    cidr: subnet.cidr,
    gateway: subnet.gateway_ip,
    dhcp: subnet.enable_dhcp === 1,
    serviceAddress: own?.address ?? null,
    dnsServers: JSON.parse(subnet.dns_nameservers) as string[],
    hostRoutes: JSON.parse(subnet.host_routes) as { destination: string; nexthop: string }[],
    raMode: subnet.ipv6_ra_mode,
    addressMode: subnet.ipv6_address_mode,
  };
}

type Address = Pick<FixedIpTable, 'subnet_id' | 'address'>;

interface PortFacts {
  readonly fixedIps: readonly Address[];
  readonly groupIds: readonly string[];
}

function portWanted(port: PortRow, network: NetworkTable, facts: PortFacts): PortWanted {
  const { device_owner: owner } = port;
  const [first] = facts.fixedIps;
  const isRouter = owner.startsWith('network:router_');
  return {
    id: port.id,
    mac: port.mac,
    fixedIps: facts.fixedIps.map(({ subnet_id, address }) => ({ subnetId: subnet_id, address })),
    hostname: port.hostname || `host-${(first?.address ?? port.id).replaceAll(/[.:]/g, '-')}`,
    location: isEverywhere(port) ? 'local' : null,
    kind: isRouter ? 'router' : owner.startsWith('network:') ? 'service' : 'server',
    adminUp: port.admin_state_up === 1 && network.admin_state_up === 1,
    portSecurity: port.port_security === 1,
    allowedPairs: listOf<AllowedPair>(port.allowed_pairs).map((pair) => ({
      address: pair.ip_address,
      mac: pair.mac_address,
    })),
    securityGroupIds: facts.groupIds,
    serverId: port.server_id,
    dhcpOptions: listOf<DhcpOption>(port.dhcp_options).map((option) => ({
      name: option.opt_name,
      value: option.opt_value,
      version: option.ip_version,
    })),
  };
}

/** Mostly there is nothing in it. */
const listOf = <T>(json: string): T[] => (json === '[]' ? [] : (JSON.parse(json) as T[]));
