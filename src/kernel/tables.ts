import type { Migrations } from './db.ts';

/** What the kernel keeps in each database: leases, and the journal of tasks. */
export interface KernelTables {
  lease: { name: string; holder: string; epoch: number; expires_at: number };
  task: TaskTable;
}

export interface TaskTable {
  /** UUIDv7: its order is the order of tasks with one subject. */
  id: string;
  kind: string;
  /** What the task is about: tasks with one subject run one after another. */
  subject: string;
  /** JSON, written whole. */
  input: string;
  state: 'queued' | 'running' | 'undoing' | 'done' | 'failed';
  /** JSON list of the steps whose effect is recorded. */
  journal: string;
  cancelled: 0 | 1;
  /** Why it failed, for people. */
  error: string | null;
  request_id: string;
  created_at: number;
  updated_at: number;
}

export const kernelMigrations: Migrations = {
  '0001-lease-and-task': {
    async up(db) {
      await db.schema
        .createTable('lease')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('holder', 'text', (c) => c.notNull())
        .addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('task')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('subject', 'text', (c) => c.notNull())
        .addColumn('input', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('journal', 'text', (c) => c.notNull())
        .addColumn('cancelled', 'integer', (c) => c.notNull())
        .addColumn('error', 'text')
        .addColumn('request_id', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema.createIndex('task_subject').on('task').columns(['subject', 'id']).execute();
      await db.schema.createIndex('task_state').on('task').column('state').execute();
    },
  },
};
