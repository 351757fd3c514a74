import { sql, type ColumnDefinitionBuilder, type Kysely } from 'kysely';
import type { Engine, Migrations } from '../kernel/db.ts';

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();

export const rootMigrations: Migrations = {
  '0001-names': {
    async up(db) {
      await db.schema
        .createTable('account')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('created_us', 'bigint', required)
        .addColumn('modified_us', 'bigint', required)
        .addColumn('documents', 'text', required)
        .execute();
      await db.schema
        .createTable('bucket')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('account', 'text', required)
        .addColumn('claimed_ms', 'bigint', required)
        .execute();
      await db.schema
        .createTable('setting')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('value', 'text', required)
        .execute();
    },
  },
};

/** Names are ordered by their UTF-8 bytes: SQLite's default, in PostgreSQL a collation to be asked for. */
export function shardMigrations(kind: Engine['kind']): Migrations {
  const name = kind === 'sqlite' ? sql`text` : sql`text collate "C"`;
  const bytes = kind === 'sqlite' ? sql`blob` : sql`bytea`;
  // Rows lie in the order of listings.
  const clustered = kind === 'sqlite' ? sql`without rowid` : sql``;
  return {
    '0001-containers': {
      async up(db) {
        await containerTables(db, name, clustered);
        await versionTable(db, 'object', name)
          .addPrimaryKeyConstraint('object_key', ['container_id', 'name'])
          .modifyEnd(clustered)
          .execute();
        await versionTable(db, 'version', name).execute();
        await sql`create unique index version_key on version (container_id, name, seq desc)`.execute(
          db,
        );
        for (const table of ['object', 'version']) {
          await db.schema
            .createIndex(`${table}_expiry`)
            .on(table)
            .column('expires_ms')
            .where('expires_ms', 'is not', null)
            .execute();
        }
        await blobTables(db, bytes, clustered);
        await uploadTables(db, name, clustered);
        await eventTable(db);
      },
    },
  };
}

type Raw = ReturnType<typeof sql>;

async function containerTables(db: Kysely<unknown>, name: Raw, clustered: Raw): Promise<void> {
  await db.schema
    .createTable('container')
    .addColumn('id', 'bigint', (c) => c.primaryKey().notNull())
    .addColumn('account', name, required)
    .addColumn('name', name, required)
    .addColumn('created_us', 'bigint', required)
    .addColumn('modified_us', 'bigint', required)
    .addColumn('versioning', 'text', required)
    .addColumn('documents', 'text', required)
    .addUniqueConstraint('container_name', ['account', 'name'])
    .execute();
  await db.schema
    .createTable('container_count')
    .addColumn('container_id', 'bigint', (c) => c.primaryKey().notNull())
    .addColumn('objects', 'bigint', required)
    .addColumn('bytes', 'bigint', required)
    .addColumn('versions', 'bigint', required)
    .addColumn('version_bytes', 'bigint', required)
    .modifyEnd(clustered)
    .execute();
}

const versionTable = (db: Kysely<unknown>, table: string, name: Raw) =>
  db.schema
    .createTable(table)
    .addColumn('container_id', 'bigint', required)
    .addColumn('name', name, required)
    .addColumn('seq', 'bigint', required)
    .addColumn('versioned', 'integer', required)
    .addColumn('marker', 'integer', required)
    .addColumn('size', 'bigint', required)
    .addColumn('etag', 'text', required)
    .addColumn('content_type', 'text', required)
    .addColumn('modified_us', 'bigint', required)
    .addColumn('expires_ms', 'bigint')
    .addColumn('body', 'text')
    .addColumn('pieces', 'integer', required)
    .addColumn('facts', 'text', required);

async function blobTables(db: Kysely<unknown>, bytes: Raw, clustered: Raw): Promise<void> {
  await db.schema
    .createTable('piece')
    .addColumn('list', 'text', required)
    .addColumn('number', 'integer', required)
    .addColumn('at', 'bigint', required)
    .addColumn('size', 'bigint', required)
    .addColumn('etag', 'text', required)
    .addColumn('blob', 'text')
    .addColumn('facts', 'text', required)
    .addPrimaryKeyConstraint('piece_key', ['list', 'at', 'number'])
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable('blob')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('place', 'text', required)
    .addColumn('segment', 'text')
    .addColumn('at', 'bigint', required)
    .addColumn('size', 'bigint', required)
    .addColumn('sums', bytes, required)
    .addColumn('refs', 'integer', required)
    .addColumn('damaged_ms', 'bigint')
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createIndex('blob_segment')
    .on('blob')
    .column('segment')
    .where('segment', 'is not', null)
    .execute();
  await db.schema
    .createIndex('blob_damaged')
    .on('blob')
    .column('damaged_ms')
    .where('damaged_ms', 'is not', null)
    .execute();
  await db.schema
    .createTable('reclaim')
    .addColumn('blob', 'text', (c) => c.primaryKey().notNull())
    .addColumn('deleted_ms', 'bigint', required)
    .execute();
  await db.schema
    .createTable('closed_segment')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('closed_ms', 'bigint', required)
    .addColumn('emptied_ms', 'bigint')
    .execute();
  await db.schema
    .createTable('segment_dead')
    .addColumn('segment', 'text', (c) => c.primaryKey().notNull())
    .addColumn('bytes', 'bigint', required)
    .execute();
}

async function eventTable(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('event')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('topic', 'text', required)
    .addColumn('value', 'text', required)
    .addColumn('due_ms', 'bigint', required)
    .execute();
  await db.schema.createIndex('event_due').on('event').columns(['topic', 'due_ms', 'id']).execute();
}

async function uploadTables(db: Kysely<unknown>, name: Raw, clustered: Raw): Promise<void> {
  await db.schema
    .createTable('upload')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('container_id', 'bigint', required)
    .addColumn('name', name, required)
    .addColumn('created_us', 'bigint', required)
    .addColumn('content_type', 'text', required)
    .addColumn('facts', 'text', required)
    .execute();
  await db.schema
    .createIndex('upload_name')
    .on('upload')
    .columns(['container_id', 'name', 'id'])
    .execute();
  await db.schema.createIndex('upload_created').on('upload').column('created_us').execute();
  await db.schema
    .createTable('part')
    .addColumn('upload_id', 'text', required)
    .addColumn('number', 'integer', required)
    .addColumn('size', 'bigint', required)
    .addColumn('etag', 'text', required)
    .addColumn('modified_us', 'bigint', required)
    .addColumn('blob', 'text')
    .addColumn('facts', 'text', required)
    .addPrimaryKeyConstraint('part_key', ['upload_id', 'number'])
    .modifyEnd(clustered)
    .execute();
}
