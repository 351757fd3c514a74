import { ExtensibleFilter, ResultCodeError, type Client, type Entry, type Filter } from 'ldapts';
import {
  DirectoryUnavailable,
  type DirectoryGroup,
  type DirectoryUser,
} from '../../identity/directory.model.ts';
import { messageOf } from './connection.ts';
import { binaryAttributes, groupOf, idValue, userOf, valuesOf } from './entry.ts';
import type { LdapSettings } from './options.ts';
import { either, equality, narrowed, type Profile } from './profile.ts';

/** Groups in groups in groups: circles end, and so does a tree that somebody has let grow. */
const groupLimit = 2_000;
const memberLimit = 100_000;
/** LDAP_MATCHING_RULE_IN_CHAIN: Active Directory walks the tree of groups itself. */
const inChain = '1.2.840.113556.1.4.1941';

export interface Found<Thing> {
  readonly entry: Entry;
  readonly thing: Thing;
}

/** Reads users and groups over one bound connection. */
export class LdapReader {
  readonly #client: Client;
  readonly #settings: LdapSettings;
  readonly #profile: Profile;
  readonly #nowMs: number;
  #enabledDns: Promise<ReadonlySet<string> | null> | null = null;

  constructor(
    client: Client,
    parts: { readonly settings: LdapSettings; readonly profile: Profile; readonly nowMs: number },
  ) {
    this.#client = client;
    this.#settings = parts.settings;
    this.#profile = parts.profile;
    this.#nowMs = parts.nowMs;
  }

  /** By what a person types: `corp\alice` is alice here. Two of one name are nobody. */
  async userFind(name: string): Promise<Found<DirectoryUser> | 'ambiguous' | null> {
    const { user, isActiveDirectory } = this.#profile;
    const plain = isActiveDirectory ? name.slice(name.indexOf('\\') + 1) : name;
    const filter = either(user.loginAttributes.map((attribute) => equality(attribute, plain)));
    const found = await this.#users(filter);
    return found.length > 1 ? 'ambiguous' : (found[0] ?? null);
  }

