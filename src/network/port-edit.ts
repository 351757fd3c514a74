import { conflict, invalid, type Failure } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import { addressCanonical, macCanonical, prefixParse, prefixText } from './address.model.ts';
import type { AddressWish } from './address.store.ts';
import { authorizeWish, projectFor, resourceFind, type Act, type Loaded } from './collection.ts';
import { asBoolean } from './collection.schema.ts';
import type { Columns } from './collection.routes.ts';
import { dhcpPortEnsure } from './dhcp-port.ts';
import { belowNetworkTarget, networkAccess, networks } from './network.collection.ts';
import { badRequest, invalidInput, missingOf } from './network.errors.ts';
import { networkGet } from './network.store.ts';
import type { NetworkTable, PortTable } from './network.tables.ts';
import type { Work } from './network.world.ts';
import { portGroupIds, portRemove } from './port-delete.ts';
import {
  fixedIpsOf,
  fixedIpsReplace,
  macChoose,
  portGroupsInsert,
  portInsert,
  portTouched,
  type AllowedPair,
  type DhcpOption,
} from './port-insert.ts';
import type { PortChange, PortView, PortWish } from './port.schema.ts';
import { quotaTake } from './quota.store.ts';
import { defaultGroupEnsure } from './security-group.ts';
import { tagsReplace } from './tag.store.ts';

const guards = {
  device_id: '',
  device_owner: '',
  mac_address: null,
  fixed_ips: null,
  port_security_enabled: undefined,
  allowed_address_pairs: null,
  'binding:host_id': undefined,
  'binding:profile': undefined,
  'binding:vnic_type': 'normal',
} as const;

const isNetworkDevice = (owner: string | undefined): boolean =>
  owner?.startsWith('network:') === true;

export async function portCreate(act: Act, wish: PortWish): Promise<string> {
  const { context, work } = act;
  const { row: network, target: above } = await resourceFind(act, networks, wish.network_id);
  const projectId = projectFor(context, wish);
  const access = await networkAccess(work.tx, [network.id], {
    projectId: String(above['project_id']),
    seesAll: false,
  });
  const target = {
    ...belowNetworkTarget(projectId, network.project_id, access(network.id)),
    shared: above['shared'],
    is_network_device: isNetworkDevice(wish.device_owner),
  };
  authorizeWish(context, 'create', 'port', { wish, guards, target });
  addressesAuthorize(act, 'create', wish.fixed_ips ?? [], target);
  if (isOwnedByCloud(wish.device_owner)) throw ownerReserved(wish.device_owner);
  vnicCheck(wish['binding:vnic_type']);
  await quotaTake(work.tx, work.world, 'port', projectId);
  const security = await securityFor(work, network, projectId, wish);
  const mac = wish.mac_address ?? null;
  const port = await portInsert(work, {
    network,
    projectId,
    mac: mac === null ? null : macRead(mac),
    fixedIps:
      wish.fixed_ips === undefined || wish.fixed_ips === null
        ? null
        : addressWishes(wish.fixed_ips),
    host: wish['binding:host_id'] ?? '',
    profile: wish['binding:profile'] ?? {},
    name: wish.name ?? '',
    description: wish.description ?? '',
    adminStateUp: asBoolean(wish.admin_state_up ?? true),
    deviceId: wish.device_id ?? '',
    deviceOwner: wish.device_owner ?? '',
    portSecurity: security.isOn,
    groupIds: security.groupIds,
    dhcpOptions: optionsMerge([], wish.extra_dhcp_opts ?? []),
  });
  const pairs = pairsRead(wish.allowed_address_pairs ?? [], port.mac, security.isOn);
  if (pairs.length > 0) {
    await work.tx
      .updateTable('port')
      .set({ allowed_pairs: JSON.stringify(pairs) })
      .where('id', '=', port.id)
      .execute();
  }
  if (wish.tags !== undefined) await tagsReplace(work, port.id, wish.tags);
  return port.id;
}

