import { sql, type Kysely } from 'kysely';

export async function catalogCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_region')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('parent_region_id', 'text')
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_service')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('name', 'text')
    .addColumn('description', 'text')
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_endpoint')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('service_id', 'text', (c) =>
      c.notNull().references('identity_service.id').onDelete('cascade'),
    )
    .addColumn('interface', 'text', (c) => c.notNull())
    .addColumn('region_id', 'text', (c) => c.references('identity_region.id'))
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
}

export async function policyAssociationsCreate(db: Kysely<unknown>): Promise<void> {
  const table = 'identity_policy_association';
  await db.schema
    .createTable(table)
    .addColumn('policy_id', 'text', (c) =>
      c.notNull().references('identity_policy.id').onDelete('cascade'),
    )
    .addColumn('endpoint_id', 'text', (c) =>
      c.references('identity_endpoint.id').onDelete('cascade'),
    )
    .addColumn('service_id', 'text', (c) => c.references('identity_service.id').onDelete('cascade'))
    .addColumn('region_id', 'text', (c) => c.references('identity_region.id').onDelete('cascade'))
    .execute();
  for (const [name, columns, where] of [
    ['endpoint', 'endpoint_id', 'endpoint_id IS NOT NULL'],
    ['service', 'service_id', 'service_id IS NOT NULL AND region_id IS NULL'],
    ['region', 'service_id, region_id', 'region_id IS NOT NULL'],
  ]) {
    await sql
      .raw(`CREATE UNIQUE INDEX ${table}_${name} ON ${table} (${columns}) WHERE ${where}`)
      .execute(db);
  }
}

export async function endpointFilterCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_endpoint_group')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('filters', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_project_endpoint')
    .addColumn('project_id', 'text', (c) =>
      c.notNull().references('identity_project.id').onDelete('cascade'),
    )
    .addColumn('endpoint_id', 'text', (c) =>
      c.references('identity_endpoint.id').onDelete('cascade'),
    )
    .addColumn('group_id', 'text', (c) =>
      c.references('identity_endpoint_group.id').onDelete('cascade'),
    )
    .execute();
  await sql`CREATE UNIQUE INDEX identity_project_endpoint_one ON identity_project_endpoint (project_id, endpoint_id) WHERE group_id IS NULL`.execute(
    db,
  );
  await sql`CREATE UNIQUE INDEX identity_project_endpoint_group ON identity_project_endpoint (project_id, group_id) WHERE endpoint_id IS NULL`.execute(
    db,
  );
}
