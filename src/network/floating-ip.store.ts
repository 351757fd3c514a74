import { conflict, notFound } from '../kernel/errors.ts';
import type { FloatingIpTable, PortTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';
import { portGet, portRemove } from './port-delete.ts';
import { portTouched } from './port-insert.ts';
import { gatewayOwner, interfaceOwner } from './router.store.ts';

/** What a floating IP leads to. */
export interface FloatingTarget {
  readonly port: PortTable;
  readonly subnetId: string;
  readonly address: string;
}

type Floating = Pick<
  FloatingIpTable,
  'id' | 'floating_network_id' | 'floating_address' | 'port_id' | 'router_id'
>;

/** Lets a floating IP lead to an address, wherever it led before; null: nowhere. */
export async function floatingIpPoint(
  work: Work,
  floating: Floating,
  to: FloatingTarget | null,
): Promise<void> {
  const { tx, touched } = work;
  const routerId = to === null ? null : await routerBetween(tx, floating, to);
  if (to !== null) await fixedAddressFree(tx, floating, to);
  const from = floating.port_id === null ? undefined : await portGet(tx, floating.port_id);
  for (const port of [from, to?.port]) if (port !== undefined) portTouched(work, port);
  for (const id of [floating.router_id, routerId]) if (id !== null) touched.routers.add(id);
  await tx
    .updateTable('floating_ip')
    .set((e) => ({
      port_id: to?.port.id ?? null,
      fixed_address: to?.address ?? null,
      router_id: routerId,
      // What leads somewhere is up when its router says so.
      status: 'DOWN' as const,
      revision: e('revision', '+', 1),
      updated_at: work.now,
    }))
    .where('id', '=', floating.id)
    .execute();
}

/** Among routers from the subnet to the external network, the one whose interface is the subnet's gateway. */
async function routerBetween(
  tx: NetworkTx,
  { floating_network_id }: Floating,
  { port, subnetId }: FloatingTarget,
): Promise<string> {
  const rows = await tx
    .selectFrom('fixed_ip')
    .innerJoin('port as inside', 'inside.id', 'fixed_ip.port_id')
    .innerJoin('router', 'router.id', 'inside.device_id')
    .innerJoin('port as outside', 'outside.id', 'router.gateway_port_id')
    .innerJoin('subnet', 'subnet.id', 'fixed_ip.subnet_id')
    .select(['router.id', 'fixed_ip.address', 'subnet.gateway_ip'])
    .where('fixed_ip.subnet_id', '=', subnetId)
    .where('inside.device_owner', '=', interfaceOwner)
    .where('outside.device_owner', '=', gatewayOwner)
    .where('outside.network_id', '=', floating_network_id)
    .orderBy('router.id')
    .execute();
  const router = rows.find(({ address, gateway_ip }) => address === gateway_ip) ?? rows[0];
  if (router !== undefined) return router.id;
  throw notFound(
    `External network ${floating_network_id} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${port.id} with a Floating IP.`,
    { type: 'ExternalGatewayForFloatingIPNotFound' },
  );
}

async function fixedAddressFree(
  tx: NetworkTx,
  floating: Floating,
  { port, address }: FloatingTarget,
): Promise<void> {
  const other = await tx
    .selectFrom('floating_ip')
    .select('floating_network_id')
    .where('port_id', '=', port.id)
    .where('fixed_address', '=', address)
    .where('id', '!=', floating.id)
    .executeTakeFirst();
  if (other === undefined) return;
  throw conflict(
    `Cannot associate floating IP ${floating.floating_address} (${floating.id}) with port ${port.id} using fixed IP ${address}, as that fixed IP already has a floating IP on external network ${other.floating_network_id}.`,
    { type: 'FloatingIPPortAlreadyAssociated' },
  );
}

/** Floating IPs that lead nowhere keep nobody from deleting their external network: they go with it. */
export async function floatingIpsUnusedDelete(work: Work, networkId: string): Promise<void> {
  const unused = await work.tx
    .selectFrom('floating_ip')
    .select(['id', 'floating_port_id'])
    .where('floating_network_id', '=', networkId)
    .where('port_id', 'is', null)
    .execute();
  for (const floating of unused) await floatingIpRemove(work, floating);
}

/** The row and the port that kept its address. */
export async function floatingIpRemove(
  work: Work,
  { id, floating_port_id }: Pick<FloatingIpTable, 'id' | 'floating_port_id'>,
): Promise<void> {
  await work.tx.deleteFrom('network_tag').where('resource_id', '=', id).execute();
  await work.tx.deleteFrom('floating_ip').where('id', '=', id).execute();
  const port = await portGet(work.tx, floating_port_id);
  if (port !== undefined) await portRemove(work, port);
}
