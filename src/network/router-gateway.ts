import { flag } from '../kernel/db.ts';
import { conflict, invalid } from '../kernel/errors.ts';
import { addressCanonical } from './address.model.ts';
import type { AddressWish } from './address.store.ts';
import { resourceFind, type Act } from './collection.ts';
import { asBoolean } from './collection.schema.ts';
import { networks } from './network.collection.ts';
import { badRequest } from './network.errors.ts';
import type { NetworkTable, PortTable, RouterTable } from './network.tables.ts';
import type { Work } from './network.world.ts';
import { portGet, portRemove } from './port-delete.ts';
import { fixedIpsReplace, portInsert, portTouched } from './port-insert.ts';
import { overlapCheck } from './router-interface.ts';
import { routesThrough } from './router-routes.ts';
import type { GatewayWish } from './router.schema.ts';
import { gatewayOwner, routerAddresses, routerPlace } from './router.store.ts';

/** Makes the way out of a router as it is wished; null takes it away. The row of the router is changed here. */
export async function gatewaySet(
  act: Act,
  router: RouterTable,
  wish: GatewayWish | null,
): Promise<void> {
  const { work } = act;
  const before =
    router.gateway_port_id === null ? undefined : await portGet(work.tx, router.gateway_port_id);
  if (wish === null || Object.keys(wish).length === 0) {
    if (before !== undefined) await gatewayRemove(work, router, before);
    return;
  }
  const networkId = wish.network_id ?? null;
  if (networkId === null) {
    throw badRequest("Invalid input for external_gateway_info. Reason: 'network_id' is required.");
  }
  const { row: network } = await resourceFind(act, networks, networkId);
  const addresses = await addressesWished(work, network, wish);
  await work.tx
    .updateTable('router')
    .set({ enable_snat: flag(asBoolean(wish.enable_snat ?? true)) })
    .where('id', '=', router.id)
    .execute();
  work.touched.routers.add(router.id);
  if (before?.network_id === network.id) {
    if (addresses === null) return;
    await fixedIpsReplace(work, before, addresses);
    portTouched(work, before);
    return;
  }
  if (before !== undefined) await gatewayRemove(work, router, before);
  await gatewayMake(work, router, network, addresses);
}

/** Null: as the network gives. */
async function addressesWished(
  { tx }: Work,
  network: NetworkTable,
  wish: GatewayWish,
): Promise<AddressWish[] | null> {
  if (network.is_external !== 1) {
    throw badRequest(`Network ${network.id} is not an external network`);
  }
  const wished = wish.external_fixed_ips ?? [];
  if (wished.length === 0) return null;
  const subnets = await tx
    .selectFrom('subnet')
    .select('gateway_ip')
    .where('network_id', '=', network.id)
    .execute();
  return wished.map(({ subnet_id, ip_address }) => {
    const address =
      typeof ip_address === 'string' ? (addressCanonical(ip_address) ?? ip_address) : null;
    if (address !== null && subnets.some(({ gateway_ip }) => gateway_ip === address)) {
      throw badRequest(`External IP ${address} is the same as the gateway IP`);
    }
    return { subnetId: subnet_id ?? null, address };
  });
}

export async function gatewayMake(
  work: Work,
  router: RouterTable,
  network: NetworkTable,
  addresses: AddressWish[] | null,
): Promise<void> {
  const subnets = await work.tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', '=', network.id)
    .execute();
  for (const subnet of subnets) await overlapCheck(work.tx, router.id, subnet);
  const port = await portInsert(work, {
    network,
    // Belongs to the cloud: whoever owns the router can neither see nor change it.
    projectId: '',
    fixedIps: addresses,
    deviceId: router.id,
    deviceOwner: gatewayOwner,
  });
  await work.tx
    .updateTable('router')
    .set({ gateway_port_id: port.id })
    .where('id', '=', router.id)
    .execute();
  await routerPlace(work, router);
}

async function gatewayRemove(work: Work, router: RouterTable, port: PortTable): Promise<void> {
  const { tx } = work;
  const floating = await tx
    .selectFrom('floating_ip')
    .select('id')
    .where('router_id', '=', router.id)
    .executeTakeFirst();
  if (floating !== undefined) {
    throw conflict(
      `Gateway cannot be updated for router ${router.id}, since a gateway to external network ${port.network_id} is required by one or more floating IPs.`,
      { type: 'RouterExternalGatewayInUseByFloatingIp' },
    );
  }
  const all = await routerAddresses(tx, router.id);
  const outside = all.filter(({ portId }) => portId === port.id);
  const [route] = routesThrough(
    router,
    outside,
    all.filter(({ portId }) => portId !== port.id),
  );
  if (route !== undefined) {
    throw invalid(
      `Invalid format for routes: ${route.destination} via ${route.nexthop}, the nexthop is not connected with router`,
      { type: 'InvalidRoutes' },
    );
  }
  await tx
    .updateTable('router')
    .set({ gateway_port_id: null })
    .where('id', '=', router.id)
    .execute();
  await portRemove(work, port);
}
