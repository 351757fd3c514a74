import { conflict } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import { prefixesOverlap, prefixText, type Prefix } from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import { authorizeWish, projectFor, resourceFind, type Act, type Loaded } from './collection.ts';
import { asBoolean, asInteger } from './collection.schema.ts';
import { revisionRaise } from './collection.store.ts';
import type { Columns } from './collection.routes.ts';
import { autoAddressesAdd, dhcpPortEnsure } from './dhcp-port.ts';
import { networks } from './network.collection.ts';
import { badRequest, invalidInput, subnetInUse } from './network.errors.ts';
import type { NetworkTable, SubnetTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';
import { quotaTake } from './quota.store.ts';
import { subnetAddressesDrop } from './subnet-delete.ts';
import {
  cidrRead,
  dnsServersRead,
  gatewayApart,
  gatewayRead,
  hostRoutesRead,
  modesCheck,
  poolsDefault,
  poolsRead,
} from './subnet.model.ts';
import type { SubnetChange, SubnetView, SubnetWish } from './subnet.schema.ts';
import { prefixAllocate } from './subnet-pool-allocate.ts';

export async function subnetCreate(act: Act, wish: SubnetWish): Promise<string> {
  const { context, work } = act;
  const { tx, world, now } = work;
  const { row: network, target: above } = await resourceFind(act, networks, wish.network_id);
  const projectId = projectFor(context, wish);
  const target = {
    ...above,
    project_id: projectId,
    'network:project_id': network.project_id,
    'network:tenant_id': network.project_id,
  };
  authorizeWish(context, 'create', 'subnet', { wish, guards: {}, target });
  await quotaTake(tx, world, 'subnet', projectId);
  const version = versionRead(asInteger(wish.ip_version));
  const { prefix, poolId } = await prefixChoose(act, wish, version, projectId);
  const modes = { ra: wish.ipv6_ra_mode ?? null, address: wish.ipv6_address_mode ?? null };
  const isDhcp = asBoolean(wish.enable_dhcp ?? true);
  modesCheck(prefix, modes, isDhcp);
  await overlapCheck(tx, network, prefix);
  const gateway = gatewayRead(prefix, wish.gateway_ip);
  const pools =
    wish.allocation_pools === undefined || wish.allocation_pools === null
      ? poolsDefault(prefix, gateway)
      : poolsRead(prefix, wish.allocation_pools);
  gatewayApart(gateway, pools);
  const row: SubnetTable = {
    id: world.ids.uuid(),
    project_id: projectId,
    network_id: network.id,
    name: wish.name ?? '',
    description: wish.description ?? '',
    ip_version: version,
    cidr: prefixText(prefix),
    gateway_ip: gateway,
    enable_dhcp: flag(isDhcp),
    ipv6_ra_mode: modes.ra,
    ipv6_address_mode: modes.address,
    allocation_pools: JSON.stringify(pools),
    dns_nameservers: JSON.stringify(dnsServersRead(wish.dns_nameservers ?? [])),
    host_routes: JSON.stringify(hostRoutesRead(wish.host_routes ?? [], version)),
    subnet_pool_id: poolId,
    revision: 0,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('subnet').values(row).execute();
  await autoAddressesAdd(work, row);
  await dhcpPortEnsure(work, network);
  await revisionRaise(tx, 'network', network.id, now);
  work.touched.networks.add(network.id);
  return row.id;
}

function versionRead(value: number): 4 | 6 {
  if (value === 4 || value === 6) return value;
  throw badRequest(`Invalid input for ip_version. Reason: '${value}' is not in [4, 6].`);
}

/** The CIDR that was named, or one out of a pool. */
async function prefixChoose(
  act: Act,
  wish: SubnetWish,
  version: 4 | 6,
  projectId: string,
): Promise<{ prefix: Prefix; poolId: string | null }> {
  const isDefaultPool = asBoolean(wish.use_default_subnetpool ?? false);
  const named = wish.subnetpool_id ?? null;
  if (named !== null && isDefaultPool) {
    throw badRequest('subnetpool_id and use_default_subnetpool cannot both be specified');
  }
  const cidr = wish.cidr ?? null;
  const length =
    wish.prefixlen === undefined || wish.prefixlen === null ? null : asInteger(wish.prefixlen);
  if (cidr !== null && length !== null) {
    throw badRequest('cidr and prefixlen must not be supplied together');
  }
  if (named === null && !isDefaultPool) {
    if (cidr === null) {
      throw badRequest(
        'Bad subnets request: a subnetpool must be specified in the absence of a cidr.',
      );
    }
    return { prefix: cidrRead(cidr, version), poolId: null };
  }
  return prefixAllocate(act, {
    poolId: named,
    networkId: wish.network_id,
    projectId,
    version,
    length,
    exactly: cidr === null ? null : cidrRead(cidr, version),
  });
}

async function overlapCheck(tx: NetworkTx, network: NetworkTable, prefix: Prefix): Promise<void> {
  const others = await tx
    .selectFrom('subnet')
    .select('cidr')
    .where('network_id', '=', network.id)
    .execute();
  if (!others.some((other) => prefixesOverlap(subnetPrefix(other), prefix))) return;
  throw invalidInput(
    `Requested subnet with cidr: ${prefixText(prefix)} for network: ${network.id} overlaps with another subnet`,
  );
}

export async function subnetUpdate(
  { context, work }: Act,
  { row, target }: Loaded<SubnetTable, SubnetView>,
  wish: SubnetChange,
): Promise<Columns<SubnetTable>> {
  authorizeWish(context, 'update', 'subnet', { wish, guards: {}, target });
  const prefix = subnetPrefix(row);
  const gateway =
    wish.gateway_ip === undefined ? row.gateway_ip : gatewayRead(prefix, wish.gateway_ip);
  if (gateway !== row.gateway_ip) await gatewayFree(work, row);
  const pools =
    wish.allocation_pools === undefined || wish.allocation_pools === null
      ? (JSON.parse(row.allocation_pools) as { start: string; end: string }[])
      : poolsRead(prefix, wish.allocation_pools);
  gatewayApart(gateway, pools);
  const isDhcp = asBoolean(wish.enable_dhcp ?? row.enable_dhcp === 1);
  modesCheck(prefix, { ra: row.ipv6_ra_mode, address: row.ipv6_address_mode }, isDhcp);
  const columns = {
    ...(wish.name !== undefined && { name: wish.name }),
    ...(wish.description !== undefined && { description: wish.description }),
    gateway_ip: gateway,
    allocation_pools: JSON.stringify(pools),
    enable_dhcp: flag(isDhcp),
    ...(wish.dns_nameservers !== undefined && {
      dns_nameservers: JSON.stringify(dnsServersRead(wish.dns_nameservers ?? [])),
    }),
    ...(wish.host_routes !== undefined && {
      host_routes: JSON.stringify(hostRoutesRead(wish.host_routes ?? [], row.ip_version)),
    }),
  };
  await subnetApply(work, row, columns);
  return columns;
}

/** What hangs on the subnet sees it as it will be. */
async function subnetApply(
  work: Work,
  row: SubnetTable,
  columns: Columns<SubnetTable>,
): Promise<void> {
  await work.tx.updateTable('subnet').set(columns).where('id', '=', row.id).execute();
  const network = await work.tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', row.network_id)
    .executeTakeFirstOrThrow();
  await dhcpPortEnsure(work, network);
  await revisionRaise(work.tx, 'network', network.id, work.now);
  work.touched.networks.add(network.id);
  const routers = await work.tx
    .selectFrom('fixed_ip')
    .innerJoin('port', 'port.id', 'fixed_ip.port_id')
    .select('port.device_id')
    .where('fixed_ip.subnet_id', '=', row.id)
    .where('port.device_owner', 'like', 'network:router_%')
    .execute();
  for (const { device_id } of routers) work.touched.routers.add(device_id);
}

/** A router that has the gateway's address keeps the subnet from moving it. */
async function gatewayFree({ tx }: Work, row: SubnetTable): Promise<void> {
  if (row.gateway_ip === null) return;
  const port = await tx
    .selectFrom('fixed_ip')
    .innerJoin('port', 'port.id', 'fixed_ip.port_id')
    .select('port.id')
    .where('fixed_ip.subnet_id', '=', row.id)
    .where('fixed_ip.address', '=', row.gateway_ip)
    .where('port.device_owner', '=', 'network:router_interface')
    .executeTakeFirst();
  if (port === undefined) return;
  throw conflict(
    `Current gateway ip ${row.gateway_ip} already in use by port ${port.id}. Unable to update.`,
    { type: 'GatewayIpInUse' },
  );
}

export async function subnetDelete(
  { work }: Act,
  { row }: Loaded<SubnetTable, SubnetView>,
): Promise<void> {
  if (!(await subnetAddressesDrop(work, row))) {
    throw subnetInUse(row.id, 'One or more ports have an IP allocation from this subnet.');
  }
  await work.tx.deleteFrom('subnet').where('id', '=', row.id).execute();
  await revisionRaise(work.tx, 'network', row.network_id, work.now);
  work.touched.networks.add(row.network_id);
}
