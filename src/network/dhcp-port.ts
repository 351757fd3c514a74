import { Failure } from '../kernel/errors.ts';
import { eui64, addressText } from './address.model.ts';
import { fixedIpsInsert, isAutoAddress, subnetPrefix } from './address.store.ts';
import { revisionRaise } from './collection.store.ts';
import type { NetworkTable, SubnetTable } from './network.tables.ts';
import type { Work } from './network.world.ts';
import { portRemove } from './port-delete.ts';
import { fixedIpsOf, fixedIpsReplace, portInsert, portTouched } from './port-insert.ts';

/**
 * The address of DHCP, DNS and metadata in every subnet that has DHCP: one port per network, the same on all hosts.
 * External networks have none: nothing of ours serves them.
 */
export async function dhcpPortEnsure(work: Work, network: NetworkTable): Promise<void> {
  const { tx } = work;
  const served =
    network.is_external === 1
      ? []
      : await tx
          .selectFrom('subnet')
          .selectAll()
          .where('network_id', '=', network.id)
          .where('enable_dhcp', '=', 1)
          .orderBy('id')
          .execute();
  const port = await tx
    .selectFrom('port')
    .selectAll()
    .where('network_id', '=', network.id)
    .where('device_owner', '=', 'network:dhcp')
    .executeTakeFirst();
  if (served.length === 0) {
    if (port !== undefined) await portRemove(work, port);
    return;
  }
  const wishes = served.map(({ id }) => ({ subnetId: id, address: null }));
  if (port === undefined) {
    await whereThereIsRoom(() =>
      portInsert(work, {
        network,
        projectId: network.project_id,
        fixedIps: wishes,
        deviceId: `dhcp-${network.id}`,
        deviceOwner: 'network:dhcp',
      }),
    );
    return;
  }
  const before = (await fixedIpsOf(tx, port.id)).map(({ subnetId }) => subnetId);
  if (
    before.toSorted().join() ===
    served
      .map(({ id }) => id)
      .toSorted()
      .join()
  )
    return;
  await whereThereIsRoom(() => fixedIpsReplace(work, port, wishes));
  await revisionRaise(tx, 'port', port.id, work.now);
  portTouched(work, port);
}

/** A subnet without a free address can still be made; its guests are configured by hand. */
async function whereThereIsRoom(take: () => Promise<unknown>): Promise<void> {
  try {
    await take();
  } catch (error) {
    const types = ['IpAddressGenerationFailure', 'IpAddressInUse'];
    if (!(error instanceof Failure) || !types.includes(error.type ?? '')) throw error;
  }
}

/** Guests that are on the network already make themselves an address in the new subnet. */
export async function autoAddressesAdd(work: Work, subnet: SubnetTable): Promise<void> {
  if (!isAutoAddress(subnet)) return;
  const { tx } = work;
  const ports = await tx
    .selectFrom('port')
    .selectAll()
    .where('network_id', '=', subnet.network_id)
    .where('device_owner', 'not like', 'network:%')
    .execute();
  for (const port of ports) {
    const address = addressText(eui64(subnetPrefix(subnet), port.mac));
    const before = await fixedIpsOf(tx, port.id);
    await tx.deleteFrom('fixed_ip').where('port_id', '=', port.id).execute();
    const all = [...before, { subnetId: subnet.id, address }];
    await fixedIpsInsert(tx, port.id, port.network_id, all);
    await revisionRaise(tx, 'port', port.id, work.now);
    portTouched(work, port);
  }
}
