import { createHash } from 'node:crypto';
import type {
  ExternalWanted,
  NetworkWanted,
  PortWanted,
  RouterWanted,
  SecurityGroupWanted,
  SubnetWanted,
} from '../agent/api.ts';
import { subnetPrefix } from './address.store.ts';
import type {
  FixedIpTable,
  NetworkTable,
  PortTable,
  SubnetTable,
  SecurityGroupRuleTable,
} from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { AllowedPair, DhcpOption } from './port-insert.ts';
import { protocolNumber } from './security-group-rule.model.ts';

/** Names a version of a document: control sends again whatever the agent reports under another. */
export const digestOf = (document: object): string =>
  createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 32);

/** Which documents a host must have: those of networks, routers and external networks in use there. */
export interface HostNeeds {
  readonly networks: ReadonlySet<string>;
  readonly routers: ReadonlySet<string>;
  readonly externals: ReadonlySet<string>;
}

/** A network is needed where a server's port is bound or a router with an interface in it runs. */
export async function hostNeeds(tx: NetworkTx, host: string): Promise<HostNeeds> {
  const bound = await tx
    .selectFrom('port')
    .select('network_id')
    .distinct()
    .where('binding_host', '=', host)
    .where('server_id', 'is not', null)
    .execute();
  const routers = await tx
    .selectFrom('router')
    .select(['id', 'gateway_port_id'])
    .where('host', '=', host)
    .execute();
  const routed = await tx
    .selectFrom('port')
    .innerJoin('router', 'router.id', 'port.device_id')
    .select('port.network_id')
    .distinct()
    .where('router.host', '=', host)
    .where('port.device_owner', '=', 'network:router_interface')
    .execute();
  const gateways = await tx
    .selectFrom('port')
    .innerJoin('router', 'router.gateway_port_id', 'port.id')
    .select('port.network_id')
    .distinct()
    .where('router.host', '=', host)
    .execute();
  return {
    networks: new Set([...bound, ...routed].map(({ network_id }) => network_id)),
    routers: new Set(routers.map(({ id }) => id)),
    externals: new Set(gateways.map(({ network_id }) => network_id)),
  };
}

/** Servers' ports are where they are bound, routers' where their router runs. */
const isLocal = (port: PortTable, host: string, routers: ReadonlySet<string>): boolean =>
  port.device_owner.startsWith('network:')
    ? routers.has(port.device_id)
    : port.server_id !== null && port.binding_host === host;

/** Null: there is no such network (any more). */
export async function networkDocument(
  tx: NetworkTx,
  host: string,
  id: string,
): Promise<NetworkWanted | null> {
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
    .selectAll()
    .where('network_id', '=', id)
    .orderBy('id')
    .execute();
  const addresses = Map.groupBy(
    await tx
      .selectFrom('fixed_ip')
      .selectAll()
      .where('network_id', '=', id)
      .orderBy('position')
      .execute(),
    ({ port_id }) => port_id,
  );
  const groups = await groupsOfNetwork(tx, id);
  const routers = await tx.selectFrom('router').select('id').where('host', '=', host).execute();
  const here = new Set(routers.map((router) => router.id));
  const dhcp = ports.find(({ device_owner }) => device_owner === 'network:dhcp');
  const served = dhcp === undefined ? [] : (addresses.get(dhcp.id) ?? []);
  return {
    id,
    vni: network.segmentation_id ?? 0,
    mtu: network.mtu,
    dnsDomain: network.dns_domain,
    subnets: subnets.map((subnet) => subnetWanted(subnet, served)),
    ports: ports.map((port) =>
      portWanted(port, network, {
        fixedIps: addresses.get(port.id) ?? [],
        groupIds: groups.ofPort.get(port.id) ?? [],
        isLocal: port.device_owner === 'network:dhcp' || isLocal(port, host, here),
      }),
    ),
    securityGroups: await groupsWanted(tx, groups.ids),
    fabric: null,
  };
}

