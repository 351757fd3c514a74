import type { Transaction } from 'kysely';
import type { Migration } from 'kysely/migration';

/** One open transaction. Store functions take this and nothing else, so no query can escape it. */
export type Tx<Tables> = Transaction<Tables>;

export interface Db<Tables> {
  /** One consistent snapshot; nothing may be written. */
  read<T>(work: (tx: Tx<Tables>) => Promise<T>): Promise<T>;
  /**
   * One transaction, durable when it resolves. The engine may run `work` again after a serialization failure and
   * commits it together with others, so `work` only talks to the database and can be repeated. After a violation
   * the work must throw: some engines have already given the transaction up.
   */
  write<T>(work: (tx: Tx<Tables>) => Promise<T>): Promise<T>;
}

/** Numbered, forward-only: `0001-projects`. A released one is never edited. */
export type Migrations = Readonly<Record<string, Pick<Migration, 'up'>>>;

/** A database of one engine. `region` and `cell` are two of these: no SQL statement touches both. */
export interface Engine {
  readonly kind: 'sqlite' | 'postgres';
  db<Tables>(): Db<Tables>;
  /** Brings the tables of one service to the newest migration; all or nothing. */
  migrate(service: string, migrations: Migrations): Promise<void>;
  /** Sees changes of a table by whichever process; ends with the engine. */
  watch(table: string): Promise<TableWatch>;
  close(): Promise<void>;
}

/** Asked before each answer that memory gives, so it costs next to nothing. */
export interface TableWatch {
  /**
   * The same number as before: nothing was committed since, and PostgreSQL may be some milliseconds late. Another one:
   * perhaps something was.
   */
  version(): number;
}

/** Both engines turn their own driver's errors into these. */
export class UniqueViolation extends Error {
  override readonly name = 'UniqueViolation';
}
export class ReferenceViolation extends Error {
  override readonly name = 'ReferenceViolation';
}

/** SQL has no portable boolean: columns are 0 or 1. */
export type Flag = 0 | 1;
export const flag = (value: boolean): Flag => (value ? 1 : 0);
