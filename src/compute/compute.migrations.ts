import type { Migrations } from '../kernel/db.ts';

/** Names in lists, to keep the wide tables legible. */
const columns = (...lists: string[]): string[] => lists.flatMap((list) => list.split(' '));

export const computeRegionMigrations: Migrations = {
  '0001-flavors': {
    async up(db) {
      await db.schema
        .createTable('flavor')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('vcpus', 'integer', (c) => c.notNull())
        .addColumn('ram_mib', 'bigint', (c) => c.notNull())
        .addColumn('disk_gib', 'bigint', (c) => c.notNull())
        .addColumn('ephemeral_gib', 'bigint', (c) => c.notNull())
        .addColumn('swap_mib', 'bigint', (c) => c.notNull())
        .addColumn('rxtx_factor_milli', 'bigint', (c) => c.notNull())
        .addColumn('is_public', 'integer', (c) => c.notNull())
        .addColumn('disabled', 'integer', (c) => c.notNull())
        .addColumn('description', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint')
        .execute();
      await db.schema
        .createTable('flavor_extra_spec')
        .addColumn('flavor_id', 'text', (c) =>
          c.notNull().references('flavor.id').onDelete('cascade'),
        )
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('flavor_extra_spec_pk', ['flavor_id', 'key'])
        .execute();
      await db.schema
        .createTable('flavor_access')
        .addColumn('flavor_id', 'text', (c) =>
          c.notNull().references('flavor.id').onDelete('cascade'),
        )
        .addColumn('project_id', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('flavor_access_pk', ['flavor_id', 'project_id'])
        .execute();
    },
  },
  '0002-keypairs-and-quotas': {
    async up(db) {
      await db.schema
        .createTable('keypair')
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('number', 'bigint', (c) => c.notNull().unique())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('public_key', 'text', (c) => c.notNull())
        .addColumn('fingerprint', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('keypair_pk', ['user_id', 'name'])
        .execute();
      await db.schema
        .createTable('quota_limit')
        .addColumn('project_id', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('resource', 'text', (c) => c.notNull())
        .addColumn('hard_limit', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('quota_limit_pk', ['project_id', 'user_id', 'resource'])
        .execute();
      await db.schema
        .createTable('quota_class_limit')
        .addColumn('class_name', 'text', (c) => c.notNull())
        .addColumn('resource', 'text', (c) => c.notNull())
        .addColumn('hard_limit', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('quota_class_limit_pk', ['class_name', 'resource'])
        .execute();
    },
  },
  '0003-aggregates-and-groups': {
    async up(db) {
      await db.schema
        .createTable('aggregate')
        .addColumn('id', 'bigint', (c) => c.primaryKey())
        .addColumn('uuid', 'text', (c) => c.notNull().unique())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint')
        .execute();
      await db.schema
        .createTable('aggregate_metadata')
        .addColumn('aggregate_id', 'bigint', (c) =>
          c.notNull().references('aggregate.id').onDelete('cascade'),
        )
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('aggregate_metadata_pk', ['aggregate_id', 'key'])
        .execute();
      await db.schema
        .createTable('aggregate_host')
        .addColumn('aggregate_id', 'bigint', (c) => c.notNull().references('aggregate.id'))
        .addColumn('host', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('aggregate_host_pk', ['aggregate_id', 'host'])
        .execute();
      await db.schema
        .createTable('server_group')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('project_id', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('policy', 'text', (c) => c.notNull())
        .addColumn('rules', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('server_group_project')
        .on('server_group')
        .column('project_id')
        .execute();
    },
  },
};

export const computeCellMigrations: Migrations = {
  '0001-hosts-and-claims': {
    async up(db) {
      const whole = columns(
        'number vcpus ram_mib disk_gib reserved_vcpus reserved_ram_mib',
        'reserved_disk_gib vcpu_ratio_milli ram_ratio_milli disk_ratio_milli',
        'used_vcpus used_ram_mib used_disk_gib generation enabled forced_down seen_at',
        'created_at updated_at',
      );
      let host = db.schema
        .createTable('host')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('uuid', 'text', (c) => c.notNull().unique())
        .addColumn('service_uuid', 'text', (c) => c.notNull().unique());
      for (const name of whole) host = host.addColumn(name, 'bigint', (c) => c.notNull());
      await host
        .addColumn('availability_zone', 'text')
        .addColumn('traits', 'text', (c) => c.notNull())
        .addColumn('disabled_reason', 'text')
        .addColumn('facts', 'text', (c) => c.notNull())
        .addColumn('boot_id', 'text', (c) => c.notNull())
        .execute();
      await db.schema.createIndex('host_number').on('host').column('number').unique().execute();
      await db.schema
        .createTable('claim')
        .addColumn('server_id', 'text', (c) => c.notNull())
        .addColumn('host', 'text', (c) => c.notNull().references('host.name'))
        .addColumn('vcpus', 'bigint', (c) => c.notNull())
        .addColumn('ram_mib', 'bigint', (c) => c.notNull())
        .addColumn('disk_gib', 'bigint', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('claim_pk', ['server_id', 'host'])
        .execute();
      await db.schema.createIndex('claim_host').on('claim').column('host').execute();
    },
  },
  '0002-servers': {
    async up(db) {
      const text = columns(
        'project_id user_id name hostname reservation_id image flavor metadata tags',
        'vm_state scheduler_hints hosts_refused disk_config run_state',
      );
      const textOrNull = columns(
        'description image_id key_name key user_data admin_pass task_state locked_by',
        'locked_reason host zone_wanted host_wanted group_id facts_digest access_ip_v4',
        'access_ip_v6',
      );
      const whole = columns(
        'launch_index vcpus ram_mib config_drive power_state progress generation',
        'incarnation grace_ms disk_revision deleted created_at updated_at',
      );
      const wholeOrNull = ['launched_at', 'terminated_at', 'deleted_at'];
      let server = db.schema.createTable('server').addColumn('id', 'text', (c) => c.primaryKey());
      for (const name of text) server = server.addColumn(name, 'text', (c) => c.notNull());
      for (const name of textOrNull) server = server.addColumn(name, 'text');
      for (const name of whole) server = server.addColumn(name, 'bigint', (c) => c.notNull());
      for (const name of wholeOrNull) server = server.addColumn(name, 'bigint');
      await server.execute();
      // Quotas are counted inside every create, from this index alone.
      await db.schema
        .createIndex('server_project_usage')
        .on('server')
        .columns(['project_id', 'deleted', 'user_id', 'vcpus', 'ram_mib'])
        .execute();
      await db.schema
        .createIndex('server_project_created')
        .on('server')
        .columns(['project_id', 'deleted', 'created_at', 'id'])
        .execute();
      await db.schema
        .createIndex('server_created')
        .on('server')
        .columns(['deleted', 'created_at', 'id'])
        .execute();
      for (const name of ['host', 'reservation_id', 'group_id', 'updated_at']) {
        await db.schema.createIndex(`server_${name}`).on('server').column(name).execute();
      }
    },
  },
  '0003-nics-faults-places': {
    async up(db) {
      await db.schema
        .createTable('server_nic')
        .addColumn('port_id', 'text', (c) => c.primaryKey())
        .addColumn('server_id', 'text', (c) => c.notNull().references('server.id'))
        .addColumn('position', 'integer', (c) => c.notNull())
        .addColumn('network_id', 'text', (c) => c.notNull())
        .addColumn('mac', 'text')
        .addColumn('mtu', 'integer')
        .addColumn('tag', 'text')
        .execute();
      await db.schema
        .createTable('server_fault')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('server_id', 'text', (c) => c.notNull().references('server.id'))
        .addColumn('code', 'integer', (c) => c.notNull())
        .addColumn('message', 'text', (c) => c.notNull())
        .addColumn('details', 'text', (c) => c.notNull())
        .addColumn('host', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('server_location')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('server_id', 'text', (c) => c.notNull().references('server.id'))
        .addColumn('host', 'text')
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text')
        .addColumn('request_id', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .execute();
      for (const table of ['server_nic', 'server_fault', 'server_location']) {
        await db.schema.createIndex(`${table}_server`).on(table).column('server_id').execute();
      }
      await db.schema
        .createIndex('server_location_host')
        .on('server_location')
        .columns(['host', 'at'])
        .execute();
    },
  },
  '0004-instance-actions': {
    async up(db) {
      await db.schema
        .createTable('instance_action')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('server_id', 'text', (c) => c.notNull().references('server.id'))
        .addColumn('request_id', 'text', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('project_id', 'text', (c) => c.notNull())
        .addColumn('started_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addColumn('finished_at', 'bigint')
        .addColumn('message', 'text')
        .execute();
      await db.schema
        .createTable('instance_action_event')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('action_id', 'text', (c) => c.notNull().references('instance_action.id'))
        .addColumn('event', 'text', (c) => c.notNull())
        .addColumn('host', 'text')
        .addColumn('started_at', 'bigint', (c) => c.notNull())
        .addColumn('finished_at', 'bigint')
        .addColumn('result', 'text')
        .addColumn('traceback', 'text')
        .addColumn('details', 'text')
        .execute();
      await db.schema
        .createIndex('instance_action_server')
        .on('instance_action')
        .column('server_id')
        .execute();
      await db.schema
        .createIndex('instance_action_event_action')
        .on('instance_action_event')
        .column('action_id')
        .execute();
    },
  },
};
