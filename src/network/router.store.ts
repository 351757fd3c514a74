import { hostsDown } from './agent.store.ts';
import type { PortTable, RouterTable, SubnetTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';

/** One address of a router: on an interface, or on its gateway. */
export interface RouterAddress {
  readonly portId: string;
  readonly owner: string;
  readonly address: string;
  readonly subnet: SubnetTable;
}

export async function routerAddresses(tx: NetworkTx, routerId: string): Promise<RouterAddress[]> {
  const rows = await tx
    .selectFrom('port')
    .innerJoin('fixed_ip', 'fixed_ip.port_id', 'port.id')
    .innerJoin('subnet', 'subnet.id', 'fixed_ip.subnet_id')
    .selectAll('subnet')
    .select(['port.id as port_id', 'port.device_owner', 'fixed_ip.address'])
    .where('port.device_id', '=', routerId)
    .where('port.device_owner', 'like', 'network:router_%')
    .orderBy('port.id')
    .orderBy('fixed_ip.position')
    .execute();
  return rows.map(({ port_id, device_owner, address, ...subnet }) => ({
    portId: port_id,
    owner: device_owner,
    address,
    subnet,
  }));
}

export const interfaceOwner = 'network:router_interface';
export const gatewayOwner = 'network:router_gateway';

export const interfacesOf = (tx: NetworkTx, routerId: string): Promise<PortTable[]> =>
  tx
    .selectFrom('port')
    .selectAll()
    .where('device_id', '=', routerId)
    .where('device_owner', '=', interfaceOwner)
    .orderBy('id')
    .execute();

/** A router runs on one host, from the first thing that is plugged into it on. */
export async function routerPlace({ tx, world }: Work, router: RouterTable): Promise<void> {
  if (router.host !== null) return;
  const down = await hostsDown(tx);
  const host = world.hosts.list().find(({ name }) => !down.has(name));
  if (host === undefined) return;
  await tx.updateTable('router').set({ host: host.name }).where('id', '=', router.id).execute();
}
