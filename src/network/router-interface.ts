import { conflict, notFound, type Failure } from '../kernel/errors.ts';
import { prefixesOverlap } from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import type { Target } from '../kernel/policy.ts';
import { resourceFind, viewerOf, type Act, type Loaded } from './collection.ts';
import { revisionRaise, tagsOf } from './collection.store.ts';
import { badRequest, missingOf } from './network.errors.ts';
import { networkGet } from './network.store.ts';
import type { NetworkTable, PortTable, RouterTable, SubnetTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';
import { ports } from './port.collection.ts';
import { portRemove } from './port-delete.ts';
import { fixedIpsOf, fixedIpsReplace, portInsert, portTouched } from './port-insert.ts';
import { routesThrough } from './router-routes.ts';
import type { InterfaceBody, InterfaceReply, RouterView } from './router.schema.ts';
import { interfaceOwner, interfacesOf, routerAddresses, routerPlace } from './router.store.ts';
import { subnets } from './subnet.collection.ts';

type Found = Loaded<RouterTable, RouterView>;

export async function interfaceAdd(
  act: Act,
  { row: router, target }: Found,
  { subnet_id, port_id }: InterfaceBody,
): Promise<InterfaceReply> {
  act.context.authorize('add_router_interface', target);
  const [subnetId, portId] = [subnet_id ?? null, port_id ?? null];
  if (subnetId === null && portId === null) throw oneNeeded();
  if (subnetId !== null && portId !== null) {
    throw badRequest('Cannot specify both subnet-id and port-id');
  }
  const { work } = act;
  const made =
    portId === null
      ? await addBySubnet(act, router, subnetId ?? '')
      : await addByPort(act, router, portId);
  await routerPlace(work, router);
  await revisionRaise(work.tx, 'router', router.id, work.now);
  return replyOf(work.tx, router, made.port, made.subnetId);
}

const oneNeeded = (): Failure => badRequest('Either subnet_id or port_id must be specified');

interface Made {
  readonly port: PortTable;
  readonly subnetId: string;
}

async function addBySubnet(act: Act, router: RouterTable, subnetId: string): Promise<Made> {
  const { work } = act;
  const { row: subnet, target } = await resourceFind(act, subnets, subnetId);
  await networkUsable(act, router, subnet, target);
  if (subnet.gateway_ip === null) {
    throw badRequest('Subnet for router interface must have a gateway IP');
  }
  await subnetFits(work.tx, router.id, subnet);
  const wish = { subnetId: subnet.id, address: subnet.gateway_ip };
  // All subnets of IPv6 that a network has share one interface, as its guests hear one advertisement.
  const shared = subnet.ip_version === 6 ? await interface6(work.tx, router.id, subnet) : undefined;
  if (shared !== undefined) {
    const held = await fixedIpsOf(work.tx, shared.id);
    await fixedIpsReplace(work, shared, [...held, wish]);
    await revisionRaise(work.tx, 'port', shared.id, work.now);
    portTouched(work, shared);
    return { port: shared, subnetId: subnet.id };
  }
  return { port: await interfaceMake(work, router, subnet), subnetId: subnet.id };
}

/** A leg with the address that the subnet names as its gateway. */
export async function interfaceMake(
  work: Work,
  router: RouterTable,
  subnet: SubnetTable,
): Promise<PortTable> {
  const network = await networkGet(work.tx, subnet.network_id);
  if (network === undefined) throw new Error(`the network of subnet ${subnet.id} is gone`);
  return portInsert(work, {
    network,
    projectId: router.project_id,
    fixedIps: [{ subnetId: subnet.id, address: subnet.gateway_ip }],
    deviceId: router.id,
    deviceOwner: interfaceOwner,
  });
}

/** Networks of others must be shared with the project: that one is external opens it for gateways alone. */
async function networkUsable(
  { context, work }: Act,
  router: RouterTable,
  subnet: SubnetTable,
  target: Target,
): Promise<void> {
  const network = await networkGet(work.tx, subnet.network_id);
  const isOpen =
    network?.project_id === router.project_id ||
    target['shared'] === true ||
    viewerOf(context).seesAll;
  if (network === undefined || !isOpen) throw missingOf('subnet', subnet.id);
  flatRefuse(network);
}

/** A flat network is a bridge of the host: routers reach it by their gateway. */
function flatRefuse({ id, network_type }: NetworkTable): void {
  if (network_type !== 'flat') return;
  throw badRequest(`Flat network ${id} can be the gateway of a router, not an interface`);
}

async function interface6(
  tx: NetworkTx,
  routerId: string,
  { network_id }: SubnetTable,
): Promise<PortTable | undefined> {
  for (const port of await interfacesOf(tx, routerId)) {
    if (port.network_id !== network_id) continue;
    const held = await fixedIpsOf(tx, port.id);
    if (held.every(({ address }) => address.includes(':'))) return port;
  }
  return undefined;
}

async function addByPort(act: Act, router: RouterTable, portId: string): Promise<Made> {
  const { work } = act;
  const { row: port } = await resourceFind(act, ports, portId);
  if (port.project_id !== router.project_id && !viewerOf(act.context).seesAll) {
    throw missingOf('port', portId);
  }
  const network = await networkGet(work.tx, port.network_id);
  if (network !== undefined) flatRefuse(network);
  if (port.device_id !== '' || port.server_id !== null) {
    throw conflict(
      `Unable to complete operation on port ${port.id} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
      { type: 'PortInUse' },
    );
  }
  const held = await work.tx
    .selectFrom('fixed_ip')
    .innerJoin('subnet', 'subnet.id', 'fixed_ip.subnet_id')
    .selectAll('subnet')
    .where('fixed_ip.port_id', '=', port.id)
    .orderBy('fixed_ip.position')
    .execute();
  const [first] = held;
  if (first === undefined) throw badRequest('Router port must have at least one fixed IP');
  if (held.filter(({ ip_version }) => ip_version === 4).length > 1) {
    throw badRequest('Cannot have multiple IPv4 subnets on router port');
  }
  for (const subnet of held) await subnetFits(work.tx, router.id, subnet);
  // A port of a router is trusted: neither groups nor anti-spoofing stand before what it forwards.
  const taken = {
    device_id: router.id,
    device_owner: interfaceOwner,
    port_security: 0,
    allowed_pairs: '[]',
    binding_host: '',
  } as const;
  portTouched(work, port, await groupsDrop(work.tx, port.id));
  await work.tx.updateTable('port').set(taken).where('id', '=', port.id).execute();
  await revisionRaise(work.tx, 'port', port.id, work.now);
  portTouched(work, { ...port, ...taken });
  return { port: { ...port, ...taken }, subnetId: first.id };
}

async function groupsDrop(tx: NetworkTx, portId: string): Promise<string[]> {
  const rows = await tx
    .deleteFrom('port_security_group')
    .where('port_id', '=', portId)
    .returning('group_id')
    .execute();
  return rows.map(({ group_id }) => group_id);
}

async function subnetFits(tx: NetworkTx, routerId: string, subnet: SubnetTable): Promise<void> {
  if (
    subnet.ip_version === 6 &&
    subnet.ipv6_ra_mode === null &&
    subnet.ipv6_address_mode !== null
  ) {
    throw badRequest(
      `IPv6 subnet ${subnet.id} configured to receive RAs from an external router cannot be added to Neutron Router.`,
    );
  }
  await overlapCheck(tx, routerId, subnet);
}

/** No two legs of a router may lead to the same addresses. */
export async function overlapCheck(
  tx: NetworkTx,
  routerId: string,
  subnet: Pick<SubnetTable, 'id' | 'cidr'>,
): Promise<void> {
  for (const { subnet: other } of await routerAddresses(tx, routerId)) {
    if (other.id === subnet.id) {
      throw badRequest(`Router already has a port on subnet ${subnet.id}`);
    }
    if (prefixesOverlap(subnetPrefix(other), subnetPrefix(subnet))) {
      throw badRequest(
        `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`,
      );
    }
  }
}

export async function interfaceRemove(
  act: Act,
  { row: router, target }: Found,
  { subnet_id, port_id }: InterfaceBody,
): Promise<InterfaceReply> {
  act.context.authorize('remove_router_interface', target);
  const [subnetId, portId] = [subnet_id ?? null, port_id ?? null];
  if (subnetId === null && portId === null) throw oneNeeded();
  const { work } = act;
  const { tx } = work;
  if (portId === null) await resourceFind(act, subnets, subnetId ?? '');
  const legs = (await routerAddresses(tx, router.id)).filter(
    ({ owner }) => owner === interfaceOwner,
  );
  const leg = legs.find((one) =>
    portId === null ? one.subnet.id === subnetId : one.portId === portId,
  );
  if (leg === undefined) throw interfaceMissing(router.id, portId, subnetId);
  const ofPort = legs.filter((one) => one.portId === leg.portId);
  if (subnetId !== null && !ofPort.some(({ subnet }) => subnet.id === subnetId)) {
    throw conflict(
      `Subnet on port ${leg.portId} does not match the requested subnet ${subnetId}.`,
      { type: 'SubnetMismatchForPort' },
    );
  }
  const lost = portId === null ? ofPort.filter((one) => one.subnet.id === subnetId) : ofPort;
  for (const { subnet } of lost) await legUnused(work, router, subnet);
  const [port] = (await interfacesOf(tx, router.id)).filter(({ id }) => id === leg.portId);
  if (port === undefined) throw interfaceMissing(router.id, portId, subnetId);
  const reply = await replyOf(tx, router, port, leg.subnet.id);
  const kept = ofPort.filter((one) => !lost.includes(one));
  if (kept.length === 0) await portRemove(work, port);
  else {
    const wishes = kept.map(({ subnet, address }) => ({ subnetId: subnet.id, address }));
    await fixedIpsReplace(work, port, wishes);
    await revisionRaise(tx, 'port', port.id, work.now);
    portTouched(work, port);
  }
  await revisionRaise(tx, 'router', router.id, work.now);
  return { ...reply, subnet_ids: lost.map(({ subnet }) => subnet.id) };
}

const interfaceMissing = (
  routerId: string,
  portId: string | null,
  subnetId: string | null,
): Failure =>
  portId === null
    ? notFound(`Router ${routerId} has no interface on subnet ${subnetId}`, {
        type: 'RouterInterfaceNotFoundForSubnet',
      })
    : notFound(`Router ${routerId} does not have an interface with id ${portId}`, {
        type: 'RouterInterfaceNotFound',
      });

/** Floating IPs that lead through the router into the subnet, and routes over it, keep the interface. */
async function legUnused({ tx }: Work, router: RouterTable, subnet: SubnetTable): Promise<void> {
  const floating = await tx
    .selectFrom('floating_ip')
    .innerJoin('fixed_ip', 'fixed_ip.port_id', 'floating_ip.port_id')
    .select('floating_ip.id')
    .where('floating_ip.router_id', '=', router.id)
    .where('fixed_ip.subnet_id', '=', subnet.id)
    .whereRef('fixed_ip.address', '=', 'floating_ip.fixed_address')
    .executeTakeFirst();
  const stays = `Router interface for subnet ${subnet.id} on router ${router.id} cannot be deleted, as it is required by one or more`;
  if (floating !== undefined) {
    throw conflict(`${stays} floating IPs.`, { type: 'RouterInterfaceInUseByFloatingIP' });
  }
  const all = await routerAddresses(tx, router.id);
  const [through, others] = [true, false].map((isHere) =>
    all.filter((one) => (one.subnet.id === subnet.id) === isHere),
  );
  if (routesThrough(router, through ?? [], others ?? []).length === 0) return;
  throw conflict(`${stays} routes.`, { type: 'RouterInterfaceInUseByRoute' });
}

async function replyOf(
  tx: NetworkTx,
  router: RouterTable,
  port: PortTable,
  subnetId: string,
): Promise<InterfaceReply> {
  const held = await fixedIpsOf(tx, port.id);
  return {
    id: router.id,
    project_id: router.project_id,
    tenant_id: router.project_id,
    port_id: port.id,
    network_id: port.network_id,
    subnet_id: subnetId,
    subnet_ids: held.map((one) => one.subnetId),
    tags: (await tagsOf(tx, [router.id])).get(router.id) ?? [],
  };
}
