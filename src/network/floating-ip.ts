import { addressCanonical } from './address.model.ts';
import {
  authorizeWish,
  projectFor,
  resourceFind,
  viewerOf,
  type Act,
  type Loaded,
} from './collection.ts';
import type { Columns } from './collection.routes.ts';
import type { FloatingIpChange, FloatingIpView, FloatingIpWish } from './floating-ip.schema.ts';
import { floatingIpPoint, floatingIpRemove, type FloatingTarget } from './floating-ip.store.ts';
import { networks } from './network.collection.ts';
import { badRequest } from './network.errors.ts';
import type { FloatingIpTable, NetworkTable, PortTable } from './network.tables.ts';
import { ports } from './port.collection.ts';
import { fixedIpsOf, portInsert } from './port-insert.ts';
import { quotaTake } from './quota.store.ts';
import { tagsReplace } from './tag.store.ts';

const guards = { floating_ip_address: null } as const;

export async function floatingIpCreate(act: Act, wish: FloatingIpWish): Promise<string> {
  const { context, work } = act;
  const { tx, world, now } = work;
  const projectId = projectFor(context, wish);
  const target = { project_id: projectId, tenant_id: projectId };
  authorizeWish(context, 'create', 'floatingip', { wish, guards, target });
  const network = await externalFind(act, wish.floating_network_id);
  await quotaTake(tx, world, 'floatingip', projectId);
  const id = world.ids.uuid();
  const { port, address } = await outsideMake(act, network, id, wish);
  const row: FloatingIpTable = {
    id,
    project_id: projectId,
    description: wish.description ?? '',
    floating_network_id: network.id,
    floating_port_id: port.id,
    floating_address: address,
    port_id: null,
    fixed_address: null,
    router_id: null,
    status: 'DOWN',
    revision: 1,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('floating_ip').values(row).execute();
  const to = await targetFind(act, projectId, wish);
  if (to !== undefined && to !== null) await floatingIpPoint(work, row, to);
  if (wish.tags !== undefined) await tagsReplace(work, id, wish.tags);
  return id;
}

async function externalFind(act: Act, id: string): Promise<NetworkTable> {
  const { row } = await resourceFind(act, networks, id);
  if (row.is_external !== 1) throw badRequest(`Network ${id} is not a valid external network`);
  const subnet4 = await act.work.tx
    .selectFrom('subnet')
    .select('id')
    .where('network_id', '=', id)
    .where('ip_version', '=', 4)
    .executeTakeFirst();
  if (subnet4 === undefined) throw badRequest(`Network ${id} does not contain any IPv4 subnet`);
  return row;
}

/** The port that keeps the address taken. It belongs to the cloud. */
async function outsideMake(
  { work }: Act,
  network: NetworkTable,
  floatingIpId: string,
  { subnet_id, floating_ip_address }: FloatingIpWish,
): Promise<{ port: PortTable; address: string }> {
  const address = floating_ip_address ?? null;
  const subnetId = subnet_id ?? null;
  const wish = {
    subnetId,
    address: address === null ? null : (addressCanonical(address) ?? address),
  };
  const port = await portInsert(work, {
    network,
    projectId: '',
    fixedIps: address === null && subnetId === null ? null : [wish],
    deviceId: floatingIpId,
    deviceOwner: 'network:floatingip',
  });
  const held = await fixedIpsOf(work.tx, port.id);
  const floating = held.find((one) => !one.address.includes(':'));
  if (floating === undefined) {
    throw badRequest(`Unable to find any IPv4 address on external network ${network.id}.`);
  }
  return { port, address: floating.address };
}

/** Undefined: nothing was said; null: nowhere. */
async function targetFind(
  act: Act,
  projectId: string,
  { port_id, fixed_ip_address }: FloatingIpChange,
): Promise<FloatingTarget | null | undefined> {
  const wanted = fixed_ip_address ?? null;
  const portId = port_id ?? null;
  if (portId === null) {
    if (wanted !== null) {
      throw badRequest('fixed_ip_address cannot be specified without a port_id');
    }
    return port_id === undefined ? undefined : null;
  }
  const { row: port } = await resourceFind(act, ports, portId);
  if (port.project_id !== projectId && !viewerOf(act.context).seesAll) {
    throw badRequest(
      `Port ${portId} is associated with a different tenant than the floating IP and therefore cannot be bound.`,
    );
  }
  return { port, ...(await fixedChoose(act, port, wanted)) };
}

async function fixedChoose(
  { work }: Act,
  port: PortTable,
  wanted: string | null,
): Promise<{ subnetId: string; address: string }> {
  const held = await fixedIpsOf(work.tx, port.id);
  if (wanted !== null) {
    const address = addressCanonical(wanted) ?? wanted;
    const found = held.find((one) => one.address === address);
    if (found === undefined) {
      throw badRequest(`Port ${port.id} does not have fixed ip ${address}`);
    }
    if (address.includes(':')) {
      throw badRequest(
        `Cannot process floating IP association with ${address}, since that is not an IPv4 address`,
      );
    }
    return found;
  }
  const [first, second] = held.filter(({ address }) => !address.includes(':'));
  if (first === undefined) {
    throw badRequest(`Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses`);
  }
  if (second !== undefined) {
    throw badRequest(
      `Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
    );
  }
  return first;
}

export async function floatingIpUpdate(
  act: Act,
  { row, target }: Loaded<FloatingIpTable, FloatingIpView>,
  wish: FloatingIpChange,
): Promise<Columns<FloatingIpTable>> {
  authorizeWish(act.context, 'update', 'floatingip', { wish, guards: {}, target });
  const to = await targetFind(act, row.project_id, wish);
  const isSame = to?.port.id === row.port_id && to?.address === row.fixed_address;
  if (to !== undefined && !isSame) await floatingIpPoint(act.work, row, to);
  return wish.description === undefined ? {} : { description: wish.description };
}

export async function floatingIpDelete(
  { work }: Act,
  { row }: Loaded<FloatingIpTable, FloatingIpView>,
): Promise<void> {
  if (row.port_id !== null) await floatingIpPoint(work, row, null);
  await floatingIpRemove(work, row);
}
