import { sql, type CreateTableBuilder, type Kysely } from 'kysely';
import type { Migrations } from '../kernel/db.ts';

const standard = (table: CreateTableBuilder<string>): CreateTableBuilder<string> =>
  table
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('revision', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull()) as CreateTableBuilder<string>;

const names = (
  table: CreateTableBuilder<string>,
  type: 'text' | 'integer' | 'bigint',
  columns: string,
): CreateTableBuilder<string> =>
  columns
    .split(' ')
    .reduce(
      (built, column) =>
        column.endsWith('?')
          ? built.addColumn(column.slice(0, -1), type)
          : (built.addColumn(column, type, (c) => c.notNull()) as CreateTableBuilder<string>),
      table,
    );

async function networks(db: Kysely<unknown>): Promise<void> {
  let table = standard(db.schema.createTable('network'));
  table = names(table, 'text', 'name network_type physical_network? dns_domain zone_hints');
  table = names(table, 'integer', 'admin_state_up mtu segmentation_id? is_external is_default');
  await names(table, 'integer', 'port_security').execute();
  await db.schema.createIndex('network_project').on('network').column('project_id').execute();
  await sql`CREATE UNIQUE INDEX network_segment ON network (network_type, segmentation_id)
    WHERE segmentation_id IS NOT NULL`.execute(db);
  await sql`CREATE UNIQUE INDEX network_physical ON network (physical_network)
    WHERE network_type = 'flat'`.execute(db);

  await names(db.schema.createTable('network_share'), 'text', 'project_id action target_project')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('network_id', 'text', (c) =>
      c.notNull().references('network.id').onDelete('cascade'),
    )
    .execute();
  await unique(db, 'network_share', ['network_id', 'action', 'target_project']);
  await index(db, 'network_share', 'target_project');

  table = standard(db.schema.createTable('subnet_pool'));
  table = names(table, 'text', 'name prefixes');
  table = names(table, 'integer', 'ip_version default_prefixlen min_prefixlen max_prefixlen');
  await names(table, 'integer', 'default_quota? is_default shared').execute();
  await sql`CREATE UNIQUE INDEX subnet_pool_default ON subnet_pool (ip_version)
    WHERE is_default = 1`.execute(db);

  table = standard(db.schema.createTable('subnet'));
  table = names(table, 'text', 'name cidr gateway_ip? ipv6_ra_mode? ipv6_address_mode?');
  table = names(table, 'text', 'allocation_pools dns_nameservers host_routes');
  await names(table, 'integer', 'ip_version enable_dhcp')
    .addColumn('network_id', 'text', (c) => c.notNull().references('network.id'))
    .addColumn('subnet_pool_id', 'text', (c) => c.references('subnet_pool.id'))
    .execute();
  await index(db, 'subnet', 'network_id');
  await index(db, 'subnet', 'project_id');
  await index(db, 'subnet', 'subnet_pool_id');
}

