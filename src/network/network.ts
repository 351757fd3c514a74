import { conflict, notFound, type Failure } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import { authorizeWish, projectFor, type Act, type Loaded } from './collection.ts';
import { asBoolean, asInteger } from './collection.schema.ts';
import type { Columns } from './collection.routes.ts';
import { floatingIpsUnusedDelete } from './floating-ip.store.ts';
import { invalidInput, networkInUse } from './network.errors.ts';
import type { NetworkChange, NetworkView, NetworkWish } from './network.schema.ts';
import {
  networkInsert,
  networkPortsOther,
  segmentFree,
  shareDelete,
  shareInsert,
  sharedWithOthers,
} from './network.store.ts';
import type { NetworkTable } from './network.tables.ts';
import type { NetworkSettings } from './network.world.ts';
import { portsOwnDelete } from './port-delete.ts';
import { quotaTake } from './quota.store.ts';
import { subnetsDelete } from './subnet-delete.ts';

const guards = {
  shared: false,
  'router:external': false,
  is_default: false,
  port_security_enabled: true,
  'provider:network_type': undefined,
  'provider:physical_network': undefined,
  'provider:segmentation_id': undefined,
} as const;

const mtuMin = { 4: 68, 6: 1280 } as const;
export const vniMax = 16_777_215;

export async function networkCreate({ context, work }: Act, wish: NetworkWish): Promise<string> {
  const projectId = projectFor(context, wish);
  const target = { project_id: projectId, tenant_id: projectId };
  authorizeWish(context, 'create', 'network', { wish, guards, target });
  const { tx, world, now } = work;
  await quotaTake(tx, world, 'network', projectId);
  const isExternal = asBoolean(wish['router:external'] ?? false);
  const provider = providerOf(wish, isExternal, world.settings);
  const isFlat = provider.network_type === 'flat';
  const mtuMax = isFlat ? world.settings.externalMtu : world.settings.tenantMtu;
  const row: NetworkTable = {
    id: world.ids.uuid(),
    project_id: projectId,
    name: wish.name ?? '',
    description: wish.description ?? '',
    admin_state_up: flag(asBoolean(wish.admin_state_up ?? true)),
    mtu: mtuOf(wish.mtu === undefined ? 0 : asInteger(wish.mtu), mtuMax),
    ...provider,
    segmentation_id: isFlat ? null : await segmentFree(tx, provider.segmentation_id, vniMax),
    is_external: flag(isExternal),
    is_default: flag(isExternal && asBoolean(wish.is_default ?? false)),
    port_security: flag(asBoolean(wish.port_security_enabled ?? true)),
    dns_domain: world.settings.dnsDomain,
    zone_hints: JSON.stringify(zonesKnown(wish.availability_zone_hints ?? [], world.settings)),
    revision: 1,
    created_at: now,
    updated_at: now,
  };
  await networkInsert(tx, row);
  const everybody = { network_id: row.id, project_id: projectId, target_project: '*' };
  if (asBoolean(wish.shared ?? false)) {
    await shareInsert(work, { ...everybody, action: 'access_as_shared' });
  }
  if (isExternal) await shareInsert(work, { ...everybody, action: 'access_as_external' });
  return row.id;
}

/** VXLAN for tenants; `flat` is the bridge of an external network under a name from the settings. */
function providerOf(wish: NetworkWish, isExternal: boolean, settings: NetworkSettings) {
  const type = wish['provider:network_type'] ?? 'vxlan';
  const physical = wish['provider:physical_network'] ?? null;
  const segment = wish['provider:segmentation_id'] ?? null;
  if (type === 'vxlan') {
    if (physical !== null) {
      throw invalidInput('provider:physical_network specified for vxlan network');
    }
    const number = segment === null ? null : asInteger(segment);
    if (number !== null && (number < 1 || number > vniMax)) {
      throw invalidInput(`provider:segmentation_id must be from 1 to ${vniMax}`);
    }
    return { network_type: 'vxlan', physical_network: null, segmentation_id: number } as const;
  }
  if (type !== 'flat') throw invalidInput(`network_type value '${type}' not supported`);
  if (segment !== null) throw invalidInput('provider:segmentation_id specified for flat network');
  if (!isExternal) throw invalidInput('flat networks are external networks here');
  if (physical === null) throw invalidInput('physical_network required for flat provider network');
  if (!settings.physicalNetworks.includes(physical)) {
    throw invalidInput(`physical_network '${physical}' unknown for flat provider network`);
  }
  return { network_type: 'flat', physical_network: physical, segmentation_id: null } as const;
}

