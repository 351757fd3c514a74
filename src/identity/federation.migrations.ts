import type { Kysely } from 'kysely';

export async function federationCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_provider')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('domain_id', 'text', (c) =>
      c.notNull().references('identity_project.id').onDelete('cascade'),
    )
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('description', 'text')
    .addColumn('authorization_ttl', 'integer')
    .execute();
  await db.schema
    .createTable('identity_provider_remote_id')
    .addColumn('remote_id', 'text', (c) => c.primaryKey())
    .addColumn('idp_id', 'text', ofProvider)
    .execute();
  await db.schema
    .createTable('identity_protocol')
    .addColumn('idp_id', 'text', ofProvider)
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('mapping_id', 'text', (c) => c.notNull())
    .addColumn('remote_id_attribute', 'text')
    .addPrimaryKeyConstraint('identity_protocol_pk', ['idp_id', 'id'])
    .execute();
  await db.schema
    .createTable('identity_mapping')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('rules', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_service_provider')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('description', 'text')
    .addColumn('auth_url', 'text', (c) => c.notNull())
    .addColumn('sp_url', 'text', (c) => c.notNull())
    .addColumn('relay_state_prefix', 'text', (c) => c.notNull())
    .execute();
  await federatedUsersCreate(db);
}

export async function assertionsNameRemoteIds(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('identity_assertion').addColumn('remote_id', 'text').execute();
}

async function federatedUsersCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_federated_user')
    .addColumn('idp_id', 'text', ofProvider)
    .addColumn('protocol_id', 'text', (c) => c.notNull())
    .addColumn('unique_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) =>
      c.notNull().references('identity_user.id').onDelete('cascade'),
    )
    .addPrimaryKeyConstraint('identity_federated_user_pk', ['idp_id', 'protocol_id', 'unique_id'])
    .execute();
  await db.schema
    .createTable('identity_expiring_membership')
    .addColumn('user_id', 'text', (c) =>
      c.notNull().references('identity_user.id').onDelete('cascade'),
    )
    .addColumn('group_id', 'text', (c) =>
      c.notNull().references('identity_group.id').onDelete('cascade'),
    )
    .addColumn('idp_id', 'text', ofProvider)
    .addColumn('verified_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('identity_expiring_membership_pk', ['user_id', 'group_id', 'idp_id'])
    .execute();
  await db.schema
    .createTable('identity_assertion')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('idp_id', 'text', ofProvider)
    .addColumn('protocol_id', 'text', (c) => c.notNull())
    .addColumn('group_ids', 'text', (c) => c.notNull())
    .execute();
  for (const [table, column] of [
    ['identity_federated_user', 'user_id'],
    ['identity_expiring_membership', 'group_id'],
    ['identity_expiring_membership', 'idp_id'],
    ['identity_provider_remote_id', 'idp_id'],
    ['identity_assertion', 'idp_id'],
  ] as const) {
    await db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute();
  }
}

const ofProvider = <
  Column extends {
    notNull(): Column;
    references(column: string): Column;
    onDelete(action: 'cascade'): Column;
  },
>(
  column: Column,
): Column => column.notNull().references('identity_provider.id').onDelete('cascade');