/** What the cloud concludes from these owners (that a port is a router's, say) must not be for a user to claim. */
const isOwnedByCloud = (owner: string | undefined): owner is string =>
  owner !== undefined &&
  (owner.startsWith('network:router_') ||
    owner === 'network:floatingip' ||
    owner === 'network:dhcp');

const ownerReserved = (owner: string): Failure =>
  conflict(`Operation is not supported for device_owner ${owner}: only the cloud gives it.`, {
    type: 'UnsupportedPortDeviceOwner',
  });

/** Whose a port is stays with whoever connected it: the server, the router, the floating IP. */
function deviceCheck(row: PortTable, { device_id, device_owner }: PortChange): void {
  const id = device_id ?? row.device_id;
  const owner = device_owner ?? row.device_owner;
  if (id === row.device_id && owner === row.device_owner) return;
  if (row.server_id !== null || isOwnedByCloud(row.device_owner)) {
    throw conflict(
      `Unable to complete operation on port ${row.id} for network ${row.network_id}. Port already has an attached device ${row.device_id}.`,
      { type: 'PortInUse' },
    );
  }
  if (isOwnedByCloud(owner)) throw ownerReserved(owner);
}

/** Rules of their own for saying which address, and for saying no more than which subnet. */
function addressesAuthorize(
  { context }: Act,
  verb: 'create' | 'update',
  wishes: NonNullable<PortChange['fixed_ips']>,
  target: Parameters<typeof context.authorize>[1],
): void {
  if (wishes.some(({ ip_address }) => typeof ip_address === 'string')) {
    context.authorize(`${verb}_port:fixed_ips:ip_address`, target);
  }
  if (wishes.some(({ subnet_id }) => typeof subnet_id === 'string')) {
    context.authorize(`${verb}_port:fixed_ips:subnet_id`, target);
  }
}

const addressWishes = (wishes: NonNullable<PortChange['fixed_ips']>): AddressWish[] =>
  wishes.map(({ subnet_id, ip_address }) => ({
    subnetId: subnet_id ?? null,
    address: typeof ip_address === 'string' ? (addressCanonical(ip_address) ?? ip_address) : null,
  }));

function vnicCheck(type: string | undefined): void {
  if (type === undefined || type === 'normal') return;
  throw invalidInput(`binding:vnic_type '${type}' is not supported, only 'normal'`);
}

function macRead(text: string): string {
  const mac = macCanonical(text);
  if (mac === null) throw invalidInput(`'${text}' is not a valid MAC address`);
  if (Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) {
    throw invalidInput(`'${text}' is a multicast MAC address`);
  }
  return mac;
}

/** Ports of users are guarded by their project's default group unless they say otherwise; ports of ours are trusted. */
async function securityFor(
  work: Work,
  network: NetworkTable,
  projectId: string,
  wish: Pick<PortWish, 'security_groups' | 'port_security_enabled' | 'device_owner'>,
): Promise<{ isOn: boolean; groupIds: readonly string[] }> {
  const isOurs = isNetworkDevice(wish.device_owner);
  const isOn = asBoolean(wish.port_security_enabled ?? (!isOurs && network.port_security === 1));
  const named = wish.security_groups ?? null;
  if (named !== null) await groupsCheck(work, projectId, named);
  if (!isOn && named !== null && named.length > 0) throw securityNeeded();
  if (!isOn || isOurs) return { isOn, groupIds: named ?? [] };
  return { isOn, groupIds: named ?? [await defaultGroupEnsure(work, projectId)] };
}

const securityNeeded = (): Failure =>
  invalid(
    'Port security must be enabled and port must have an IP address in order to use security groups.',
    { type: 'PortSecurityAndIPRequiredForSecurityGroups' },
  );

