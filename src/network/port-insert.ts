import { flag } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import {
  addressesAssign,
  fixedIpsInsert,
  type AddressWish,
  type Assigned,
} from './address.store.ts';
import { macInUse } from './network.errors.ts';
import type { NetworkTable, PortTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';

export interface AllowedPair {
  readonly ip_address: string;
  readonly mac_address: string;
}
export interface DhcpOption {
  readonly opt_name: string;
  readonly opt_value: string;
  readonly ip_version: 4 | 6;
}

/** Everything about a new port that was decided; whoever calls has checked rights, groups and quota. */
export interface PortNew {
  readonly id?: string;
  readonly network: NetworkTable;
  readonly projectId: string;
  readonly name?: string;
  readonly description?: string;
  readonly adminStateUp?: boolean;
  readonly mac?: string | null;
  /** Null: as the network gives. */
  readonly fixedIps: readonly AddressWish[] | null;
  readonly deviceId?: string;
  readonly deviceOwner?: string;
  readonly serverId?: string;
  readonly host?: string;
  readonly profile?: unknown;
  readonly portSecurity?: boolean;
  readonly groupIds?: readonly string[];
  readonly pairs?: readonly AllowedPair[];
  readonly dhcpOptions?: readonly DhcpOption[];
  readonly hostname?: string;
  readonly isServerMade?: boolean;
}

export async function portInsert(work: Work, port: PortNew): Promise<PortTable> {
  const { tx, world, now } = work;
  const { network, groupIds = [] } = port;
  const mac = await macChoose(work, network.id, port.mac ?? null);
  const deviceOwner = port.deviceOwner ?? '';
  const id = port.id ?? world.ids.uuid();
  const address = { networkId: network.id, mac, deviceOwner };
  const assigned = await addressesAssign(tx, address, port.fixedIps);
  const row: PortTable = {
    id,
    project_id: port.projectId,
    network_id: network.id,
    name: port.name ?? '',
    description: port.description ?? '',
    admin_state_up: flag(port.adminStateUp ?? true),
    mac,
    device_id: port.deviceId ?? '',
    device_owner: deviceOwner,
    server_id: port.serverId ?? null,
    status: 'DOWN',
    binding_host: port.host ?? '',
    binding_profile: JSON.stringify(port.profile ?? {}),
    port_security: flag(port.portSecurity ?? false),
    allowed_pairs: JSON.stringify(port.pairs ?? []),
    dhcp_options: JSON.stringify(port.dhcpOptions ?? []),
    hostname: port.hostname ?? '',
    is_server_made: flag(port.isServerMade ?? false),
    revision: 1,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('port').values(row).execute();
  await fixedIpsInsert(tx, id, network.id, assigned);
  await portGroupsInsert(tx, id, groupIds);
  portTouched(work, row, groupIds);
  return row;
}

/** What must be looked at after a change of this port. */
export function portTouched(
  { touched }: Work,
  port: Pick<PortTable, 'network_id' | 'device_id' | 'device_owner' | 'server_id'>,
  groupIds: readonly string[] = [],
): void {
  touched.networks.add(port.network_id);
  for (const id of groupIds) touched.groups.add(id);
  if (port.server_id !== null) touched.servers.add(port.server_id);
  if (port.device_owner.startsWith('network:router_')) touched.routers.add(port.device_id);
}

/** The one asked for, if it is free in the network; else one of ours that is. */
export async function macChoose(
  { tx, world }: Work,
  networkId: string,
  wanted: string | null,
): Promise<string> {
  if (wanted !== null) {
    if (await macTaken(tx, networkId, wanted)) throw macInUse(networkId, wanted);
    return wanted;
  }
  for (let attempt = 0; attempt < 16; attempt++) {
    const low = world.ids.secret(3).toString('hex').match(/../g) ?? [];
    const mac = ['fa', '16', '3e', ...low].join(':');
    if (!(await macTaken(tx, networkId, mac))) return mac;
  }
  throw conflict(`Unable to generate unique mac on network ${networkId}.`, {
    type: 'MacAddressGenerationFailure',
  });
}

async function macTaken(tx: NetworkTx, networkId: string, mac: string): Promise<boolean> {
  const row = await tx
    .selectFrom('port')
    .select('id')
    .where('network_id', '=', networkId)
    .where('mac', '=', mac)
    .executeTakeFirst();
  return row !== undefined;
}

export async function portGroupsInsert(
  tx: NetworkTx,
  portId: string,
  groupIds: readonly string[],
): Promise<void> {
  if (groupIds.length === 0) return;
  const rows = [...new Set(groupIds)].map((group_id) => ({ port_id: portId, group_id }));
  await tx.insertInto('port_security_group').values(rows).execute();
}

export async function fixedIpsOf(tx: NetworkTx, portId: string): Promise<Assigned[]> {
  const rows = await tx
    .selectFrom('fixed_ip')
    .select(['subnet_id', 'address'])
    .where('port_id', '=', portId)
    .orderBy('position')
    .execute();
  return rows.map(({ subnet_id, address }) => ({ subnetId: subnet_id, address }));
}

/** Puts these addresses in place of the port's; those it keeps stay its own all the while. */
export async function fixedIpsReplace(
  work: Work,
  port: PortTable,
  wishes: readonly AddressWish[],
): Promise<void> {
  const { tx } = work;
  const before = await fixedIpsOf(tx, port.id);
  const address = { networkId: port.network_id, mac: port.mac, deviceOwner: port.device_owner };
  // Wishes for "any address of this subnet" are met by what the port already has there.
  const spare = before.filter(({ address: has }) => !wishes.some((wish) => wish.address === has));
  const settled = wishes.map((wish) => {
    if (wish.address !== null || wish.subnetId === null) return wish;
    const at = spare.findIndex(({ subnetId }) => subnetId === wish.subnetId);
    return at < 0 ? wish : { ...wish, address: spare.splice(at, 1)[0]?.address ?? null };
  });
  const assigned = await addressesAssign(tx, address, settled, before);
  await tx.deleteFrom('fixed_ip').where('port_id', '=', port.id).execute();
  await fixedIpsInsert(tx, port.id, port.network_id, assigned);
  const lost = before.filter(({ address: had }) => !assigned.some((one) => one.address === had));
  if (lost.length > 0) {
    await floatingIpsRelease(
      work,
      port.id,
      lost.map(({ address: had }) => had),
    );
  }
}

/** Floating IPs of the port stay with their owner and point nowhere; with `addresses`, only those that led to these. */
export async function floatingIpsRelease(
  { tx, touched, now }: Work,
  portId: string,
  addresses: readonly string[] | null,
): Promise<void> {
  let query = tx
    .selectFrom('floating_ip')
    .select(['id', 'router_id'])
    .where('port_id', '=', portId);
  if (addresses !== null) query = query.where('fixed_address', 'in', addresses);
  for (const { id, router_id } of await query.execute()) {
    if (router_id !== null) touched.routers.add(router_id);
    await tx
      .updateTable('floating_ip')
      .set((e) => ({
        port_id: null,
        fixed_address: null,
        router_id: null,
        status: 'DOWN' as const,
        revision: e('revision', '+', 1),
        updated_at: now,
      }))
      .where('id', '=', id)
      .execute();
  }
}
