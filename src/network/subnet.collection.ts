import { sql, type SqlBool } from 'kysely';
import {
  flagged,
  integer,
  standardAttributes,
  text,
  type Collection,
  type Loaded,
  type Viewer,
} from './collection.ts';
import { flagOf, tagsOf } from './collection.store.ts';
import {
  belowNetworkTarget,
  networkAccess,
  onUsableNetwork,
  standardOf,
} from './network.collection.ts';
import type { SubnetTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { PoolText, RouteText } from './subnet.model.ts';
import { SubnetView } from './subnet.schema.ts';

export const subnets: Collection<SubnetTable, SubnetView> = {
  name: 'subnet',
  plural: 'subnets',
  path: 'subnets',
  table: 'subnet',
  schema: SubnetView,
  isTaggable: true,
  attributes: {
    ...standardAttributes,
    name: text('name'),
    network_id: text('network_id'),
    ip_version: integer('ip_version'),
    cidr: text('cidr'),
    gateway_ip: text('gateway_ip'),
    enable_dhcp: flagged('enable_dhcp'),
    ipv6_ra_mode: text('ipv6_ra_mode'),
    ipv6_address_mode: text('ipv6_address_mode'),
    subnetpool_id: text('subnet_pool_id'),
    shared: {
      where: (values, { projectId }) => {
        const isShared = sql<SqlBool>`EXISTS (SELECT 1 FROM network_share AS s
          WHERE s.network_id = t.network_id AND s.action = 'access_as_shared'
          AND s.target_project IN ('*', ${projectId ?? '*'}))`;
        return flagOf('shared', values[0] ?? '') ? isShared : sql<SqlBool>`NOT ${isShared}`;
      },
    },
  },
  visible: (projectId) =>
    sql<SqlBool>`(t.project_id = ${projectId} OR ${onUsableNetwork(projectId)})`,
  load: subnetsLoad,
};

async function subnetsLoad(
  tx: NetworkTx,
  rows: readonly SubnetTable[],
  viewer: Viewer,
): Promise<Loaded<SubnetTable, SubnetView>[]> {
  const networkIds = [...new Set(rows.map(({ network_id }) => network_id))];
  if (networkIds.length === 0) return [];
  const owners = await tx
    .selectFrom('network')
    .select(['id', 'project_id'])
    .where('id', 'in', networkIds)
    .execute();
  const access = await networkAccess(tx, networkIds, viewer);
  const tags = await tagsOf(
    tx,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const owner = owners.find(({ id }) => id === row.network_id)?.project_id ?? '';
    return {
      row,
      view: subnetView(row, tags.get(row.id) ?? []),
      target: belowNetworkTarget(row.project_id, owner, access(row.network_id)),
    };
  });
}

const subnetView = (row: SubnetTable, tags: string[]): SubnetView => ({
  ...standardOf(row),
  name: row.name,
  network_id: row.network_id,
  ip_version: row.ip_version,
  cidr: row.cidr,
  gateway_ip: row.gateway_ip,
  enable_dhcp: row.enable_dhcp === 1,
  ipv6_ra_mode: row.ipv6_ra_mode,
  ipv6_address_mode: row.ipv6_address_mode,
  allocation_pools: JSON.parse(row.allocation_pools) as PoolText[],
  dns_nameservers: JSON.parse(row.dns_nameservers) as string[],
  host_routes: JSON.parse(row.host_routes) as RouteText[],
  subnetpool_id: row.subnet_pool_id,
  tags,
});