async function groupsCheck({ tx }: Work, projectId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = await tx
    .selectFrom('security_group')
    .select(['id', 'stateful'])
    .where('id', 'in', ids)
    .where('project_id', '=', projectId)
    .execute();
  const missing = ids.find((id) => !rows.some((row) => row.id === id));
  if (missing !== undefined) throw missingOf('security_group', missing);
  if (new Set(rows.map(({ stateful }) => stateful)).size < 2) return;
  throw conflict(
    'Error Cannot apply both stateful and stateless security groups on the same port at the same time while attempting the operation.',
    { type: 'SecurityGroupConflict' },
  );
}

const pairsMax = 10;

function pairsRead(
  pairs: readonly { readonly ip_address: string; readonly mac_address?: string | null }[],
  portMac: string,
  isGuarded: boolean,
): AllowedPair[] {
  if (pairs.length === 0) return [];
  if (!isGuarded) {
    throw conflict(
      'Port Security must be enabled in order to have allowed address pairs on a port.',
      { type: 'AddressPairAndPortSecurityRequired' },
    );
  }
  if (pairs.length > pairsMax) {
    throw invalid(`The number of allowed address pair exceeds the maximum ${pairsMax}.`, {
      type: 'AllowedAddressPairExhausted',
    });
  }
  const read = pairs.map(({ ip_address, mac_address }) => {
    const prefix = prefixParse(ip_address);
    if (prefix === null) throw invalidInput(`'${ip_address}' is not a valid IP address or subnet`);
    return {
      ip_address: ip_address.includes('/')
        ? prefixText(prefix)
        : (addressCanonical(ip_address) ?? ''),
      mac_address: typeof mac_address === 'string' ? macRead(mac_address) : portMac,
    };
  });
  const keys = read.map(({ ip_address, mac_address }) => `${ip_address} ${mac_address}`);
  if (new Set(keys).size < keys.length) {
    throw invalid('Request contains duplicate address pair.', {
      type: 'DuplicateAddressPairInRequest',
    });
  }
  return read;
}

/** Options given replace those of the same name and version; without a value they are taken away. */
function optionsMerge(
  before: readonly DhcpOption[],
  wishes: NonNullable<PortChange['extra_dhcp_opts']>,
): DhcpOption[] {
  const merged = new Map(before.map((one) => [`${one.ip_version} ${one.opt_name}`, one]));
  for (const { opt_name, opt_value, ip_version = 4 } of wishes) {
    const version = Number(ip_version);
    if (version !== 4 && version !== 6)
      throw badRequest(`Invalid ip_version ${version} for DHCP option`);
    const key = `${version} ${opt_name}`;
    if (opt_value === undefined || opt_value === null) merged.delete(key);
    else if (/\p{Cc}/u.test(opt_name + opt_value)) {
      throw badRequest('Invalid data format for extra-dhcp-opt: control characters');
    } else merged.set(key, { opt_name, opt_value, ip_version: version });
  }
  return [...merged.values()];
}

export async function portUpdate(
  act: Act,
  { row, target }: Loaded<PortTable, PortView>,
  wish: PortChange,
): Promise<Columns<PortTable>> {
  const { context, work } = act;
  const owner = wish.device_owner ?? row.device_owner;
  authorizeWish(context, 'update', 'port', {
    wish,
    guards,
    target: { ...target, is_network_device: isNetworkDevice(owner) },
  });
  addressesAuthorize(act, 'update', wish.fixed_ips ?? [], target);
  deviceCheck(row, wish);
  vnicCheck(wish['binding:vnic_type']);
  const mac = await macChange(work, row, wish.mac_address ?? null);
  const security = await securityChange(work, row, wish);
  const changed = { ...row, mac, device_owner: owner };
  if (wish.fixed_ips !== undefined && wish.fixed_ips !== null) {
    await fixedIpsReplace(work, changed, addressWishes(wish.fixed_ips));
  } else if (mac !== row.mac) {
    const kept = (await fixedIpsOf(work.tx, row.id)).map(({ subnetId }) => ({
      subnetId,
      address: null,
    }));
    await fixedIpsReplace(work, changed, kept);
  }
  portTouched(work, row, await portGroupIds(work.tx, row.id));
  portTouched(work, { ...changed, device_id: wish.device_id ?? row.device_id });
  const { name, description, admin_state_up, device_id } = wish;
  const host = wish['binding:host_id'];
  const profile = wish['binding:profile'];
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(admin_state_up !== undefined && { admin_state_up: flag(asBoolean(admin_state_up)) }),
    ...(device_id !== undefined && { device_id }),
    device_owner: owner,
    mac,
    port_security: flag(security.isOn),
    allowed_pairs: JSON.stringify(security.pairs),
    ...(host !== undefined && { binding_host: host ?? '' }),
    ...(profile !== undefined && { binding_profile: JSON.stringify(profile ?? {}) }),
    ...(wish.extra_dhcp_opts !== undefined && {
      dhcp_options: JSON.stringify(
        optionsMerge(JSON.parse(row.dhcp_options) as DhcpOption[], wish.extra_dhcp_opts ?? []),
      ),
    }),
  };
}

