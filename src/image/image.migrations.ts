import type { Migrations } from '../kernel/db.ts';

export const imageMigrations: Migrations = {
  '0001-images': {
    async up(db) {
      await db.schema
        .createTable('image')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text')
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('visibility', 'text', (c) => c.notNull())
        .addColumn('owner', 'text')
        .addColumn('protected', 'integer', (c) => c.notNull())
        .addColumn('hidden', 'integer', (c) => c.notNull())
        .addColumn('disk_format', 'text')
        .addColumn('container_format', 'text')
        .addColumn('min_disk', 'integer', (c) => c.notNull())
        .addColumn('min_ram', 'integer', (c) => c.notNull())
        .addColumn('size', 'bigint')
        .addColumn('virtual_size', 'bigint')
        .addColumn('md5', 'text')
        .addColumn('sha512', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('image_owner')
        .on('image')
        .columns(['owner', 'created_at'])
        .execute();
      await db.schema
        .createIndex('image_visibility')
        .on('image')
        .columns(['visibility', 'created_at'])
        .execute();
      await db.schema
        .createTable('image_property')
        .addColumn('image_id', 'text', (c) => c.notNull().references('image.id'))
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('image_property_key', ['image_id', 'name'])
        .execute();
      await db.schema
        .createTable('image_tag')
        .addColumn('image_id', 'text', (c) => c.notNull().references('image.id'))
        .addColumn('value', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('image_tag_key', ['image_id', 'value'])
        .execute();
      await db.schema.createIndex('image_tag_value').on('image_tag').column('value').execute();
      await db.schema
        .createTable('image_member')
        .addColumn('image_id', 'text', (c) => c.notNull().references('image.id'))
        .addColumn('member_id', 'text', (c) => c.notNull())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('image_member_key', ['image_id', 'member_id'])
        .execute();
      await db.schema
        .createIndex('image_member_member')
        .on('image_member')
        .columns(['member_id', 'status'])
        .execute();
    },
  },
  '0002-image-blobs': {
    async up(db) {
      await db.schema
        .createTable('image_blob')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('image_id', 'text', (c) => c.notNull().references('image.id'))
        .addColumn('store', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('held_until', 'bigint', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema.createIndex('image_blob_image').on('image_blob').column('image_id').execute();
      await db.schema
        .createIndex('image_blob_key')
        .on('image_blob')
        .columns(['store', 'key'])
        .unique()
        .execute();
      await db.schema
        .createIndex('image_blob_state')
        .on('image_blob')
        .columns(['state', 'held_until'])
        .execute();
    },
  },
  '0003-metadefs': {
    async up(db) {
      await db.schema
        .createTable('metadef_namespace')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('display_name', 'text')
        .addColumn('description', 'text')
        .addColumn('visibility', 'text', (c) => c.notNull())
        .addColumn('protected', 'integer', (c) => c.notNull())
        .addColumn('owner', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('metadef_definition')
        .addColumn('namespace_id', 'text', (c) => c.notNull().references('metadef_namespace.id'))
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('metadef_definition_key', ['namespace_id', 'kind', 'name'])
        .execute();
      await db.schema
        .createTable('metadef_resource_type')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('protected', 'integer', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
  '0004-imports': {
    async up(db) {
      for (const name of ['import_task', 'importing_to', 'import_failed'] as const) {
        await db.schema.alterTable('image').addColumn(name, 'text').execute();
      }
      for (const name of ['size', 'virtual_size'] as const) {
        await db.schema.alterTable('image_blob').addColumn(name, 'bigint').execute();
      }
      for (const name of ['md5', 'sha512'] as const) {
        await db.schema.alterTable('image_blob').addColumn(name, 'text').execute();
      }
      await db.schema
        .createTable('image_task')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('owner', 'text')
        .addColumn('image_id', 'text')
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('request_id', 'text', (c) => c.notNull())
        .addColumn('input', 'text', (c) => c.notNull())
        .addColumn('result', 'text')
        .addColumn('message', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint')
        .execute();
      await db.schema.createIndex('image_task_image').on('image_task').column('image_id').execute();
      await db.schema
        .createIndex('image_task_owner')
        .on('image_task')
        .columns(['owner', 'created_at'])
        .execute();
    },
  },
  '0005-locations': {
    async up(db) {
      await db.schema.alterTable('image_blob').addColumn('metadata', 'text').execute();
    },
  },
};
