import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { TableWatch } from '../../kernel/db.ts';

/** A listener that does not answer within this is taken for dead: so long may a change go unseen at most. */
const heartbeatMs = 1_000;
const answerMs = 2_000;
const reconnectMs = 200;

/**
 * Each statement that changes the table notifies who listens, at its commit. While nobody listens for us, the version
 * differs each time it is asked for: whoever asks then looks for himself.
 */
export class PostgresTableWatch implements TableWatch {
  readonly #url: string;
  readonly #channel: string;
  #client: pg.Client | null = null;
  #version = 0;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(url: string, channel: string) {
    this.#url = url;
    this.#channel = channel;
    this.#ended = this.#run();
  }

  version(): number {
    if (this.#client === null) this.#version++;
    return this.#version;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const pause = (ms: number): Promise<void> =>
      setTimeout(ms, undefined, { signal, ref: false }).catch(() => {});
    while (!signal.aborted) {
      const client = new pg.Client({
        connectionString: this.#url,
        keepAlive: true,
        connectionTimeoutMillis: answerMs,
        query_timeout: answerMs,
      });
      client.on('error', () => this.#lost(client));
      client.on('end', () => this.#lost(client));
      client.on('notification', () => this.#version++);
      try {
        await client.connect();
        await client.query(`LISTEN "${this.#channel}"`);
        // What was changed before this moment is found by whoever sees a new version.
        this.#version++;
        this.#client = client;
        while (!signal.aborted && this.#client === client) {
          await pause(heartbeatMs);
          await client.query('SELECT 1');
        }
      } catch {
        // Tried again below: meanwhile the version says that nothing is known.
      }
      this.#lost(client);
      await client.end().catch(() => {});
      if (!signal.aborted) await pause(reconnectMs);
    }
  }

  #lost(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
  }
}

/** Run by one process at a time: two that replace a function at once fail each other. */
export const watchStatements = (schema: string, table: string, channel: string): string => `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('${channel}'));
  CREATE OR REPLACE FUNCTION "${schema}".table_changed() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(TG_ARGV[0], ''''); RETURN NULL; END';
  DO $$ BEGIN
    IF NOT EXISTS (
      SELECT FROM pg_trigger
      WHERE tgname = 'table_changed' AND tgrelid = '"${schema}"."${table}"'::regclass
    ) THEN
      CREATE TRIGGER table_changed AFTER INSERT OR UPDATE OR DELETE ON "${schema}"."${table}"
        FOR EACH STATEMENT EXECUTE FUNCTION "${schema}".table_changed('${channel}');
    END IF;
  END $$;
  COMMIT;`;
