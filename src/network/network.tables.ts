import type { Flag } from '../kernel/db.ts';

/** What every resource of the API has. Times are milliseconds; JSON is text, written whole. */
export interface StandardColumns {
  id: string;
  /** Empty for what belongs to the cloud itself. */
  project_id: string;
  description: string;
  /** Grows with every change: the API's `revision_number`. */
  revision: number;
  created_at: number;
  updated_at: number;
}

export interface NetworkTables {
  network: NetworkTable;
  network_share: NetworkShareTable;
  subnet: SubnetTable;
  subnet_pool: SubnetPoolTable;
  port: PortTable;
  fixed_ip: FixedIpTable;
  port_security_group: { port_id: string; group_id: string };
  router: RouterTable;
  floating_ip: FloatingIpTable;
  security_group: SecurityGroupTable;
  security_group_rule: SecurityGroupRuleTable;
  network_quota: { project_id: string; resource: string; hard_limit: number };
  network_tag: { resource_id: string; tag: string };
  network_agent: NetworkAgentTable;
  auto_topology: { project_id: string; network_id: string; router_id: string };
}

export interface NetworkTable extends StandardColumns {
  name: string;
  admin_state_up: Flag;
  mtu: number;
  network_type: 'vxlan' | 'flat';
  physical_network: string | null;
  segmentation_id: number | null;
  is_external: Flag;
  /** Of external networks: where automatic topologies get their gateway. */
  is_default: Flag;
  port_security: Flag;
  dns_domain: string;
  /** JSON list. */
  zone_hints: string;
}

/** Who else than its project may use a network, and for what. */
export interface NetworkShareTable {
  id: string;
  project_id: string;
  network_id: string;
  action: 'access_as_shared' | 'access_as_external';
  /** `*` is everybody. */
  target_project: string;
}

export interface SubnetTable extends StandardColumns {
  network_id: string;
  name: string;
  ip_version: 4 | 6;
  cidr: string;
  gateway_ip: string | null;
  enable_dhcp: Flag;
  ipv6_ra_mode: Ipv6Mode | null;
  ipv6_address_mode: Ipv6Mode | null;
  /** JSON: `{start, end}[]`. */
  allocation_pools: string;
  /** JSON: addresses. */
  dns_nameservers: string;
  /** JSON: `{destination, nexthop}[]`. */
  host_routes: string;
  subnet_pool_id: string | null;
}
export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless';

export interface SubnetPoolTable extends StandardColumns {
  name: string;
  ip_version: 4 | 6;
  /** JSON: CIDRs. */
  prefixes: string;
  default_prefixlen: number;
  min_prefixlen: number;
  max_prefixlen: number;
  /** Of addresses in IPv4, of /64 in IPv6, per project; null is unlimited. */
  default_quota: number | null;
  is_default: Flag;
  shared: Flag;
}

export interface PortTable extends StandardColumns {
  network_id: string;
  name: string;
  admin_state_up: Flag;
  mac: string;
  /** What users read, and may write: nothing is decided by it. */
  device_id: string;
  device_owner: string;
  /** The server that compute connected the port to; users cannot write it. */
  server_id: string | null;
  status: 'ACTIVE' | 'DOWN';
  /** Empty: bound nowhere. */
  binding_host: string;
  /** JSON object. */
  binding_profile: string;
  port_security: Flag;
  /** JSON: `{ip_address, mac_address}[]`. */
  allowed_pairs: string;
  /** JSON: `{opt_name, opt_value, ip_version}[]`. */
  dhcp_options: string;
  /** Name in DNS and DHCP. */
  hostname: string;
  /** Made by the cloud for its server, and deleted with it. */
  is_server_made: Flag;
}

export interface FixedIpTable {
  port_id: string;
  network_id: string;
  subnet_id: string;
  address: string;
  /** Sorts like the number. */
  address_key: string;
  position: number;
}

export interface RouterTable extends StandardColumns {
  name: string;
  admin_state_up: Flag;
  /** Where it runs; null until it has an interface or a gateway. */
  host: string | null;
  gateway_port_id: string | null;
  enable_snat: Flag;
  /** JSON: `{destination, nexthop}[]`. */
  routes: string;
  /** JSON list. */
  zone_hints: string;
}

export interface FloatingIpTable extends StandardColumns {
  floating_network_id: string;
  floating_port_id: string;
  floating_address: string;
  port_id: string | null;
  fixed_address: string | null;
  router_id: string | null;
  status: 'ACTIVE' | 'DOWN';
}

export interface SecurityGroupTable extends StandardColumns {
  name: string;
  stateful: Flag;
  is_default: Flag;
}

export interface SecurityGroupRuleTable extends StandardColumns {
  security_group_id: string;
  direction: 'ingress' | 'egress';
  ethertype: 'IPv4' | 'IPv6';
  /** As the client wrote it: a name or a number; null is any. */
  protocol: string | null;
  port_range_min: number | null;
  port_range_max: number | null;
  remote_group_id: string | null;
  remote_ip_prefix: string | null;
}

export interface NetworkAgentTable {
  id: string;
  host: string;
  admin_state_up: Flag;
  description: string;
  created_at: number;
}
