import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { Client, ResultCodeError } from 'ldapts';
import { DirectoryUnavailable } from '../../identity/directory.model.ts';
import type { LdapSettings } from './options.ts';
import { serversFind, type LdapServer, type SrvResolve } from './servers.ts';

const connectTimeoutMs = 5_000;
const operationTimeoutMs = 20_000;
/** After every server failed, so long nobody waits for them again. */
const downForMs = 2_000;

/** LDAP results with which a server says that another one should be asked. */
const busyCodes: ReadonlySet<number> = new Set([51, 52]);

/** A lost connection, a time-out, a server that will not: not an answer to what was asked. */
export const isServerFault = (error: unknown): boolean =>
  error instanceof ResultCodeError ? busyCodes.has(error.code) : true;

/** Connections to the servers of one directory: one that reads, and one of its own for each log-in. */
export class LdapConnections {
  readonly #settings: LdapSettings;
  readonly #resolve: SrvResolve;
  readonly #now: () => number;
  /** The address that answered last. */
  #preferred: string | null = null;
  #reader: Promise<Client> | null = null;
  readonly #ended = new WeakSet<Client>();
  #down: { readonly untilMs: number; readonly error: DirectoryUnavailable } | null = null;

  constructor(settings: LdapSettings, resolve: SrvResolve, now: () => number) {
    this.#settings = settings;
    this.#resolve = resolve;
    this.#now = now;
  }

  /** Runs what only reads; once more on another connection where the first one broke. */
  async read<T>(work: (client: Client) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const reader = await this.#readerGet();
      try {
        return await work(reader);
      } catch (error) {
        if (error instanceof DirectoryUnavailable || !isServerFault(error)) throw error;
        this.#readerDrop(reader);
        if (attempt === 2) throw new DirectoryUnavailable(messageOf(error), { cause: error });
      }
    }
  }

  /** A connection nobody has bound yet; the caller ends it. */
  async open(): Promise<Client> {
    if (this.#down !== null && this.#now() < this.#down.untilMs) throw this.#down.error;
    const servers = await serversFind(this.#settings, this.#resolve);
    const first = servers.findIndex(({ url }) => url === this.#preferred);
    const order = first < 0 ? servers : [...servers.slice(first), ...servers.slice(0, first)];
    const reasons: string[] = [];
    for (const server of order) {
      try {
        const client = await this.#connect(server);
        this.#preferred = server.url;
        this.#down = null;
        return client;
      } catch (error) {
        reasons.push(`${server.url}: ${messageOf(error)}`);
      }
    }
    const error = new DirectoryUnavailable(`no server answers (${reasons.join('; ')})`);
    this.#down = { untilMs: this.#now() + downForMs, error };
    throw error;
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    if (reader !== null) clientEnd(await reader.catch(() => null));
  }

  async #connect({ url, startTls }: LdapServer): Promise<Client> {
    const isSecure = url.toLowerCase().startsWith('ldaps:');
    const client: Client = new Client({
      url,
      timeout: operationTimeoutMs,
      connectTimeout: connectTimeoutMs,
      strictDN: false,
      createConnection: connectOnce(() => this.#ended.add(client)),
      // Never shared between clients: a connection keeps what it was given.
      ...(isSecure && { tlsOptions: this.#tlsOptions() }),
    });
    try {
      if (startTls) await client.startTLS({ ...this.#tlsOptions(), host: new URL(url).hostname });
      // Anonymous: a server that cannot be reached must be found out here.
      else await client.search('', { scope: 'base', attributes: ['namingContexts'] });
      return client;
    } catch (error) {
      clientEnd(client);
      throw error;
    }
  }

  #tlsOptions(): ConnectionOptions {
    const { caFile, caFolder, verifiesCertificate } = this.#settings;
    const files = [
      ...(caFile === null ? [] : [caFile]),
      ...(caFolder === null ? [] : readdirSync(caFolder).map((name) => join(caFolder, name))),
    ];
    return {
      rejectUnauthorized: verifiesCertificate,
      ...(files.length > 0 && { ca: files.map((file) => readFileSync(file, 'utf8')) }),
    };
  }

  async #readerGet(): Promise<Client> {
    const known = await this.#reader?.catch(() => null);
    if (this.#reader !== null && known?.isConnected === true && !this.#ended.has(known)) {
      return known;
    }
    if (known !== null && known !== undefined) this.#readerDrop(known);
    this.#reader ??= this.#readerOpen();
    this.#reader.catch(() => (this.#reader = null));
    return await this.#reader;
  }

  async #readerOpen(): Promise<Client> {
    const client = await this.open();
    const { user, password } = this.#settings;
    if (user === null) return client;
    try {
      await client.bind(user, password);
      return client;
    } catch (error) {
      clientEnd(client);
      throw new DirectoryUnavailable(`it refuses the account ${user}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #readerDrop(client: Client): void {
    this.#reader = null;
    clientEnd(client);
  }
}

/**
 * The library connects again by itself where a connection has ended: without StartTLS, so a password would be bare.
 * After StartTLS it does not notice the end either.
 */
function connectOnce(onEnd: () => void): typeof connect {
  let isUsed = false;
  const once = (port: number, host: string): Socket => {
    if (isUsed) throw new Error('the connection has ended');
    isUsed = true;
    return connect(port, host).once('end', onEnd).once('close', onEnd);
  };
  return once as typeof connect;
}

/** Nobody waits for a good-bye: on a connection that is dead already it would never be answered. */
export function clientEnd(client: Client | null): void {
  void client?.unbind().catch(() => {});
}

/** Servers end their messages with a NUL. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').trim();
