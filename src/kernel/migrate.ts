import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migrations } from './db.ts';

/** Each service numbers its own migrations, so each has its own table of what was done. */
export async function migrateUp(
  db: Kysely<unknown>,
  service: string,
  migrations: Migrations,
  /** PostgreSQL: the schema our tables are in; without it kysely finds those of other schemas. */
  schema?: string,
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: `migration_${service}`,
    ...(schema !== undefined && { migrationTableSchema: schema }),
    migrationLockTableName: `migration_lock_${service}`,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName;
  throw new Error(
    `migrate ${service} to its newest schema (${failed ?? 'before the first step'})`,
    {
      cause: error,
    },
  );
}
