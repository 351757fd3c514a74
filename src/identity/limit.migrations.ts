import { sql, type Kysely } from 'kysely';

/** A limit without a region is another one than that of a region, and an index takes NULL for different from NULL. */
const uniqueOver = (table: string, columns: string, region: string) =>
  sql.raw(
    `CREATE UNIQUE INDEX ${table}_${region === 'IS NULL' ? 'everywhere' : 'of_region'} ON ${table} (${columns}) WHERE region_id ${region}`,
  );

export async function limitsCreate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_registered_limit')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('service_id', 'text', (c) =>
      c.notNull().references('identity_service.id').onDelete('cascade'),
    )
    .addColumn('region_id', 'text', (c) => c.references('identity_region.id').onDelete('cascade'))
    .addColumn('resource_name', 'text', (c) => c.notNull())
    .addColumn('default_limit', 'integer', (c) => c.notNull())
    .addColumn('description', 'text')
    .execute();
  await uniqueOver('identity_registered_limit', 'service_id, resource_name', 'IS NULL').execute(db);
  await uniqueOver(
    'identity_registered_limit',
    'service_id, resource_name, region_id',
    'IS NOT NULL',
  ).execute(db);
  await db.schema
    .createTable('identity_limit')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('registered_limit_id', 'text', (c) =>
      c.notNull().references('identity_registered_limit.id').onDelete('cascade'),
    )
    .addColumn('project_id', 'text', (c) =>
      c.notNull().references('identity_project.id').onDelete('cascade'),
    )
    .addColumn('is_domain', 'integer', (c) => c.notNull())
    .addColumn('resource_limit', 'integer', (c) => c.notNull())
    .addColumn('description', 'text')
    .addUniqueConstraint('identity_limit_one', ['registered_limit_id', 'project_id'])
    .execute();
  await db.schema
    .createIndex('identity_limit_project')
    .on('identity_limit')
    .column('project_id')
    .execute();
}
