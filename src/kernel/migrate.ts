import { sql, type Kysely } from 'kysely';
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
  const doneIn = `migration_${service}`;
  const done = await namesIn(db, schema === undefined ? doneIn : `${schema}.${doneIn}`);
  if (done.join() === Object.keys(migrations).toSorted().join()) return;
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: doneIn,
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

/** To find out whether there is such a table kysely reads the columns of all tables, for each service anew. */
async function namesIn(db: Kysely<unknown>, table: string): Promise<string[]> {
  const names = sql<{ readonly name: string }>`select name from ${sql.table(table)}`;
  const { rows } = await names.execute(db).catch(() => ({ rows: [] }));
  return rows.map(({ name }) => name).toSorted();
}