async function ports(db: Kysely<unknown>): Promise<void> {
  let table = standard(db.schema.createTable('port'));
  table = names(table, 'text', 'name mac device_id device_owner status binding_host');
  table = names(table, 'text', 'binding_profile allowed_pairs dhcp_options hostname');
  await names(table, 'integer', 'admin_state_up port_security is_server_made')
    .addColumn('network_id', 'text', (c) => c.notNull().references('network.id'))
    .execute();
  await unique(db, 'port', ['network_id', 'mac']);
  await index(db, 'port', 'project_id');
  await index(db, 'port', 'device_id');
  await index(db, 'port', 'binding_host');

  await names(db.schema.createTable('fixed_ip'), 'text', 'network_id address address_key')
    .addColumn('port_id', 'text', (c) => c.notNull().references('port.id').onDelete('cascade'))
    .addColumn('subnet_id', 'text', (c) => c.notNull().references('subnet.id'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .execute();
  await unique(db, 'fixed_ip', ['subnet_id', 'address_key']);
  await index(db, 'fixed_ip', 'port_id');
  await index(db, 'fixed_ip', 'address');
  await index(db, 'fixed_ip', 'network_id');
}

async function groups(db: Kysely<unknown>): Promise<void> {
  let table = standard(db.schema.createTable('security_group'));
  table = names(table, 'text', 'name');
  await names(table, 'integer', 'stateful is_default').execute();
  await index(db, 'security_group', 'project_id');
  await sql`CREATE UNIQUE INDEX security_group_default ON security_group (project_id)
    WHERE is_default = 1`.execute(db);

  table = standard(db.schema.createTable('security_group_rule'));
  table = names(table, 'text', 'direction ethertype protocol? remote_ip_prefix?');
  await names(table, 'integer', 'port_range_min? port_range_max?')
    .addColumn('security_group_id', 'text', (c) =>
      c.notNull().references('security_group.id').onDelete('cascade'),
    )
    .addColumn('remote_group_id', 'text', (c) =>
      c.references('security_group.id').onDelete('cascade'),
    )
    .execute();
  await index(db, 'security_group_rule', 'security_group_id');
  await index(db, 'security_group_rule', 'remote_group_id');
  await index(db, 'security_group_rule', 'project_id');

  await db.schema
    .createTable('port_security_group')
    .addColumn('port_id', 'text', (c) => c.notNull().references('port.id').onDelete('cascade'))
    .addColumn('group_id', 'text', (c) => c.notNull().references('security_group.id'))
    .addPrimaryKeyConstraint('port_security_group_key', ['port_id', 'group_id'])
    .execute();
  await index(db, 'port_security_group', 'group_id');
}

async function routers(db: Kysely<unknown>): Promise<void> {
  let table = standard(db.schema.createTable('router'));
  table = names(table, 'text', 'name host? routes zone_hints');
  await names(table, 'integer', 'admin_state_up enable_snat')
    .addColumn('gateway_port_id', 'text', (c) => c.references('port.id'))
    .execute();
  await index(db, 'router', 'project_id');
  await index(db, 'router', 'gateway_port_id');

  table = standard(db.schema.createTable('floating_ip'));
  await names(table, 'text', 'floating_address fixed_address? status')
    .addColumn('floating_network_id', 'text', (c) => c.notNull().references('network.id'))
    .addColumn('floating_port_id', 'text', (c) => c.notNull().references('port.id'))
    .addColumn('port_id', 'text', (c) => c.references('port.id'))
    .addColumn('router_id', 'text', (c) => c.references('router.id'))
    .execute();
  await index(db, 'floating_ip', 'project_id');
  await index(db, 'floating_ip', 'floating_address');
  await index(db, 'floating_ip', 'floating_port_id');
  await index(db, 'floating_ip', 'router_id');
  await sql`CREATE UNIQUE INDEX floating_ip_fixed ON floating_ip (port_id, fixed_address)
    WHERE port_id IS NOT NULL`.execute(db);
}

async function others(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('network_quota')
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('resource', 'text', (c) => c.notNull())
    .addColumn('hard_limit', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('network_quota_key', ['project_id', 'resource'])
    .execute();
  await db.schema
    .createTable('network_tag')
    .addColumn('resource_id', 'text', (c) => c.notNull())
    .addColumn('tag', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('network_tag_key', ['resource_id', 'tag'])
    .execute();
  await index(db, 'network_tag', 'tag');
  await names(db.schema.createTable('network_agent'), 'text', 'host description')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('admin_state_up', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();
  await unique(db, 'network_agent', ['host']);
  await names(db.schema.createTable('auto_topology'), 'text', 'network_id router_id')
    .addColumn('project_id', 'text', (c) => c.primaryKey())
    .execute();
}

async function serversOfPorts(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('port').addColumn('server_id', 'text').execute();
  await sql`UPDATE port SET server_id = device_id WHERE device_owner LIKE 'compute:%'
    AND device_id <> ''`.execute(db);
  await index(db, 'port', 'server_id');
}

const index = (db: Kysely<unknown>, table: string, column: string): Promise<void> =>
  db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute();

const unique = (db: Kysely<unknown>, table: string, columns: string[]): Promise<void> =>
  db.schema
    .createIndex(`${table}_${columns.join('_')}`)
    .unique()
    .on(table)
    .columns(columns)
    .execute();

export const networkMigrations: Migrations = {
  '0001-networks': { up: (db) => networks(db as Kysely<unknown>) },
  '0002-ports': { up: (db) => ports(db as Kysely<unknown>) },
  '0003-security-groups': { up: (db) => groups(db as Kysely<unknown>) },
  '0004-routers': { up: (db) => routers(db as Kysely<unknown>) },
  '0005-quotas-tags-agents': { up: (db) => others(db as Kysely<unknown>) },
  '0006-servers-of-ports': { up: (db) => serversOfPorts(db as Kysely<unknown>) },
};
