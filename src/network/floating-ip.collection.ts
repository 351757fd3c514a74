import { ofProject, standardAttributes, text, type Collection, type Loaded } from './collection.ts';
import { tagsOf } from './collection.store.ts';
import { FloatingIpView } from './floating-ip.schema.ts';
import { standardOf } from './network.collection.ts';
import type { FloatingIpTable, PortTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';

export const floatingIps: Collection<FloatingIpTable, FloatingIpView> = {
  name: 'floatingip',
  plural: 'floatingips',
  path: 'floatingips',
  table: 'floating_ip',
  schema: FloatingIpView,
  isTaggable: true,
  attributes: {
    ...standardAttributes,
    floating_network_id: text('floating_network_id'),
    floating_ip_address: text('floating_address'),
    port_id: text('port_id'),
    fixed_ip_address: text('fixed_address'),
    router_id: text('router_id'),
    status: text('status'),
  },
  visible: ofProject,
  load: floatingIpsLoad,
};

async function floatingIpsLoad(
  tx: NetworkTx,
  rows: readonly FloatingIpTable[],
): Promise<Loaded<FloatingIpTable, FloatingIpView>[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const portIds = rows.flatMap(({ port_id }) => port_id ?? []);
  const ports =
    portIds.length === 0
      ? []
      : await tx.selectFrom('port').selectAll().where('id', 'in', portIds).execute();
  const tags = await tagsOf(tx, ids);
  return rows.map((row) => {
    const port = ports.find(({ id }) => id === row.port_id);
    const view: FloatingIpView = {
      ...standardOf(row),
      floating_network_id: row.floating_network_id,
      floating_ip_address: row.floating_address,
      port_id: row.port_id,
      fixed_ip_address: row.fixed_address,
      router_id: row.router_id,
      status: row.status,
      port_details: port === undefined ? null : portDetails(port),
      tags: tags.get(row.id) ?? [],
    };
    return { row, view, target: { project_id: row.project_id, tenant_id: row.project_id } };
  });
}

const portDetails = (port: PortTable) => ({
  name: port.name,
  network_id: port.network_id,
  mac_address: port.mac,
  admin_state_up: port.admin_state_up === 1,
  status: port.status,
  device_id: port.device_id,
  device_owner: port.device_owner,
});
