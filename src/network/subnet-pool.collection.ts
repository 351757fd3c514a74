import { sql, type SqlBool } from 'kysely';
import { flagged, integer, standardAttributes, text, type Collection } from './collection.ts';
import { tagsOf } from './collection.store.ts';
import { standardOf } from './network.collection.ts';
import type { SubnetPoolTable } from './network.tables.ts';
import { SubnetPoolView } from './subnet-pool.schema.ts';

export const subnetPools: Collection<SubnetPoolTable, SubnetPoolView> = {
  name: 'subnetpool',
  plural: 'subnetpools',
  path: 'subnetpools',
  table: 'subnet_pool',
  schema: SubnetPoolView,
  isTaggable: true,
  attributes: {
    ...standardAttributes,
    name: text('name'),
    ip_version: integer('ip_version'),
    default_prefixlen: integer('default_prefixlen'),
    min_prefixlen: integer('min_prefixlen'),
    max_prefixlen: integer('max_prefixlen'),
    default_quota: integer('default_quota'),
    is_default: flagged('is_default'),
    shared: flagged('shared'),
  },
  visible: (projectId) => sql<SqlBool>`(t.project_id = ${projectId} OR t.shared = 1)`,
  async load(tx, rows) {
    const tags = await tagsOf(
      tx,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => ({
      row,
      view: {
        ...standardOf(row),
        name: row.name,
        ip_version: row.ip_version,
        prefixes: JSON.parse(row.prefixes) as string[],
        default_prefixlen: row.default_prefixlen,
        min_prefixlen: row.min_prefixlen,
        max_prefixlen: row.max_prefixlen,
        default_quota: row.default_quota,
        is_default: row.is_default === 1,
        shared: row.shared === 1,
        address_scope_id: null,
        tags: tags.get(row.id) ?? [],
      },
      target: {
        project_id: row.project_id,
        tenant_id: row.project_id,
        shared: row.shared === 1,
      },
    }));
  },
};
