import { sql, type SqlBool } from 'kysely';
import {
  flagged,
  standardAttributes,
  text,
  type Collection,
  type Condition,
  type Loaded,
  type Viewer,
} from './collection.ts';
import { tagsOf } from './collection.store.ts';
import { addressCanonical } from './address.model.ts';
import { belowNetworkTarget, networkAccess, standardOf } from './network.collection.ts';
import { badRequest } from './network.errors.ts';
import type { PortTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { AllowedPair, DhcpOption } from './port-insert.ts';
import { PortView } from './port.schema.ts';

export const ports: Collection<PortTable, PortView> = {
  name: 'port',
  plural: 'ports',
  path: 'ports',
  table: 'port',
  schema: PortView,
  isTaggable: true,
  hidden: ['binding:host_id', 'binding:profile', 'binding:vif_details', 'binding:vif_type'],
  attributes: {
    ...standardAttributes,
    name: text('name'),
    network_id: text('network_id'),
    admin_state_up: flagged('admin_state_up'),
    mac_address: {
      where: (values) =>
        sql<SqlBool>`t.mac IN (${sql.join(values.map((mac) => mac.toLowerCase()))})`,
      column: 'mac',
      isSortKey: true,
    },
    device_id: text('device_id'),
    device_owner: text('device_owner'),
    status: text('status'),
    port_security_enabled: flagged('port_security'),
    'binding:host_id': text('binding_host'),
    fixed_ips: { where: fixedIpsCondition },
    security_groups: {
      where: (values) => sql<SqlBool>`t.id IN (SELECT port_id FROM port_security_group
        WHERE group_id IN (${sql.join([...values])}))`,
    },
  },
  // Owners of a network see what others connect to it.
  visible: (projectId) => sql<SqlBool>`(t.project_id = ${projectId} OR t.network_id IN
    (SELECT id FROM network WHERE project_id = ${projectId}))`,
  load: portsLoad,
};

/** `fixed_ips=ip_address=10.0.0.5`, `subnet_id=...`, `ip_address_substr=10.0`: one key OR, several AND. */
function fixedIpsCondition(values: readonly string[]): Condition {
  const asked = new Map<string, string[]>();
  for (const value of values) {
    const [, key = '', text = ''] = /^(\w+)=(.*)$/.exec(value) ?? [];
    if (!['ip_address', 'subnet_id', 'ip_address_substr'].includes(key)) {
      throw badRequest(`Invalid filter for fixed_ips: '${value}'`);
    }
    asked.set(key, [...(asked.get(key) ?? []), text]);
  }
  const conditions = [...asked].map(([key, texts]) => {
    const hits = texts.map((text) => {
      if (key === 'ip_address') return sql<SqlBool>`f.address = ${addressCanonical(text) ?? text}`;
      if (key === 'subnet_id') return sql<SqlBool>`f.subnet_id = ${text}`;
      return sql<SqlBool>`f.address LIKE ${`%${text.replaceAll(/[%_]/g, '')}%`}`;
    });
    return sql<SqlBool>`EXISTS (SELECT 1 FROM fixed_ip AS f WHERE f.port_id = t.id
      AND (${sql.join(hits, sql` OR `)}))`;
  });
  return sql<SqlBool>`(${sql.join(conditions, sql` AND `)})`;
}

async function portsLoad(
  tx: NetworkTx,
  rows: readonly PortTable[],
  viewer: Viewer,
): Promise<Loaded<PortTable, PortView>[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const networkIds = [...new Set(rows.map(({ network_id }) => network_id))];
  const owners = await tx
    .selectFrom('network')
    .select(['id', 'project_id'])
    .where('id', 'in', networkIds)
    .execute();
  const access = await networkAccess(tx, networkIds, viewer);
  const addresses = Map.groupBy(
    await tx
      .selectFrom('fixed_ip')
      .select(['port_id', 'subnet_id', 'address'])
      .where('port_id', 'in', ids)
      .orderBy('position')
      .execute(),
    ({ port_id }) => port_id,
  );
  const groups = Map.groupBy(
    await tx
      .selectFrom('port_security_group')
      .selectAll()
      .where('port_id', 'in', ids)
      .orderBy('group_id')
      .execute(),
    ({ port_id }) => port_id,
  );
  const tags = await tagsOf(tx, ids);
  return rows.map((row) => {
    const owner = owners.find(({ id }) => id === row.network_id)?.project_id ?? '';
    const view: PortView = {
      ...portView(row),
      fixed_ips: (addresses.get(row.id) ?? []).map(({ subnet_id, address }) => ({
        subnet_id,
        ip_address: address,
      })),
      security_groups: (groups.get(row.id) ?? []).map(({ group_id }) => group_id),
      tags: tags.get(row.id) ?? [],
    };
    return {
      row,
      view,
      target: belowNetworkTarget(row.project_id, owner, access(row.network_id)),
    };
  });
}

function portView(row: PortTable): Omit<PortView, 'fixed_ips' | 'security_groups' | 'tags'> {
  const isBound = row.binding_host !== '';
  return {
    ...standardOf(row),
    name: row.name,
    network_id: row.network_id,
    admin_state_up: row.admin_state_up === 1,
    mac_address: row.mac,
    device_id: row.device_id,
    device_owner: row.device_owner,
    status: row.status,
    port_security_enabled: row.port_security === 1,
    allowed_address_pairs: JSON.parse(row.allowed_pairs) as AllowedPair[],
    extra_dhcp_opts: JSON.parse(row.dhcp_options) as DhcpOption[],
    'binding:host_id': row.binding_host,
    'binding:profile': JSON.parse(row.binding_profile) as Record<string, unknown>,
    'binding:vif_details': isBound ? { port_filter: true, connectivity: 'l2' } : {},
    'binding:vif_type': isBound ? 'bridge' : 'unbound',
    'binding:vnic_type': 'normal',
  };
}
