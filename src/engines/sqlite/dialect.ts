import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely';
import { ReferenceViolation, UniqueViolation } from '../../kernel/db.ts';
import type { DirectRows } from '../../kernel/hot-statement.ts';

/** SQLite's extended result codes. */
const uniqueCodes: ReadonlySet<unknown> = new Set([2067, 1555]);
const foreignKeyCode = 787;

/** kysely says that SQLite has no transactional DDL; it has, and without it a failed migration stays half done. */
class OneConnectionAdapter extends SqliteAdapter implements DirectRows {
  readonly directRows: DirectRows['directRows'];

  constructor(connection: StatementCache) {
    super();
    this.directRows = (sql, values) => connection.run(sql, values).rows;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

interface Prepared {
  readonly statement: StatementSync;
  /** Null: the statement returns nothing. */
  readonly rowOf: ((values: unknown) => unknown) | null;
}

/**
 * The objects that SQLite makes of rows are dictionaries, slow to make, to read and to collect. A function that names each
 * column makes a row of 45 columns in two thirds of the time; names are those that the statement itself gave them.
 */
function rowMaker(names: readonly string[]): (values: unknown) => unknown {
  const members = names.map((name, at) => `${JSON.stringify(name)}: values[${at}]`);
  // oxlint-disable-next-line typescript/no-implied-eval -- there is no other way to make objects of one shape from names
  return new Function('values', `return { ${members.join(', ')} };`) as (
    values: unknown,
  ) => unknown;
}

/** A connection that keeps its prepared statements: preparing costs more than a point read. */
class StatementCache implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return this.run<R>(sql, parameters);
  }

  run<R>(sql: string, parameters: readonly unknown[]): QueryResult<R> {
    const { statement, rowOf } = this.#prepare(sql);
    const values = parameters as SQLInputValue[];
    try {
      if (rowOf !== null) return { rows: statement.all(...values).map(rowOf) as R[] };
      const { changes, lastInsertRowid } = statement.run(...values);
      const count = BigInt(changes);
      return { rows: [], numAffectedRows: count, insertId: BigInt(lastInsertRowid) };
    } catch (error) {
      throw violationOf(error);
    }
  }

  // oxlint-disable-next-line require-yield -- every result of an embedded database is in memory anyway
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are not streamed: read a page at a time');
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= 500) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    const names = statement.columns().map(({ name }) => name);
    statement.setReturnArrays(names.length > 0);
    const prepared = { statement, rowOf: names.length === 0 ? null : rowMaker(names) };
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

function violationOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error)) return error;
  if (uniqueCodes.has(error.errcode)) return new UniqueViolation(error.message, { cause: error });
  if (error.errcode === foreignKeyCode)
    return new ReferenceViolation(error.message, { cause: error });
  return error;
}

/** Transactions of requests are opened by the engine, not here; only migrations ask the driver for one. */
class OneConnectionDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #connection: StatementCache;

  constructor(database: DatabaseSync, connection: StatementCache) {
    this.#database = database;
    this.#connection = connection;
  }

  async init(): Promise<void> {}
  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }
  async beginTransaction(): Promise<void> {
    this.#database.exec('BEGIN IMMEDIATE');
  }
  async commitTransaction(): Promise<void> {
    this.#database.exec('COMMIT');
  }
  async rollbackTransaction(): Promise<void> {
    this.#database.exec('ROLLBACK');
  }
  async releaseConnection(): Promise<void> {}
  async destroy(): Promise<void> {}
}

export function sqliteDialect(database: DatabaseSync): Dialect {
  const connection = new StatementCache(database);
  return {
    createAdapter: () => new OneConnectionAdapter(connection),
    createDriver: () => new OneConnectionDriver(database, connection),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
