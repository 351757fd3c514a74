import { Resolver } from 'node:dns/promises';
import { ResultCodeError, type Client, type Entry } from 'ldapts';
import {
  DirectoryUnavailable,
  type Directory,
  type DirectoryGroup,
  type DirectoryLogIn,
  type DirectoryLogInName,
  type DirectoryOptions,
  type DirectoryUser,
} from '../../identity/directory.model.ts';
import { clientEnd, isServerFault, LdapConnections, messageOf } from './connection.ts';
import { bindReason, refusalOf } from './entry.ts';
import { settingsParse, type LdapSettings } from './options.ts';
import { profileRead, type Profile } from './profile.ts';
import { LdapReader, type Found } from './reader.ts';
import type { SrvResolve } from './servers.ts';

const invalidCredentials = 49;
/** The server takes no password without encryption. */
const encryptionCodes: ReadonlySet<number> = new Set([8, 13]);

export interface LdapParts {
  readonly now: () => number;
  /** Of the machine where it is left out. */
  readonly resolve?: SrvResolve;
}

/** OpenLDAP, Active Directory and their like; nothing is asked before the first use. */
export function ldapDirectory(options: DirectoryOptions, parts: LdapParts): Directory {
  const resolve =
    parts.resolve ?? ((name) => new Resolver({ timeout: 3_000, tries: 2 }).resolveSrv(name));
  const settings = settingsParse(options);
  return new LdapDirectory(settings, new LdapConnections(settings, resolve, parts.now), parts.now);
}

class LdapDirectory implements Directory {
  readonly #settings: LdapSettings;
  readonly #connections: LdapConnections;
  readonly #now: () => number;
  #profile: Profile | null = null;

  constructor(settings: LdapSettings, connections: LdapConnections, now: () => number) {
    this.#settings = settings;
    this.#connections = connections;
    this.#now = now;
  }

  async logIn(who: DirectoryLogInName, password: string): Promise<DirectoryLogIn> {
    // RFC 4513, 5.1.2: a name without a password is an anonymous log-in, and succeeds.
    if (password === '') return { why: 'the password is empty', localId: null };
    return (await this.isReadable())
      ? await this.#logInByReader(who, password)
      : await this.#logInByOwn(who, password);
  }

  async isReadable(): Promise<boolean> {
    if (this.#settings.user !== null) return true;
    const { isActiveDirectory } = await this.#profileGet();
    return !isActiveDirectory;
  }

  userFind = (name: string): Promise<DirectoryUser | null> =>
    this.#read(async (reader) => {
      const found = await reader.userFind(name);
      return found === 'ambiguous' ? null : (found?.thing ?? null);
    });
  userGet = (localId: string): Promise<DirectoryUser | null> =>
    this.#read(async (reader) => (await reader.userGet(localId))?.thing ?? null);
  groupFind = (name: string): Promise<DirectoryGroup | null> =>
    this.#read((reader) => reader.groupFind(name));
  groupGet = (localId: string): Promise<DirectoryGroup | null> =>
    this.#read((reader) => reader.groupGet(localId));
  groupsOf = (user: DirectoryUser): Promise<readonly DirectoryGroup[]> =>
    this.#read((reader) => reader.groupsOf(user));
  membersOf = (group: DirectoryGroup): Promise<readonly DirectoryUser[]> =>
    this.#read((reader) => reader.membersOf(group));

  async *userPages(): AsyncGenerator<readonly DirectoryUser[]> {
    yield* await this.#read((reader) => collected(reader.userPages()));
  }

  async *groupPages(): AsyncGenerator<readonly DirectoryGroup[]> {
    yield* await this.#read((reader) => collected(reader.groupPages()));
  }

  close = (): Promise<void> => this.#connections.close();

  /** A reader finds who it is, then a connection of its own proves the password. */
  async #logInByReader(who: DirectoryLogInName, password: string): Promise<DirectoryLogIn> {
    const found = await this.#read((reader) =>
      'name' in who ? reader.userFind(who.name) : reader.userGet(who.localId),
    );
    if (found === null || found === 'ambiguous') {
      // As much work as for one who exists, and as long.
      await this.#bind(`cn=nobody,${this.#settings.userTree.base}`, password, null);
      const why = found === null ? 'no such user' : 'more than one user has this name';
      return { why, localId: null };
    }
    const bound = await this.#bind(found.thing.dn, password, found.entry);
    if ('why' in bound) return { why: bound.why, localId: found.thing.localId };
    clientEnd(bound.client);
    return await this.#read((reader) => this.#admit(reader, found));
  }

  /** Active Directory without an account for us: whoever logs in reads his own entry and groups. */
  async #logInByOwn(who: DirectoryLogInName, password: string): Promise<DirectoryLogIn> {
    if (!('name' in who)) return { why: 'the directory can only be asked by name', localId: null };
    const { name } = who;
    const bindName = /[@\\]/.test(name) ? name : `${name}@${this.#settings.dnsDomain ?? ''}`;
    const bound = await this.#bind(bindName, password, null);
    if ('why' in bound) return { why: bound.why, localId: null };
    try {
      const reader = this.#readerOver(bound.client, await this.#profileGet());
      const found = await reader.userFind(name);
      if (found === null || found === 'ambiguous') {
        return { why: 'the user is not in the part of the directory that is used', localId: null };
      }
      return await this.#admit(reader, found);
    } catch (error) {
      throw unavailableOf(error);
    } finally {
      clientEnd(bound.client);
    }
  }

  async #admit(
    reader: LdapReader,
    { entry, thing }: Found<DirectoryUser>,
  ): Promise<DirectoryLogIn> {
    const why = refusalOf(entry, thing, this.#now());
    if (why !== null) return { why, localId: thing.localId };
    return { user: thing, groups: await reader.groupsOf(thing) };
  }

  async #bind(
    name: string,
    password: string,
    entry: Entry | null,
  ): Promise<{ readonly client: Client } | { readonly why: string }> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connections.open();
      try {
        await client.bind(name, password);
        return { client };
      } catch (error) {
        clientEnd(client);
        if (error instanceof ResultCodeError && !isServerFault(error)) {
          if (encryptionCodes.has(error.code)) throw unavailableOf(error);
          const isPassword = error.code === invalidCredentials;
          return { why: isPassword ? bindReason(error.message, entry) : messageOf(error) };
        }
        if (attempt === 2) throw unavailableOf(error);
      }
    }
  }

  async #read<T>(work: (reader: LdapReader) => Promise<T>): Promise<T> {
    try {
      const profile = await this.#profileGet();
      return await this.#connections.read((client) => work(this.#readerOver(client, profile)));
    } catch (error) {
      throw unavailableOf(error);
    }
  }

  #readerOver(client: Client, profile: Profile): LdapReader {
    return new LdapReader(client, { settings: this.#settings, profile, nowMs: this.#now() });
  }

  async #profileGet(): Promise<Profile> {
    this.#profile ??= await this.#connections.read((client) => profileRead(client, this.#settings));
    return this.#profile;
  }
}

async function collected<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

const unavailableOf = (error: unknown): DirectoryUnavailable =>
  error instanceof DirectoryUnavailable
    ? error
    : new DirectoryUnavailable(messageOf(error), { cause: error });
