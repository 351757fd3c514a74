import type { Kysely } from 'kysely';

export async function oauth1Create(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity_consumer')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('description', 'text')
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('extra', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_request_token')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('consumer_id', 'text', (c) =>
      c.notNull().references('identity_consumer.id').onDelete('cascade'),
    )
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text')
    .addColumn('role_ids', 'text', (c) => c.notNull())
    .addColumn('verifier', 'text')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('identity_access_token')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('consumer_id', 'text', (c) =>
      c.notNull().references('identity_consumer.id').onDelete('cascade'),
    )
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('role_ids', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute();
  for (const table of ['identity_request_token', 'identity_access_token']) {
    for (const column of ['consumer_id', 'user_id']) {
      await db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute();
    }
  }
}
