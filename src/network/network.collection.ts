import { sql, type SqlBool } from 'kysely';
import { isoSeconds } from '../kernel/clock.ts';
import type { Target } from '../kernel/policy.ts';
import {
  flagged,
  integer,
  standardAttributes,
  text,
  type Collection,
  type Condition,
  type Loaded,
  type Viewer,
} from './collection.ts';
import { flagOf, tagsOf } from './collection.store.ts';
import { NetworkView } from './network.schema.ts';
import type { NetworkShareTable, NetworkTable, StandardColumns } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';

/** Networks of others that a project may use are those with a share for it or for everybody. */
const sharedWith = (projectId: string, action: NetworkShareTable['action']): Condition =>
  sql<SqlBool>`t.id IN (SELECT network_id FROM network_share
    WHERE target_project IN ('*', ${projectId}) AND action = ${action})`;

/** For what hangs on a network, rows with a column `network_id`: on one's own and on shared ones, not on external ones. */
export const onUsableNetwork = (projectId: string): Condition =>
  sql<SqlBool>`t.network_id IN (SELECT id FROM network WHERE project_id = ${projectId}
    UNION SELECT network_id FROM network_share
      WHERE target_project IN ('*', ${projectId}) AND action = 'access_as_shared')`;

export const networks: Collection<NetworkTable, NetworkView> = {
  name: 'network',
  plural: 'networks',
  path: 'networks',
  table: 'network',
  schema: NetworkView,
  isTaggable: true,
  hidden: ['provider:network_type', 'provider:physical_network', 'provider:segmentation_id'],
  attributes: {
    ...standardAttributes,
    name: text('name'),
    admin_state_up: flagged('admin_state_up'),
    mtu: integer('mtu'),
    is_default: flagged('is_default'),
    port_security_enabled: flagged('port_security'),
    'provider:network_type': text('network_type'),
    'provider:physical_network': text('physical_network'),
    'provider:segmentation_id': integer('segmentation_id'),
    'router:external': flagged('is_external'),
    status: {
      where: (values) => (values.includes('ACTIVE') ? sql<SqlBool>`1 = 1` : sql<SqlBool>`1 = 0`),
    },
    shared: {
      where: (values, viewer) => {
        const shared = sharedWith(viewer.projectId ?? '*', 'access_as_shared');
        const isAsked = values.map((value) => flagOf('shared', value));
        const either = [
          ...(isAsked.includes(true) ? [shared] : []),
          ...(isAsked.includes(false) ? [sql<SqlBool>`NOT ${shared}`] : []),
        ];
        return sql<SqlBool>`(${sql.join(either, sql` OR `)})`;
      },
    },
  },
  visible: (projectId) => sql<SqlBool>`(t.project_id = ${projectId} OR t.id IN
    (SELECT network_id FROM network_share WHERE target_project IN ('*', ${projectId})))`,
  load: networksLoad,
};

async function networksLoad(
  tx: NetworkTx,
  rows: readonly NetworkTable[],
  viewer: Viewer,
): Promise<Loaded<NetworkTable, NetworkView>[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const [subnets, access, tags] = [
    await tx
      .selectFrom('subnet')
      .select(['id', 'network_id'])
      .where('network_id', 'in', ids)
      .orderBy('id')
      .execute(),
    await networkAccess(tx, ids, viewer),
    await tagsOf(tx, ids),
  ];
  return rows.map((row) => {
    const of = access(row.id);
    const own = subnets.filter(({ network_id }) => network_id === row.id);
    const view: NetworkView = {
      ...standardOf(row),
      name: row.name,
      admin_state_up: row.admin_state_up === 1,
      status: 'ACTIVE',
      subnets: own.map(({ id }) => id),
      shared: of.isShared,
      mtu: row.mtu,
      port_security_enabled: row.port_security === 1,
      'router:external': row.is_external === 1,
      is_default: row.is_default === 1,
      availability_zone_hints: JSON.parse(row.zone_hints) as string[],
      availability_zones: own.length === 0 ? [] : ['nova'],
      'provider:network_type': row.network_type,
      'provider:physical_network': row.physical_network,
      'provider:segmentation_id': row.segmentation_id,
      tags: tags.get(row.id) ?? [],
    };
    return { row, view, target: networkTarget(row, of) };
  });
}

export const standardOf = (row: StandardColumns) => ({
  id: row.id,
  project_id: row.project_id,
  tenant_id: row.project_id,
  description: row.description,
  revision_number: row.revision,
  created_at: isoSeconds(row.created_at),
  updated_at: isoSeconds(row.updated_at),
});

/** How a viewer may use a network that is not its own. */
export interface NetworkAccess {
  readonly isShared: boolean;
  readonly isExternal: boolean;
}

export async function networkAccess(
  tx: NetworkTx,
  ids: readonly string[],
  { projectId }: Viewer,
): Promise<(id: string) => NetworkAccess> {
  const rows =
    ids.length === 0
      ? []
      : await tx
          .selectFrom('network_share')
          .select(['network_id', 'action'])
          .where('network_id', 'in', ids)
          .where('target_project', 'in', ['*', ...(projectId === null ? [] : [projectId])])
          .execute();
  const has = (id: string, action: NetworkShareTable['action']): boolean =>
    rows.some((row) => row.network_id === id && row.action === action);
  return (id) => ({
    isShared: has(id, 'access_as_shared'),
    isExternal: has(id, 'access_as_external'),
  });
}

export const networkTarget = (
  row: Pick<NetworkTable, 'project_id'>,
  { isShared, isExternal }: NetworkAccess,
): Target => ({
  project_id: row.project_id,
  tenant_id: row.project_id,
  shared: isShared,
  'router:external': isExternal,
});

/** For what hangs on a network: its owner's rights and its openness, beside the thing's own project. */
export const belowNetworkTarget = (
  projectId: string,
  networkProjectId: string,
  access: NetworkAccess,
): Target => ({
  project_id: projectId,
  tenant_id: projectId,
  'network:project_id': networkProjectId,
  'network:tenant_id': networkProjectId,
  shared: access.isShared,
  'router:external': access.isExternal,
});