async function macChange(work: Work, row: PortTable, wanted: string | null): Promise<string> {
  const mac = wanted === null ? row.mac : macRead(wanted);
  if (mac === row.mac) return mac;
  if (row.server_id !== null && row.binding_host !== '') {
    throw conflict(
      `Unable to complete operation on port ${row.id}, port is already bound, port type: bridge, old_mac ${row.mac}, new_mac ${mac}.`,
      { type: 'PortBound' },
    );
  }
  return macChoose(work, row.network_id, mac);
}

/** Groups are replaced here; what stays in the row is answered. */
async function securityChange(
  work: Work,
  row: PortTable,
  wish: PortChange,
): Promise<{ isOn: boolean; pairs: AllowedPair[] }> {
  const before = await portGroupIds(work.tx, row.id);
  const isOn = asBoolean(wish.port_security_enabled ?? row.port_security === 1);
  const named = wish.security_groups === undefined ? null : (wish.security_groups ?? []);
  const after = named ?? before;
  if (!isOn && after.length > 0) {
    if (named !== null && named.length > 0) throw securityNeeded();
    throw conflict(
      'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
      { type: 'PortSecurityPortHasSecurityGroup' },
    );
  }
  if (named !== null) {
    await groupsCheck(work, row.project_id, named);
    await work.tx.deleteFrom('port_security_group').where('port_id', '=', row.id).execute();
    await portGroupsInsert(work.tx, row.id, named);
    for (const id of [...before, ...named]) work.touched.groups.add(id);
  }
  const pairs =
    wish.allowed_address_pairs === undefined
      ? (JSON.parse(row.allowed_pairs) as AllowedPair[])
      : (wish.allowed_address_pairs ?? []);
  return { isOn, pairs: pairsRead(pairs, row.mac, isOn) };
}

const madeByRouters = ['network:router_interface', 'network:router_gateway', 'network:floatingip'];

export async function portDelete(
  { work }: Act,
  { row }: Loaded<PortTable, PortView>,
): Promise<void> {
  if (madeByRouters.includes(row.device_owner) && (await deviceIs(work, row))) {
    throw conflict(
      `Port ${row.id} cannot be deleted directly via the port API: has device owner ${row.device_owner}.`,
      { type: 'ServicePortInUse' },
    );
  }
  await portRemove(work, row);
  if (row.device_owner !== 'network:dhcp') return;
  // The network cannot do without; it gets a new one.
  const network = await networkGet(work.tx, row.network_id);
  if (network !== undefined) await dhcpPortEnsure(work, network);
}

/** Whether the router or floating IP that a port names has it. */
async function deviceIs({ tx }: Work, { device_id, device_owner }: PortTable): Promise<boolean> {
  const table = device_owner === 'network:floatingip' ? 'floating_ip' : 'router';
  const row = await tx
    .selectFrom(table)
    .select('id')
    .where('id', '=', device_id)
    .executeTakeFirst();
  return row !== undefined;
}
