import { sql, type Kysely } from 'kysely';
import type { Migrations } from '../kernel/db.ts';
import {
  catalogCreate,
  endpointFilterCreate,
  policyAssociationsCreate,
} from './catalog.migrations.ts';
import { assertionsNameRemoteIds, federationCreate } from './federation.migrations.ts';
import { limitsCreate } from './limit.migrations.ts';
import { oauth1Create } from './oauth1.migrations.ts';

export const identityMigrations: Migrations = {
  '0001-directory': {
    async up(db) {
      await projectsCreate(db);
      await usersCreate(db);
      await rolesCreate(db);
      await catalogCreate(db);
      await tokensCreate(db);
    },
  },
  '0002-delegation': {
    async up(db) {
      await applicationCredentialsCreate(db);
      await trustsCreate(db);
    },
  },
  '0003-endpoint-filter': {
    async up(db) {
      await endpointFilterCreate(db);
      await db.schema
        .createTable('identity_policy')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('blob', 'text', (c) => c.notNull())
        .addColumn('extra', 'text', (c) => c.notNull())
        .execute();
    },
  },
  '0004-domain-config': {
    async up(db) {
      await db.schema
        .createTable('identity_domain_config')
        .addColumn('domain_id', 'text', (c) =>
          c.notNull().references('identity_project.id').onDelete('cascade'),
        )
        .addColumn('group_name', 'text', (c) => c.notNull())
        .addColumn('option_name', 'text', (c) => c.notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('identity_domain_config_pk', [
          'domain_id',
          'group_name',
          'option_name',
        ])
        .execute();
    },
  },
  // Clients look users and projects up by name alone.
  '0005-names': {
    async up(db) {
      for (const table of ['identity_user', 'identity_project']) {
        await db.schema.createIndex(`${table}_by_name`).on(table).column('name').execute();
      }
    },
  },
  '0010-oauth1': { up: oauth1Create },
  '0011-limits': { up: limitsCreate },
  '0012-policy-association': { up: policyAssociationsCreate },
  '0020-directory-entries': {
    async up(db) {
      await db.schema
        .createTable('identity_directory_entry')
        .addColumn('public_id', 'text', (c) => c.primaryKey())
        .addColumn('domain_id', 'text', (c) =>
          c.notNull().references('identity_project.id').onDelete('cascade'),
        )
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('local_id', 'text', (c) => c.notNull())
        .addColumn('seen_at', 'bigint', (c) => c.notNull())
        .addColumn('logged_in_at', 'bigint', (c) => c.notNull())
        .addColumn('gone', 'integer', (c) => c.notNull())
        .addUniqueConstraint('identity_directory_entry_local', ['domain_id', 'kind', 'local_id'])
        .execute();
    },
  },
  '0021-compliance': {
    async up(db) {
      await db.schema
        .alterTable('identity_password')
        .addColumn('self_service', 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
      await db.schema
        .createTable('identity_log_in')
        .addColumn('user_id', 'text', (c) =>
          c.primaryKey().references('identity_user.id').onDelete('cascade'),
        )
        .addColumn('failures', 'integer', (c) => c.notNull())
        .addColumn('failed_at', 'bigint')
        .addColumn('active_at', 'bigint')
        .execute();
    },
  },
  '0030-federation': { up: federationCreate },
  '0031-assertion-remote-id': { up: assertionsNameRemoteIds },
};

async function projectsCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_project')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('domain_id', 'text')
    .addColumn('parent_id', 'text')
    .addColumn('path', 'text', (c) => c.notNull())
    .addColumn('is_domain', 'integer', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('options', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await sql`CREATE UNIQUE INDEX identity_project_name ON identity_project (domain_id, name) WHERE is_domain = 0`.execute(
    db,
  );
  await sql`CREATE UNIQUE INDEX identity_domain_name ON identity_project (name) WHERE is_domain = 1`.execute(
    db,
  );
  await db.schema
    .createIndex('identity_project_parent')
    .on('identity_project')
    .column('parent_id')
    .execute();
  await db.schema
    .createTable('identity_project_tag')
    .addColumn('project_id', 'text', (c) =>
      c.notNull().references('identity_project.id').onDelete('cascade'),
    )
    .addColumn('tag', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('identity_project_tag_pk', ['project_id', 'tag'])
    .execute();
}

async function usersCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_user')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('domain_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('default_project_id', 'text')
    .addColumn('options', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('identity_user_name', ['domain_id', 'name'])
    .execute();
  await db.schema
    .createTable('identity_password')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) =>
      c.notNull().references('identity_user.id').onDelete('cascade'),
    )
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('identity_password_user')
    .on('identity_password')
    .columns(['user_id', 'id'])
    .execute();
  await db.schema
    .createTable('identity_group')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('domain_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .addUniqueConstraint('identity_group_name', ['domain_id', 'name'])
    .execute();
  // The user may come from a directory that is not in this database: no reference.
  await db.schema
    .createTable('identity_membership')
    .addColumn('group_id', 'text', (c) =>
      c.notNull().references('identity_group.id').onDelete('cascade'),
    )
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('identity_membership_pk', ['user_id', 'group_id'])
    .execute();
  await db.schema
    .createIndex('identity_membership_group')
    .on('identity_membership')
    .column('group_id')
    .execute();
}

async function rolesCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_role')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('domain_id', 'text')
    .addColumn('description', 'text')
    .addColumn('options', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await sql`CREATE UNIQUE INDEX identity_role_name ON identity_role (name) WHERE domain_id IS NULL`.execute(
    db,
  );
  await sql`CREATE UNIQUE INDEX identity_domain_role_name ON identity_role (domain_id, name) WHERE domain_id IS NOT NULL`.execute(
    db,
  );
  await db.schema
    .createTable('identity_implication')
    .addColumn('prior_role_id', 'text', (c) =>
      c.notNull().references('identity_role.id').onDelete('cascade'),
    )
    .addColumn('implied_role_id', 'text', (c) =>
      c.notNull().references('identity_role.id').onDelete('cascade'),
    )
    .addPrimaryKeyConstraint('identity_implication_pk', ['prior_role_id', 'implied_role_id'])
    .execute();
  await db.schema
    .createTable('identity_assignment')
    .addColumn('actor_kind', 'text', (c) => c.notNull())
    .addColumn('actor_id', 'text', (c) => c.notNull())
    .addColumn('target_kind', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('role_id', 'text', (c) =>
      c.notNull().references('identity_role.id').onDelete('cascade'),
    )
    .addColumn('inherited', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('identity_assignment_pk', [
      'actor_id',
      'target_id',
      'role_id',
      'inherited',
      'actor_kind',
      'target_kind',
    ])
    .execute();
  await db.schema
    .createIndex('identity_assignment_target')
    .on('identity_assignment')
    .column('target_id')
    .execute();
}

async function tokensCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_credential')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('project_id', 'text')
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('blob', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('identity_credential_user')
    .on('identity_credential')
    .column('user_id')
    .execute();
  await db.schema
    .createTable('identity_revocation')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('issued_before', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at', 'bigint', (c) => c.notNull())
    .addColumn('generation', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('identity_revocation_expiry')
    .on('identity_revocation')
    .column('expires_at')
    .execute();
  await db.schema
    .createIndex('identity_revocation_generation')
    .on('identity_revocation')
    .column('generation')
    .execute();
  await db.schema
    .createTable('identity_generation')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('generation', 'bigint', (c) => c.notNull())
    .execute();
  await sql`INSERT INTO identity_generation (id, generation) VALUES (1, 1)`.execute(db);
}

async function applicationCredentialsCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_application_credential')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('description', 'text')
    .addColumn('secret_hash', 'text', (c) => c.notNull())
    .addColumn('expires_at_us', 'bigint')
    .addColumn('unrestricted', 'integer', (c) => c.notNull())
    .addColumn('role_ids', 'text', (c) => c.notNull())
    .addUniqueConstraint('identity_application_credential_name', ['user_id', 'name'])
    .execute();
  await db.schema
    .createTable('identity_access_rule')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('service', 'text', (c) => c.notNull())
    .addColumn('method', 'text', (c) => c.notNull())
    .addColumn('path', 'text', (c) => c.notNull())
    .addUniqueConstraint('identity_access_rule_same', ['user_id', 'service', 'method', 'path'])
    .execute();
  await db.schema
    .createTable('identity_application_credential_rule')
    .addColumn('credential_id', 'text', (c) =>
      c.notNull().references('identity_application_credential.id').onDelete('cascade'),
    )
    .addColumn('rule_id', 'text', (c) => c.notNull().references('identity_access_rule.id'))
    .addPrimaryKeyConstraint('identity_application_credential_rule_pk', [
      'credential_id',
      'rule_id',
    ])
    .execute();
}

async function trustsCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_trust')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('trustor_id', 'text', (c) => c.notNull())
    .addColumn('trustee_id', 'text', (c) => c.notNull())
    .addColumn('project_id', 'text')
    .addColumn('impersonation', 'integer', (c) => c.notNull())
    .addColumn('expires_at_us', 'bigint')
    .addColumn('remaining_uses', 'integer')
    .addColumn('redelegated_trust_id', 'text')
    .addColumn('redelegation_count', 'integer', (c) => c.notNull())
    .addColumn('role_ids', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  for (const column of ['trustor_id', 'trustee_id', 'redelegated_trust_id']) {
    await db.schema
      .createIndex(`identity_trust_${column}`)
      .on('identity_trust')
      .column(column)
      .execute();
  }
}

/** One policy for each endpoint, each service, and each service in a region. */
