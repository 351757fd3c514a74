import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { Kysely } from 'kysely';
import type { Db, Engine, TableWatch, Tx } from '../../kernel/db.ts';
import { migrateUp } from '../../kernel/migrate.ts';
import { sqliteDialect } from './dialect.ts';

interface Connection {
  readonly database: DatabaseSync;
  /** Run for each transaction: parsing them costs as much as a point read. */
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly savepoint: StatementSync;
  readonly release: StatementSync;
  readonly kysely: Kysely<unknown>;
}

interface Job {
  readonly work: (tx: Tx<unknown>) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const groupLimit = 128;
/** Each has memory and prepared statements of its own. */
const readersMax = 8;

/** How long a write waits for another process that writes to the same file. */
const busyLimitMs = 30_000;
const busyCode = 5;

/**
 * SQLite in one file: one writer, readers on connections of their own (WAL), `synchronous=FULL` so that an
 * acknowledged change survives a power cut. Writers that wait are committed together: one fsync for all of them.
 * Each keeps a savepoint of its own, so one that fails takes nothing else with it. Other processes may write to the
 * same file: who waits for them does not stop this process.
 */
export function sqliteOpen(path: string): Engine {
  const writer = connect(path);
  writer.database.exec('PRAGMA journal_mode=WAL; PRAGMA busy_timeout=0');
  const readers = new Readers(path);
  const watchers: Connection[] = [];
  const queue: Job[] = [];
  let draining = false;
  const inMemory = path === ':memory:';

  const drain = async (): Promise<void> => {
    while (queue.length > 0) await commitGroup(writer, queue.splice(0, groupLimit));
    draining = false;
  };
  const write = <T>(work: (tx: Tx<unknown>) => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (draining) return;
      draining = true;
      // Not at once: requests that were read from their sockets in the same turn join the group.
      setImmediate(() => void drain());
    });
  const read = async <T>(work: (tx: Tx<unknown>) => Promise<T>): Promise<T> => {
    // A database in memory has one connection: its reads queue with the writes.
    if (inMemory) return write(work);
    const reader = await readers.take();
    try {
      reader.begin.run();
      return await work(reader.kysely as Tx<unknown>);
    } finally {
      if (reader.database.isTransaction) reader.commit.run();
      readers.giveBack(reader);
    }
  };

  return {
    kind: 'sqlite',
    db: <Tables>() => ({ read, write }) as Db<Tables>,
    migrate: async (service, migrations) => {
      writer.database.exec('PRAGMA busy_timeout=30000');
      try {
        await migrateUp(writer.kysely, service, migrations);
      } finally {
        writer.database.exec('PRAGMA busy_timeout=0');
      }
    },
    watch: async () => {
      if (inMemory) return watchOf(writer.database, 'SELECT total_changes()');
      const reader = connectReader(path);
      watchers.push(reader);
      // Differs once any other connection has committed, of this process or another.
      return watchOf(reader.database, 'PRAGMA data_version');
    },
    close: async () => {
      while (draining) await new Promise((resolve) => setImmediate(resolve));
      readers.close();
      for (const { database } of [...watchers, writer]) database.close();
    },
  };
}

/**
 * Asked with every request that a token comes with. One answer does for all that came in one turn of the event loop: what
 * another process has committed before a request was sent is committed before that request is read.
 */
function watchOf(database: DatabaseSync, sql: string): TableWatch {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  let version: number | null = null;
  const forget = (): void => void (version = null);
  return {
    version: () => {
      if (version === null) {
        version = Number((statement.get() as unknown as [number])[0]);
        setImmediate(forget);
      }
      return version;
    },
  };
}

function connect(path: string): Connection {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec('PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000');
  return {
    database,
    begin: database.prepare('BEGIN'),
    commit: database.prepare('COMMIT'),
    savepoint: database.prepare('SAVEPOINT job'),
    release: database.prepare('RELEASE job'),
    kysely: new Kysely<unknown>({ dialect: sqliteDialect(database) }),
  };
}

/**
 * A few connections, so that their statements are found again. Whoever finds none free waits for the end of the turn:
 * reads do not wait for anything but the database, so one is given back by then. One that does wait for something else
 * (another database) keeps nobody: a connection more is opened.
 */
class Readers {
  readonly #path: string;
  readonly #idle: Connection[] = [];
  readonly #waiting = new Set<(reader: Connection) => void>();
  #count = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async take(): Promise<Connection> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#count < readersMax) return this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      setImmediate(() => {
        if (!this.#waiting.delete(resolve)) return;
        try {
          resolve(this.#open());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  giveBack(reader: Connection): void {
    const [first] = this.#waiting;
    if (first !== undefined) {
      this.#waiting.delete(first);
      first(reader);
    } else if (this.#count > readersMax) {
      this.#count--;
      reader.database.close();
    } else this.#idle.push(reader);
  }

  #open(): Connection {
    const reader = connectReader(this.#path);
    this.#count++;
    return reader;
  }

  close(): void {
    for (const { database } of this.#idle) database.close();
  }
}

function connectReader(path: string): Connection {
  const connection = connect(path);
  connection.database.exec('PRAGMA query_only=ON');
  return connection;
}

async function commitGroup(writer: Connection, jobs: readonly Job[]): Promise<void> {
  const { database, kysely } = writer;
  const settle: (() => void)[] = [];
  try {
    await writerBegin(database);
    for (const job of jobs) {
      writer.savepoint.run();
      try {
        const value = await job.work(kysely as Tx<unknown>);
        writer.release.run();
        settle.push(() => job.resolve(value));
      } catch (error) {
        // A full disk rolls the whole transaction back by itself: then there is no savepoint to return to.
        if (!database.isTransaction) throw error;
        database.exec('ROLLBACK TO job; RELEASE job');
        settle.push(() => job.reject(error));
      }
    }
    writer.commit.run();
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    for (const job of jobs) job.reject(error);
    return;
  }
  for (const done of settle) done();
}

/** SQLite's own waiting would block the event loop. */
async function writerBegin(database: DatabaseSync): Promise<void> {
  const limit = performance.now() + busyLimitMs;
  for (;;) {
    try {
      database.exec('BEGIN IMMEDIATE');
      return;
    } catch (error) {
      const isBusy = error instanceof Error && 'errcode' in error && error.errcode === busyCode;
      if (!isBusy || performance.now() > limit) throw error;
    }
    // Not all at the same moment again.
    await setTimeout(1 + Math.random() * 3);
  }
}
