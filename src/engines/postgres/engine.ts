import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import {
  ReferenceViolation,
  UniqueViolation,
  type Db,
  type Engine,
  type Tx,
} from '../../kernel/db.ts';
import { migrateUp } from '../../kernel/migrate.ts';
import { PostgresTableWatch, watchStatements } from './table-watch.ts';

/** int8: every count and time of ours is far below 2^53. */
pg.types.setTypeParser(20, Number);

const retriedCodes: ReadonlySet<unknown> = new Set(['40001', '40P01']);
const attemptLimit = 20;
const backOffMaxMs = 100;

/** PostgreSQL: serializable transactions, retried here and nowhere else. `schema` lets several databases share one server database. */
export function postgresOpen(url: string, schema: string): Engine {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    options: `-c search_path=${schema}`,
  });
  // A connection may die at any moment (fail-over). Who uses it next is told by its query; nobody else is to end.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const kysely = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: translating(pool as unknown as PostgresPool) }),
  });
  const watches: PostgresTableWatch[] = [];
  const read = <T>(work: (tx: Tx<unknown>) => Promise<T>): Promise<T> =>
    kysely
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(work);
  const comeBack = oneByOne();
  const write = async <T>(work: (tx: Tx<unknown>) => Promise<T>): Promise<T> => {
    const once = () => kysely.transaction().setIsolationLevel('serializable').execute(work);
    for (let attempt = 1; ; attempt++) {
      try {
        // Those who met must not meet again: of this process they come back one after the other.
        return await (attempt === 1 ? once() : comeBack(once));
      } catch (error) {
        if (attempt === attemptLimit || !retriedCodes.has(codeOf(error))) throw error;
        // And apart from those of other processes.
        await setTimeout(Math.random() * Math.min(2 ** attempt, backOffMaxMs));
      }
    }
  };
  return {
    kind: 'postgres',
    db: <Tables>() => ({ read, write }) as Db<Tables>,
    migrate: async (service, migrations) => {
      await pool.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
      await migrateUp(kysely, service, migrations, schema);
    },
    watch: async (table) => {
      // Names of channels are cut at 63 bytes.
      const channel = `changed:${hash('sha256', `${schema}.${table}`).slice(0, 40)}`;
      await pool.query(watchStatements(schema, table, channel));
      const watch = new PostgresTableWatch(url, channel);
      watches.push(watch);
      return watch;
    },
    close: async () => {
      await Promise.all(watches.map((watch) => watch.close()));
      await kysely.destroy();
    },
  };
}

/** Runs what it is given when what it was given before has ended. */
function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** Stores catch the kernel's violations, so the driver's are turned into them where they are born. */
function translating(pool: PostgresPool): PostgresPool {
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect();
      const query = (async (sql: string, parameters: readonly unknown[]) => {
        try {
          return await client.query(sql, parameters);
        } catch (error) {
          const text = error instanceof Error ? error.message : '';
          if (codeOf(error) === '23505') throw new UniqueViolation(text, { cause: error });
          if (codeOf(error) === '23503') throw new ReferenceViolation(text, { cause: error });
          throw error;
        }
      }) as unknown as PostgresPoolClient['query'];
      return { query, release: () => client.release() };
    },
    end: () => pool.end(),
  };
}
