import type { Tx } from '../kernel/db.ts';
import type { NetworkTables, PortTable } from './network.tables.ts';
import type { NetworkWorld } from './network.world.ts';
import type { PortShown, ServerPort } from './port.ts';

/** Not all: a list of servers has as many ports. */
const portColumns = [
  'port.id',
  'port.server_id',
  'port.network_id',
  'port.project_id',
  'port.mac',
  'port.status',
  'port.binding_host',
  'port.is_server_made',
] as const;
type PortRow = Pick<
  PortTable,
  | 'id'
  | 'server_id'
  | 'network_id'
  | 'project_id'
  | 'mac'
  | 'status'
  | 'binding_host'
  | 'is_server_made'
>;

/** By server, in the order of creation: a page of servers costs five queries, however many they are. */
export async function portsOf(
  { db }: NetworkWorld,
  serverIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ServerPort[]>> {
  if (serverIds.length === 0) return new Map();
  return db.read(async (tx) => {
    const ports = await tx
      .selectFrom('port')
      .innerJoin('network', 'network.id', 'port.network_id')
      .select(portColumns)
      .select(['network.name as network_name', 'network.mtu'])
      .where('port.server_id', 'in', serverIds)
      .orderBy('port.created_at')
      .orderBy('port.id')
      .execute();
    const ids = ports.map(({ id }) => id);
    if (ids.length === 0) return new Map();
    const fixed = Map.groupBy(
      await tx
        .selectFrom('fixed_ip')
        .select(['port_id', 'subnet_id', 'address'])
        .where('port_id', 'in', ids)
        .orderBy('position')
        .execute(),
      ({ port_id }) => port_id,
    );
    const floating = Map.groupBy(
      await tx
        .selectFrom('floating_ip')
        .select(['port_id', 'floating_address', 'fixed_address'])
        .where('port_id', 'in', ids)
        .orderBy('id')
        .execute(),
      ({ port_id }) => port_id,
    );
    const groups = Map.groupBy(
      await tx
        .selectFrom('port_security_group')
        .innerJoin('security_group', 'security_group.id', 'port_security_group.group_id')
        .select(['port_security_group.port_id', 'security_group.id', 'security_group.name'])
        .where('port_security_group.port_id', 'in', ids)
        .orderBy('security_group.name')
        .execute(),
      ({ port_id }) => port_id,
    );
    const views = ports.map((port) =>
      portView(port, {
        fixed: fixed.get(port.id) ?? [],
        floating: floating.get(port.id) ?? [],
        groups: (groups.get(port.id) ?? []).map(({ id, name }) => ({ id, name })),
      }),
    );
    return Map.groupBy(views, ({ serverId }) => serverId);
  });
}

interface PortParts {
  readonly fixed: readonly { readonly subnet_id: string; readonly address: string }[];
  readonly floating: readonly {
    readonly floating_address: string;
    readonly fixed_address: string | null;
  }[];
  readonly groups: ServerPort['securityGroups'];
}

const portView = (
  port: PortRow & { readonly network_name: string; readonly mtu: number },
  { fixed, floating, groups }: PortParts,
): ServerPort => ({
  id: port.id,
  serverId: port.server_id ?? '',
  networkId: port.network_id,
  networkName: port.network_name,
  projectId: port.project_id,
  mac: port.mac,
  mtu: port.mtu,
  status: port.status,
  host: port.binding_host === '' ? null : port.binding_host,
  isMadeForServer: port.is_server_made === 1,
  fixedIps: fixed.map(({ subnet_id, address }) => ({
    subnetId: subnet_id,
    address,
    version: address.includes(':') ? 6 : 4,
  })),
  floatingIps: floating.map(({ floating_address, fixed_address }) => ({
    address: floating_address,
    fixedAddress: fixed_address ?? '',
  })),
  securityGroups: groups,
});

/** By server, in the order of creation. What many ports share (networks, groups) is read once. */
export async function portsShown(
  { db }: NetworkWorld,
  serverIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PortShown[]>> {
  if (serverIds.length === 0) return new Map();
  const read = await db.read((tx) => shownRead(tx, serverIds));
  if (read === null) return new Map();
  const { ports, floating, members, networks, groups } = read;
  const networkNames = new Map(networks.map(({ id, name }) => [id, name]));
  const groupRefs = new Map(groups.map(({ id, name }) => [id, { name }]));
  const shown = new Map<string, Mutable<PortShown>>();
  const byServer = new Map<string, PortShown[]>();
  for (const { id, server_id, network_id, mac, address } of ports) {
    let port = shown.get(id);
    if (port === undefined) {
      const networkName = networkNames.get(network_id) ?? '';
      port = { networkName, mac, fixedIps: [], floatingIps: [], securityGroups: [] };
      shown.set(id, port);
      const known = byServer.get(server_id ?? '');
      if (known === undefined) byServer.set(server_id ?? '', [port]);
      else known.push(port);
    }
    if (address !== null) port.fixedIps.push({ address, version: address.includes(':') ? 6 : 4 });
  }
  for (const { port_id, address } of floating)
    shown.get(port_id ?? '')?.floatingIps.push({ address });
  for (const { port_id, group_id } of members) {
    const group = groupRefs.get(group_id);
    if (group !== undefined) shown.get(port_id)?.securityGroups.push(group);
  }
  for (const { securityGroups } of shown.values()) {
    if (securityGroups.length > 1) securityGroups.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  return byServer;
}

/** Lists grow until the port is whole. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

async function shownRead(tx: Tx<NetworkTables>, serverIds: readonly string[]) {
  // One row for each of a port's addresses.
  const ports = await tx
    .selectFrom('port')
    .leftJoin('fixed_ip', 'fixed_ip.port_id', 'port.id')
    .select(['port.id', 'port.server_id', 'port.network_id', 'port.mac', 'fixed_ip.address'])
    .where('port.server_id', 'in', serverIds)
    .orderBy('port.created_at')
    .orderBy('port.id')
    .orderBy('fixed_ip.position')
    .execute();
  const ids = [...new Set(ports.map(({ id }) => id))];
  const networkIds = [...new Set(ports.map(({ network_id }) => network_id))];
  if (ids.length === 0) return null;
  const floating = await tx
    .selectFrom('floating_ip')
    .select(['port_id', 'floating_address as address'])
    .where('port_id', 'in', ids)
    .orderBy('id')
    .execute();
  const members = await tx
    .selectFrom('port_security_group')
    .select(['port_id', 'group_id'])
    .where('port_id', 'in', ids)
    .execute();
  const networks = await tx
    .selectFrom('network')
    .select(['id', 'name'])
    .where('id', 'in', networkIds)
    .execute();
  const groupIds = [...new Set(members.map(({ group_id }) => group_id))];
  const groups =
    groupIds.length === 0
      ? []
      : await tx
          .selectFrom('security_group')
          .select(['id', 'name'])
          .where('id', 'in', groupIds)
          .execute();
  return { ports, floating, members, networks, groups };
}

export async function serversByAddress(
  { db }: NetworkWorld,
  projectId: string | null,
  text: string,
  version: 4 | 6,
): Promise<readonly string[]> {
  const rows = await db.read((tx) => {
    const found = tx
      .selectFrom('fixed_ip')
      .innerJoin('port', 'port.id', 'fixed_ip.port_id')
      .select(['port.server_id', 'fixed_ip.address'])
      .where('port.server_id', 'is not', null);
    return (projectId === null ? found : found.where('port.project_id', '=', projectId)).execute();
  });
  const part = literalOf(text);
  const matching = rows.filter(
    ({ address }) => address.includes(':') === (version === 6) && address.includes(part),
  );
  return [...new Set(matching.flatMap(({ server_id }) => server_id ?? []))];
}

/**
 * Nova documents a regular expression and, with a network service that filters by parts of addresses, takes a part:
 * nobody can write an expression here that takes for ever.
 */
const literalOf = (text: string): string => text.replaceAll(/[\\^$]|\.\*/g, '').toLowerCase();