function subnetWanted(subnet: SubnetTable, served: readonly FixedIpTable[]): SubnetWanted {
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

interface PortFacts {
  readonly fixedIps: readonly FixedIpTable[];
  readonly groupIds: readonly string[];
  readonly isLocal: boolean;
}

function portWanted(port: PortTable, network: NetworkTable, facts: PortFacts): PortWanted {
  const { device_owner: owner } = port;
  const [first] = facts.fixedIps;
  const isRouter = owner.startsWith('network:router_');
  return {
    id: port.id,
    mac: port.mac,
    fixedIps: facts.fixedIps.map(({ subnet_id, address }) => ({ subnetId: subnet_id, address })),
    hostname: port.hostname || `host-${(first?.address ?? port.id).replaceAll(/[.:]/g, '-')}`,
    location: facts.isLocal ? 'local' : null,
    kind: isRouter ? 'router' : owner.startsWith('network:') ? 'service' : 'server',
    adminUp: port.admin_state_up === 1 && network.admin_state_up === 1,
    portSecurity: port.port_security === 1,
    allowedPairs: (JSON.parse(port.allowed_pairs) as AllowedPair[]).map((pair) => ({
      address: pair.ip_address,
      mac: pair.mac_address,
    })),
    securityGroupIds: facts.groupIds,
    serverId: port.server_id,
    dhcpOptions: (JSON.parse(port.dhcp_options) as DhcpOption[]).map((option) => ({
      name: option.opt_name,
      value: option.opt_value,
      version: option.ip_version,
    })),
  };
}

interface GroupsOfNetwork {
  readonly ofPort: ReadonlyMap<string, readonly string[]>;
  /** Those of ports, and those that their rules name as remote. */
  readonly ids: readonly string[];
}

async function groupsOfNetwork(tx: NetworkTx, networkId: string): Promise<GroupsOfNetwork> {
  const rows = await tx
    .selectFrom('port_security_group')
    .innerJoin('port', 'port.id', 'port_security_group.port_id')
    .select(['port_security_group.port_id', 'port_security_group.group_id'])
    .where('port.network_id', '=', networkId)
    .orderBy('port_security_group.group_id')
    .execute();
  const ofPort = new Map(
    [...Map.groupBy(rows, ({ port_id }) => port_id)].map(([port, list]) => [
      port,
      list.map(({ group_id }) => group_id),
    ]),
  );
  const used = [...new Set(rows.map(({ group_id }) => group_id))];
  if (used.length === 0) return { ofPort, ids: [] };
  const remote = await tx
    .selectFrom('security_group_rule')
    .select('remote_group_id')
    .distinct()
    .where('security_group_id', 'in', used)
    .where('remote_group_id', 'is not', null)
    .execute();
  const named = remote.flatMap(({ remote_group_id }) => remote_group_id ?? []);
  return { ofPort, ids: [...new Set([...used, ...named])].toSorted() };
}

async function groupsWanted(tx: NetworkTx, ids: readonly string[]): Promise<SecurityGroupWanted[]> {
  if (ids.length === 0) return [];
  const groups = await tx
    .selectFrom('security_group')
    .select(['id', 'stateful'])
    .where('id', 'in', ids)
    .orderBy('id')
    .execute();
  const rules = Map.groupBy(
    await tx
      .selectFrom('security_group_rule')
      .selectAll()
      .where('security_group_id', 'in', ids)
      .orderBy('id')
      .execute(),
    ({ security_group_id }) => security_group_id,
  );
  const members = await groupMembers(tx, ids);
  return groups.map(({ id, stateful }) => ({
    id,
    stateful: stateful === 1,
    rules: (rules.get(id) ?? []).map((rule) => ({
      direction: rule.direction,
      version: rule.ethertype === 'IPv4' ? 4 : 6,
      protocol: protocolOf(rule),
      portMin: rule.port_range_min,
      portMax: rule.port_range_max,
      remote:
        rule.remote_group_id !== null
          ? { groupId: rule.remote_group_id }
          : rule.remote_ip_prefix !== null
            ? { cidr: rule.remote_ip_prefix }
            : null,
    })),
    members: members.get(id) ?? [],
  }));
}

const [icmp, icmpv6] = [1, 58];

/** `icmp` in a rule for IPv6 means ICMPv6; protocol 0 is any. */
function protocolOf({ protocol, ethertype }: SecurityGroupRuleTable): number | null {
  const number = protocol === null ? null : protocolNumber(protocol);
  if (number === 0) return null;
  return number === icmp && ethertype === 'IPv6' ? icmpv6 : number;
}

async function groupMembers(
  tx: NetworkTx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const addresses = await tx
    .selectFrom('port_security_group')
    .innerJoin('fixed_ip', 'fixed_ip.port_id', 'port_security_group.port_id')
    .select(['port_security_group.group_id', 'fixed_ip.address'])
    .where('port_security_group.group_id', 'in', ids)
    .execute();
  const paired = await tx
    .selectFrom('port_security_group')
    .innerJoin('port', 'port.id', 'port_security_group.port_id')
    .select(['port_security_group.group_id', 'port.allowed_pairs'])
    .where('port_security_group.group_id', 'in', ids)
    .where('port.allowed_pairs', '!=', '[]')
    .execute();
  const all = [
    ...addresses.map(({ group_id, address }) => ({ group_id, address })),
    ...paired.flatMap(({ group_id, allowed_pairs }) =>
      (JSON.parse(allowed_pairs) as AllowedPair[]).map((pair) => ({
        group_id,
        address: pair.ip_address,
      })),
    ),
  ];
  return new Map(
    [...Map.groupBy(all, ({ group_id }) => group_id)].map(([id, list]) => [
      id,
      [...new Set(list.map(({ address }) => address))].toSorted(),
    ]),
  );
}

/** A flat network is the host's own bridge: this machine has its gateway's address. Others have no way to the host. */
export async function externalDocument(tx: NetworkTx, id: string): Promise<ExternalWanted | null> {
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
  const hostAddresses = subnets.flatMap((subnet) =>
    network.network_type === 'flat' && subnet.gateway_ip !== null
      ? [`${subnet.gateway_ip}/${subnetPrefix(subnet).length}`]
      : [],
  );
  return { id, mtu: network.mtu, hostAddresses };
}

export async function routerDocument(tx: NetworkTx, id: string): Promise<RouterWanted | null> {
  const router = await tx.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirst();
  if (router === undefined) return null;
  const ports = await tx
    .selectFrom('port')
    .innerJoin('network', 'network.id', 'port.network_id')
    .selectAll('port')
    .select('network.mtu')
    .where('port.device_id', '=', id)
    .where('port.device_owner', 'like', 'network:router_%')
    .orderBy('port.id')
    .execute();
  const subnets = await subnetsOfPorts(
    tx,
    ports.map((port) => port.id),
  );
  const floating = await tx
    .selectFrom('floating_ip')
    .select(['floating_address', 'fixed_address'])
    .where('router_id', '=', id)
    .where('fixed_address', 'is not', null)
    .orderBy('floating_address')
    .execute();
  const gateway = ports.find((port) => port.id === router.gateway_port_id);
  const withPrefix = (portId: string): string[] =>
    (subnets.get(portId) ?? []).map(
      ({ address, subnet }) => `${address}/${subnetPrefix(subnet).length}`,
    );
  return {
    id,
    adminUp: router.admin_state_up === 1,
    interfaces: ports
      .filter(({ device_owner }) => device_owner === 'network:router_interface')
      .map((port) => ({
        portId: port.id,
        networkId: port.network_id,
        mac: port.mac,
        mtu: port.mtu,
        addresses: withPrefix(port.id),
        advertise: (subnets.get(port.id) ?? []).flatMap(({ subnet }) => advertised(subnet)),
      })),
    gateway:
      gateway === undefined
        ? null
        : {
            portId: gateway.id,
            externalId: gateway.network_id,
            mac: gateway.mac,
            addresses: withPrefix(gateway.id),
            nexthops: (subnets.get(gateway.id) ?? []).flatMap(
              ({ subnet }) => subnet.gateway_ip ?? [],
            ),
            snat: router.enable_snat === 1,
          },
    routes: JSON.parse(router.routes) as { destination: string; nexthop: string }[],
    floatingIps: floating.flatMap(({ floating_address, fixed_address }) =>
      fixed_address === null ? [] : [{ address: floating_address, fixedAddress: fixed_address }],
    ),
  };
}

const advertised = (
  subnet: SubnetTable,
): RouterWanted['interfaces'][number]['advertise'][number][] =>
  subnet.ip_version === 6 && subnet.ipv6_ra_mode !== null
    ? [
        {
          prefix: subnet.cidr,
          mode: subnet.ipv6_ra_mode,
          dnsServers: JSON.parse(subnet.dns_nameservers) as string[],
        },
      ]
    : [];

async function subnetsOfPorts(
  tx: NetworkTx,
  portIds: readonly string[],
): Promise<ReadonlyMap<string, readonly { address: string; subnet: SubnetTable }[]>> {
  if (portIds.length === 0) return new Map();
  const rows = await tx
    .selectFrom('fixed_ip')
    .innerJoin('subnet', 'subnet.id', 'fixed_ip.subnet_id')
    .selectAll('subnet')
    .select(['fixed_ip.port_id', 'fixed_ip.address'])
    .where('fixed_ip.port_id', 'in', portIds)
    .orderBy('fixed_ip.position')
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ port_id }) => port_id)].map(([id, list]) => [
      id,
      list.map(({ address, ...subnet }) => ({ address, subnet })),
    ]),
  );
}
