import { isAutoAddress } from './address.store.ts';
import { portRemove } from './port-delete.ts';
import { portTouched } from './port-insert.ts';
import { revisionRaise } from './collection.store.ts';
import type { SubnetTable } from './network.tables.ts';
import type { Work } from './network.world.ts';

/** Takes back what the cloud and guests made for themselves; false when something else has an address here. */
export async function subnetAddressesDrop(work: Work, subnet: SubnetTable): Promise<boolean> {
  const { tx } = work;
  const ports = await tx
    .selectFrom('fixed_ip')
    .innerJoin('port', 'port.id', 'fixed_ip.port_id')
    .selectAll('port')
    .where('fixed_ip.subnet_id', '=', subnet.id)
    .execute();
  const isOurs = (owner: string): boolean =>
    owner === 'network:dhcp' || (isAutoAddress(subnet) && !owner.startsWith('network:router_'));
  if (ports.some(({ device_owner }) => !isOurs(device_owner))) return false;
  await tx.deleteFrom('fixed_ip').where('subnet_id', '=', subnet.id).execute();
  for (const port of ports) {
    portTouched(work, port);
    await revisionRaise(tx, 'port', port.id, work.now);
    if (port.device_owner === 'network:dhcp') {
      const left = await tx
        .selectFrom('fixed_ip')
        .select('address')
        .where('port_id', '=', port.id)
        .executeTakeFirst();
      if (left === undefined) await portRemove(work, port);
    }
  }
  return true;
}

/** All subnets of a network that has no port any more. */
export async function subnetsDelete({ tx }: Work, networkId: string): Promise<void> {
  const ids = tx.selectFrom('subnet').select('id').where('network_id', '=', networkId);
  await tx.deleteFrom('network_tag').where('resource_id', 'in', ids).execute();
  await tx.deleteFrom('subnet').where('network_id', '=', networkId).execute();
}
