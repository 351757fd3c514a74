import { floatingIpsRelease, portTouched } from './port-insert.ts';
import type { PortTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';

/** Addresses and groups go with the port, floating IPs are let go of. */
export async function portRemove(work: Work, port: PortTable): Promise<void> {
  const { tx } = work;
  portTouched(work, port, await portGroupIds(tx, port.id));
  await floatingIpsRelease(work, port.id, null);
  await tx.deleteFrom('network_tag').where('resource_id', '=', port.id).execute();
  await tx.deleteFrom('port').where('id', '=', port.id).execute();
}

export async function portGroupIds(tx: NetworkTx, portId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('port_security_group')
    .select('group_id')
    .where('port_id', '=', portId)
    .orderBy('group_id')
    .execute();
  return rows.map(({ group_id }) => group_id);
}

/** Ports that the cloud made for a network to work keep nobody from deleting it. */
export async function portsOwnDelete(work: Work, networkId: string): Promise<void> {
  const own = await work.tx
    .selectFrom('port')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('device_owner', '=', 'network:dhcp')
    .execute();
  for (const port of own) await portRemove(work, port);
}

export const portGet = (tx: NetworkTx, id: string): Promise<PortTable | undefined> =>
  tx.selectFrom('port').selectAll().where('id', '=', id).executeTakeFirst();