/** 0 asks for the largest. */
function mtuOf(wanted: number, max: number): number {
  if (wanted === 0) return max;
  if (wanted < mtuMin[4] || wanted > max) {
    throw invalidInput(
      `Requested MTU is too big or too small: it must be from ${mtuMin[4]} to ${max}`,
    );
  }
  return wanted;
}

export function zonesKnown(hints: readonly string[], settings: NetworkSettings): readonly string[] {
  const unknown = hints.find((zone) => zone !== settings.zone);
  if (unknown === undefined) return hints;
  throw notFound(`AvailabilityZone ${unknown} could not be found.`, {
    type: 'AvailabilityZoneNotFound',
  });
}

export async function networkUpdate(
  { context, work }: Act,
  { row, target }: Loaded<NetworkTable, NetworkView>,
  wish: NetworkChange,
): Promise<Columns<NetworkTable>> {
  authorizeWish(context, 'update', 'network', { wish, guards, target });
  const { settings } = work.world;
  const named = Object.entries(wish).find(([key, value]) => {
    const shown = {
      type: row.network_type,
      network: row.physical_network,
      id: row.segmentation_id,
    };
    if (key === 'provider:network_type') return value !== shown.type;
    if (key === 'provider:physical_network') return value !== shown.network;
    return key === 'provider:segmentation_id' && value !== shown.id;
  });
  if (named !== undefined) {
    throw invalidInput('Plugin does not support updating provider attributes');
  }
  if (wish.shared !== undefined) await sharedChange(work, row, asBoolean(wish.shared));
  const isExternal = asBoolean(wish['router:external'] ?? row.is_external === 1);
  await externalChange(work, row, isExternal);
  work.touched.networks.add(row.id);
  const max = row.network_type === 'flat' ? settings.externalMtu : settings.tenantMtu;
  const { name, description, admin_state_up, port_security_enabled, is_default } = wish;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(admin_state_up !== undefined && { admin_state_up: flag(asBoolean(admin_state_up)) }),
    ...(wish.mtu !== undefined && { mtu: mtuOf(asInteger(wish.mtu), max) }),
    ...(port_security_enabled !== undefined && {
      port_security: flag(asBoolean(port_security_enabled)),
    }),
    is_external: flag(isExternal),
    is_default: flag(isExternal && asBoolean(is_default ?? row.is_default === 1)),
  };
}

type Work = Act['work'];

async function sharedChange(work: Work, row: NetworkTable, isShared: boolean): Promise<void> {
  const share = {
    network_id: row.id,
    project_id: row.project_id,
    target_project: '*',
    action: 'access_as_shared',
  } as const;
  if (isShared) {
    await shareInsert(work, share);
    return;
  }
  if (await sharedWithOthers(work.tx, row)) {
    throw conflict(
      `Unable to reconfigure sharing settings for network ${row.id}. Multiple projects are using it.`,
      { type: 'InvalidSharedSetting' },
    );
  }
  await shareDelete(work.tx, share);
}

async function externalChange(work: Work, row: NetworkTable, isExternal: boolean): Promise<void> {
  if (isExternal === (row.is_external === 1)) return;
  const share = {
    network_id: row.id,
    project_id: row.project_id,
    target_project: '*',
    action: 'access_as_external',
  } as const;
  if (isExternal) {
    await shareInsert(work, share);
    return;
  }
  const inUse = await networkPortsOther(work.tx, row.id, [
    'network:router_gateway',
    'network:floatingip',
  ]);
  if (inUse || row.network_type === 'flat') throw externalInUse(row.id);
  await shareDelete(work.tx, share);
}

const externalInUse = (id: string): Failure =>
  conflict(
    `External network ${id} cannot be updated to be made non-external, since it has existing gateway ports or is a provider's.`,
    { type: 'ExternalNetworkInUse' },
  );

/** Ports that the cloud made for itself go with the network; any other keeps it. */
export async function networkDelete(
  { work }: Act,
  { row }: Loaded<NetworkTable, NetworkView>,
): Promise<void> {
  await portsOwnDelete(work, row.id);
  await floatingIpsUnusedDelete(work, row.id);
  if (await networkPortsOther(work.tx, row.id, null)) throw networkInUse(row.id);
  await subnetsDelete(work, row.id);
  await work.tx.deleteFrom('auto_topology').where('network_id', '=', row.id).execute();
  await work.tx.deleteFrom('network').where('id', '=', row.id).execute();
  work.touched.networks.add(row.id);
}