  async userGet(localId: string): Promise<Found<DirectoryUser> | null> {
    const value = idValue(this.#profile.user.idAttribute, localId);
    if (value === null) return null;
    const found = await this.#users(equality(this.#profile.user.idAttribute, value));
    return found[0] ?? null;
  }

  async groupFind(name: string): Promise<DirectoryGroup | null> {
    const found = await this.#groups(equality(this.#profile.group.nameAttribute, name));
    return found[0] ?? null;
  }

  async groupGet(localId: string): Promise<DirectoryGroup | null> {
    const value = idValue(this.#profile.group.idAttribute, localId);
    if (value === null) return null;
    const found = await this.#groups(equality(this.#profile.group.idAttribute, value));
    return found[0] ?? null;
  }

  async *userPages(): AsyncGenerator<readonly DirectoryUser[]> {
    const { user } = this.#profile;
    for await (const entries of this.#pages(user.base, user.every, this.#userAttributes)) {
      yield (await this.#usersOf(entries)).map(({ thing }) => thing);
    }
  }

  async *groupPages(): AsyncGenerator<readonly DirectoryGroup[]> {
    const { group } = this.#profile;
    for await (const entries of this.#pages(group.base, group.every, this.#groupAttributes)) {
      yield entries.flatMap((entry) => groupOf(entry, this.#profile) ?? []);
    }
  }

  async groupsOf(user: DirectoryUser): Promise<DirectoryGroup[]> {
    const { group, isActiveDirectory } = this.#profile;
    const { nesting, membersAreIds } = this.#settings.groupTree;
    if (membersAreIds) {
      const values = [...new Set([user.localId, user.name])];
      return await this.#groups(either(values.map((one) => equality(group.memberAttribute, one))));
    }
    if (!nesting) return await this.#groups(equality(group.memberAttribute, user.dn));
    if (isActiveDirectory) return await this.#groups(chain(group.memberAttribute, user.dn));
    const found = new Map<string, DirectoryGroup>();
    for (let level = [user.dn]; level.length > 0 && found.size < groupLimit;) {
      const above = await this.#groups(
        either(level.map((dn) => equality(group.memberAttribute, dn))),
      );
      const fresh = above.filter(({ localId }) => !found.has(localId));
      for (const one of fresh) found.set(one.localId, one);
      level = fresh.map(({ dn }) => dn);
    }
    return [...found.values()];
  }

  async membersOf({ dn }: DirectoryGroup): Promise<DirectoryUser[]> {
    const { isActiveDirectory, user } = this.#profile;
    const { nesting, membersAreIds } = this.#settings.groupTree;
    if (isActiveDirectory) {
      const isMember = nesting ? chain('memberOf', dn) : equality('memberOf', dn);
      return (await this.#users(isMember)).map(({ thing }) => thing);
    }
    const attribute = this.#profile.group.memberAttribute;
    const members = await this.#memberValues(dn, attribute, nesting && !membersAreIds);
    if (!membersAreIds) {
      const found: DirectoryUser[] = [];
      for (const member of members) found.push(...(await this.#usersAt(member)));
      return found;
    }
    const found: DirectoryUser[] = [];
    for (let at = 0; at < members.length; at += 100) {
      const some = members.slice(at, at + 100);
      const attributes = new Set([user.nameAttribute, user.idAttribute]);
      const filters = [...attributes].flatMap((name) => some.map((one) => equality(name, one)));
      found.push(...(await this.#users(either(filters))).map(({ thing }) => thing));
    }
    return found;
  }

  /** Members of a group, and of the groups in it: those are the members that have members. */
  async #memberValues(dn: string, memberAttribute: string, walks: boolean): Promise<string[]> {
    const values = new Set<string>();
    const open = [dn];
    for (let at = open.shift(); at !== undefined && values.size < memberLimit; at = open.shift()) {
      for (const entry of await this.#entryAt(at, [memberAttribute])) {
        for (const member of valuesOf(entry, memberAttribute)) {
          if (values.has(member)) continue;
          values.add(member);
          if (walks && !this.#isInUserTree(member)) open.push(member);
        }
      }
    }
    return [...values];
  }

  /** Trees of users and groups are apart in most directories, which saves asking each user for members. */
  #isInUserTree(dn: string): boolean {
    const { user, group } = this.#profile;
    if (user.base.toLowerCase() === group.base.toLowerCase()) return false;
    return dn.toLowerCase().endsWith(`,${user.base.toLowerCase()}`);
  }

  async #usersAt(dn: string): Promise<DirectoryUser[]> {
    const base = this.#profile.user.base.toLowerCase();
    if (!dn.toLowerCase().endsWith(base)) return [];
    const entries = await this.#entryAt(dn, this.#userAttributes, this.#profile.user.every);
    return (await this.#usersOf(entries)).map(({ thing }) => thing);
  }

  async #users(condition: Filter): Promise<Found<DirectoryUser>[]> {
    const { user } = this.#profile;
    const found: Entry[] = [];
    for await (const page of this.#pages(
      user.base,
      narrowed(user, condition),
      this.#userAttributes,
    )) {
      found.push(...page);
    }
    return await this.#usersOf(found);
  }

  async #usersOf(entries: readonly Entry[]): Promise<Found<DirectoryUser>[]> {
    this.#enabledDns ??= this.#enabledDnsRead();
    const facts = { nowMs: this.#nowMs, enabledDns: await this.#enabledDns };
    return entries.flatMap((entry) => {
      const thing = userOf(entry, this.#profile, facts);
      return thing === null ? [] : [{ entry, thing }];
    });
  }

  async #enabledDnsRead(): Promise<ReadonlySet<string> | null> {
    const { groupDn, usesGroupSettings } = this.#profile.user.enabled;
    if (groupDn === null) return null;
    const attribute = usesGroupSettings ? this.#profile.group.memberAttribute : 'member';
    const members = await this.#memberValues(groupDn, attribute, false);
    return new Set(members.map((dn) => dn.toLowerCase()));
  }

  async #groups(condition: Filter): Promise<DirectoryGroup[]> {
    const { group } = this.#profile;
    const found: DirectoryGroup[] = [];
    const filter = narrowed(group, condition);
    for await (const page of this.#pages(group.base, filter, this.#groupAttributes)) {
      found.push(...page.flatMap((entry) => groupOf(entry, this.#profile) ?? []));
    }
    return found;
  }

  async *#pages(
    base: string,
    filter: Filter,
    attributes: readonly string[],
  ): AsyncGenerator<Entry[]> {
    const { scope, derefAliases, pageSize } = this.#settings;
    try {
      for await (const { searchEntries } of this.#client.searchPaginated(base, {
        scope,
        derefAliases,
        filter,
        attributes: [...attributes],
        explicitBufferAttributes: binaryAttributes,
        paged: { pageSize },
      })) {
        yield searchEntries;
      }
    } catch (error) {
      throw readError(error, base);
    }
  }

  /** One entry by its place; none where there is nothing, or nothing that may be seen. */
  async #entryAt(dn: string, attributes: readonly string[], filter?: Filter): Promise<Entry[]> {
    try {
      const { searchEntries } = await this.#client.search(dn, {
        scope: 'base',
        attributes: [...attributes],
        explicitBufferAttributes: binaryAttributes,
        ...(filter !== undefined && { filter }),
      });
      return searchEntries;
    } catch (error) {
      if (error instanceof ResultCodeError && entryGoneCodes.has(error.code)) return [];
      throw readError(error, dn);
    }
  }

  get #userAttributes(): string[] {
    const { user } = this.#profile;
    return [
      ...user.loginAttributes,
      user.idAttribute,
      user.nameAttribute,
      user.descriptionAttribute,
      user.mailAttribute,
      ...user.stateAttributes,
      ...(user.enabled.attribute === null ? [] : [user.enabled.attribute]),
      ...(user.defaultProjectAttribute === null ? [] : [user.defaultProjectAttribute]),
      ...user.more.map(([attribute]) => attribute),
    ];
  }

  get #groupAttributes(): string[] {
    const { group } = this.#profile;
    const { idAttribute, nameAttribute, descriptionAttribute, more } = group;
    return [idAttribute, nameAttribute, descriptionAttribute, ...more.map(([name]) => name)];
  }
}

/** Not there, not a name, not for us to see. */
const entryGoneCodes: ReadonlySet<number> = new Set([10, 32, 34, 50]);

/** A connection that broke stays what it is, so that another one is tried. */
function readError(error: unknown, base: string): unknown {
  if (!(error instanceof ResultCodeError)) return error;
  return new DirectoryUnavailable(`it cannot be read at "${base}": ${messageOf(error)}`, {
    cause: error,
  });
}

const chain = (matchType: string, value: string): Filter =>
  new ExtensibleFilter({ matchType, rule: inChain, value });
