import {
  AndFilter,
  EqualityFilter,
  FilterParser,
  OrFilter,
  type Filter,
  type Client,
} from 'ldapts';
import type { EnabledSettings, LdapSettings, ThingSettings } from './options.ts';

/** RFC 4512: what a server says of itself in its root entry. */
const activeDirectory = '1.2.840.113556.1.4.800';

/** How things are called in one directory: what was configured, else what its kind of server uses. */
export interface Profile {
  readonly isActiveDirectory: boolean;
  readonly user: Named & {
    readonly loginAttributes: readonly string[];
    readonly mailAttribute: string;
    readonly defaultProjectAttribute: string | null;
    readonly enabled: EnabledSettings;
    /** Besides: what tells that an account may not be used. */
    readonly stateAttributes: readonly string[];
  };
  readonly group: Named & { readonly memberAttribute: string };
}

interface Named {
  readonly base: string;
  readonly every: Filter;
  readonly idAttribute: string;
  readonly nameAttribute: string;
  readonly descriptionAttribute: string;
  readonly more: ThingSettings['more'];
}

export async function profileRead(client: Client, settings: LdapSettings): Promise<Profile> {
  const { searchEntries } = await client.search('', {
    scope: 'base',
    attributes: ['supportedCapabilities'],
  });
  const capabilities = searchEntries[0]?.['supportedCapabilities'] ?? [];
  const isActiveDirectory = [capabilities].flat().includes(activeDirectory);
  return isActiveDirectory ? activeDirectoryProfile(settings) : plainProfile(settings);
}

function activeDirectoryProfile({ userTree, groupTree }: LdapSettings): Profile {
  const { enabled } = userTree;
  const isPerson = new EqualityFilter({ attribute: 'objectCategory', value: 'person' });
  return {
    isActiveDirectory: true,
    user: {
      ...named(userTree, { objectClass: 'user', id: 'objectGUID', name: 'sAMAccountName' }, [
        ...(userTree.objectClass === null ? [isPerson] : []),
      ]),
      loginAttributes: [userTree.nameAttribute ?? 'sAMAccountName', 'userPrincipalName'],
      mailAttribute: userTree.mailAttribute ?? 'mail',
      defaultProjectAttribute: userTree.defaultProjectAttribute,
      enabled:
        enabled.attribute === null
          ? { ...enabled, attribute: 'userAccountControl', mask: 2, byDefault: '512' }
          : enabled,
      stateAttributes: ['accountExpires', 'msDS-User-Account-Control-Computed', 'pwdLastSet'],
    },
    group: {
      ...named(groupTree, { objectClass: 'group', id: 'objectGUID', name: 'sAMAccountName' }),
      memberAttribute: groupTree.memberAttribute ?? 'member',
    },
  };
}

function plainProfile({ userTree, groupTree }: LdapSettings): Profile {
  return {
    isActiveDirectory: false,
    user: {
      ...named(userTree, { objectClass: 'inetOrgPerson', id: 'entryUUID', name: 'uid' }),
      loginAttributes: [userTree.nameAttribute ?? 'uid'],
      mailAttribute: userTree.mailAttribute ?? 'mail',
      defaultProjectAttribute: userTree.defaultProjectAttribute,
      enabled: userTree.enabled,
      stateAttributes: ['shadowExpire', 'pwdAccountLockedTime'],
    },
    group: {
      ...named(groupTree, { objectClass: 'groupOfNames', id: 'entryUUID', name: 'cn' }),
      memberAttribute: groupTree.memberAttribute ?? 'member',
    },
  };
}

function named(
  settings: ThingSettings,
  usual: { readonly objectClass: string; readonly id: string; readonly name: string },
  conditions: readonly Filter[] = [],
): Named {
  const { base, filter, objectClass, idAttribute, nameAttribute, descriptionAttribute } = settings;
  const isClass = new EqualityFilter({
    attribute: 'objectClass',
    value: objectClass ?? usual.objectClass,
  });
  const further = filter === null ? [] : [FilterParser.parseString(filter)];
  return {
    base,
    every: new AndFilter({ filters: [isClass, ...conditions, ...further] }),
    idAttribute: idAttribute ?? usual.id,
    nameAttribute: nameAttribute ?? usual.name,
    descriptionAttribute,
    more: settings.more,
  };
}

/** Those of `every` that also meet the condition. */
export const narrowed = ({ every }: Named, condition: Filter): Filter =>
  new AndFilter({ filters: [every, condition] });

export const either = (filters: readonly Filter[]): Filter =>
  new OrFilter({ filters: [...filters] });

/** The value is a value whatever is in it: it is never read as a filter (RFC 4515 escapes nothing here). */
export const equality = (attribute: string, value: string | Buffer): Filter =>
  new EqualityFilter({ attribute, value });
