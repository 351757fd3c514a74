import { Type } from '../../kernel/type.ts';
import { DirectoryUnavailable, type DirectoryOptions } from '../../identity/directory.model.ts';

const text = (description: string) =>
  Type.Optional(Type.String({ description, allowed: 'text in quotes' }));
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));
const list = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

/** `[directory.DOMAIN]` of welkin.toml: `ou` alone is enough for Active Directory. The names are Keystone's. */
export const DirectoryOptionsSchema = Type.Object(
  {
    ou: text(
      'Where people and groups are: the base of every search. Its DC parts name the servers.',
    ),
    url: text('Server, or several with commas: `ldap://` or `ldaps://`. Empty: found by DNS.'),
    user: text('Account that reads. Empty: Active Directory is read by whoever logs in.'),
    password: text('Its password.'),
    suffix: text('The base where `ou` is not given.'),
    query_scope: text('`sub` (all below) or `one` (one level).'),
    page_size: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 10_000, description: 'Entries a page; 0 is 500.' }),
    ),
    alias_dereferencing: text('`never`, `searching`, `finding`, `always` or `default`.'),
    chase_referrals: flag('Must be false: referrals are not followed.'),
    use_tls: flag('StartTLS on `ldap://`. Not given: yes, unless the server is this machine.'),
    tls_cacertfile: text(
      'CA that signed the certificates of the servers. Empty: those of the system.',
    ),
    tls_cacertdir: text('Folder of such.'),
    tls_req_cert: text('`demand`; `allow` and `never` accept any certificate.'),
    user_tree_dn: text('Base for users.'),
    user_filter: text('Further condition for users, an LDAP filter.'),
    user_objectclass: text('Class of users.'),
    user_id_attribute: text(
      'What never changes of a user. Not given: `objectGUID` or `entryUUID`.',
    ),
    user_name_attribute: text('Name of a user. Not given: `sAMAccountName` or `uid`.'),
    user_mail_attribute: text('Mail address.'),
    user_description_attribute: text('Description.'),
    user_default_project_id_attribute: text('Id of the default project.'),
    user_enabled_attribute: text('Tells whether a user is enabled.'),
    user_enabled_invert: flag('It says true for disabled users.'),
    user_enabled_mask: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Bit of it that is set for disabled users.' }),
    ),
    user_enabled_default: text('What holds where it is not there.'),
    user_enabled_emulation: flag('Enabled are the members of a group.'),
    user_enabled_emulation_dn: text('That group.'),
    user_enabled_emulation_use_group_config: flag(
      'It is a group like those of `group_*`. Not given: its members are in `member`.',
    ),
    user_additional_attribute_mapping: list('`ATTRIBUTE:NAME` to show besides.'),
    group_tree_dn: text('Base for groups.'),
    group_filter: text('Further condition for groups.'),
    group_objectclass: text('Class of groups.'),
    group_id_attribute: text('What never changes of a group.'),
    group_name_attribute: text('Name of a group.'),
    group_member_attribute: text('Members of a group.'),
    group_members_are_ids: flag('Members are names or ids of users, as in `posixGroup`.'),
    group_desc_attribute: text('Description.'),
    group_additional_attribute_mapping: list('`ATTRIBUTE:NAME` to show besides.'),
    group_ad_nesting: flag('Groups in groups. Not given: yes.'),
  },
  { additionalProperties: false, description: 'One directory.' },
);

/** Options read and checked; what is null or empty is found out from the server. */
export interface LdapSettings {
  readonly urls: readonly string[];
  /** From which the servers are found where no address was given: `corp.example`. */
  readonly dnsDomain: string | null;
  readonly user: string | null;
  readonly password: string;
  readonly scope: 'sub' | 'one';
  readonly pageSize: number;
  readonly derefAliases: 'never' | 'search' | 'find' | 'always';
  /** Null: where the server is not this machine. */
  readonly startTls: boolean | null;
  readonly caFile: string | null;
  readonly caFolder: string | null;
  readonly verifiesCertificate: boolean;
  readonly userTree: ThingSettings & {
    readonly mailAttribute: string | null;
    readonly defaultProjectAttribute: string | null;
    readonly enabled: EnabledSettings;
  };
  readonly groupTree: ThingSettings & {
    readonly memberAttribute: string | null;
    readonly membersAreIds: boolean;
    readonly nesting: boolean;
  };
}

export interface ThingSettings {
  readonly base: string;
  readonly filter: string | null;
  readonly objectClass: string | null;
  readonly idAttribute: string | null;
  readonly nameAttribute: string | null;
  readonly descriptionAttribute: string;
  /** Attribute of the directory to name in the API. */
  readonly more: readonly (readonly [attribute: string, name: string])[];
}

export interface EnabledSettings {
  readonly attribute: string | null;
  readonly isInverted: boolean;
  readonly mask: number | null;
  readonly byDefault: string | null;
  /** Enabled are the members of this group. */
  readonly groupDn: string | null;
  /** It is a group like all others; else its members are in `member`. */
  readonly usesGroupSettings: boolean;
}

const refuse = (message: string): never => {
  throw new DirectoryUnavailable(`its configuration cannot be used: ${message}`);
};

/** What the API took as text is a number or a truth value here, as in Keystone's own configuration files. */
export function settingsParse(options: DirectoryOptions): LdapSettings {
  const read = optionReader(options);
  const base = read.text('ou') ?? read.text('suffix');
  const userBase = read.text('user_tree_dn') ?? base ?? refuse('neither ou nor suffix is given');
  if (read.flag('chase_referrals') === true) refuse('chase_referrals: referrals are not followed');
  const urls = urlsOf(read.text('url'));
  const scope = read.text('query_scope') ?? 'sub';
  if (scope !== 'sub' && scope !== 'one') return refuse(`query_scope is sub or one, not ${scope}`);
  const tlsRequest = read.text('tls_req_cert') ?? 'demand';
  if (!['demand', 'allow', 'never'].includes(tlsRequest)) {
    return refuse(`tls_req_cert is demand, allow or never, not ${tlsRequest}`);
  }
  return {
    urls,
    dnsDomain: dnsDomainOf(base ?? userBase),
    user: read.text('user'),
    password: read.text('password') ?? '',
    scope,
    pageSize: read.number('page_size') || 500,
    derefAliases: dereferences[read.text('alias_dereferencing') ?? 'default'] ?? 'never',
    startTls: read.flag('use_tls'),
    caFile: read.text('tls_cacertfile'),
    caFolder: read.text('tls_cacertdir'),
    verifiesCertificate: tlsRequest === 'demand',
    userTree: {
      ...thingOf(read, 'user', userBase),
      mailAttribute: read.text('user_mail_attribute'),
      defaultProjectAttribute: read.text('user_default_project_id_attribute'),
      enabled: enabledOf(read, userBase),
    },
    groupTree: {
      ...thingOf(read, 'group', read.text('group_tree_dn') ?? base ?? userBase),
      memberAttribute: read.text('group_member_attribute'),
      membersAreIds: read.flag('group_members_are_ids') ?? false,
      nesting: read.flag('group_ad_nesting') ?? true,
    },
  };
}

const dereferences: Readonly<Record<string, LdapSettings['derefAliases']>> = {
  default: 'never',
  never: 'never',
  searching: 'search',
  finding: 'find',
  always: 'always',
};

interface OptionReader {
  text(name: string): string | null;
  flag(name: string): boolean | null;
  number(name: string): number | null;
  list(name: string): readonly string[];
}

function optionReader(options: DirectoryOptions): OptionReader {
  const plain = (name: string): string | null => {
    const value = options[name];
    if (value === undefined || value === null || value === '') return null;
    return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number);
  };
  return {
    text: plain,
    flag(name) {
      const value = plain(name);
      return value === null ? null : ['true', '1', 'yes', 'on'].includes(value.toLowerCase());
    },
    number(name) {
      const value = plain(name);
      if (value === null) return null;
      return /^\d{1,9}$/.test(value) ? Number(value) : refuse(`${name} is a number, not ${value}`);
    },
    list(name) {
      const value = options[name];
      if (Array.isArray(value)) return value.filter((one) => typeof one === 'string');
      return (plain(name) ?? '')
        .split(',')
        .flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
    },
  };
}

function thingOf(read: OptionReader, kind: 'user' | 'group', base: string): ThingSettings {
  const description = kind === 'user' ? 'user_description_attribute' : 'group_desc_attribute';
  return {
    base,
    filter: read.text(`${kind}_filter`),
    objectClass: read.text(`${kind}_objectclass`),
    idAttribute: read.text(`${kind}_id_attribute`),
    nameAttribute: read.text(`${kind}_name_attribute`),
    descriptionAttribute: read.text(description) ?? 'description',
    more: read.list(`${kind}_additional_attribute_mapping`).map((pair) => {
      const [attribute = '', name = attribute] = pair.split(':', 2);
      return [attribute, name] as const;
    }),
  };
}

function enabledOf(read: OptionReader, base: string): EnabledSettings {
  const isEmulated = read.flag('user_enabled_emulation') ?? false;
  return {
    attribute: read.text('user_enabled_attribute'),
    isInverted: read.flag('user_enabled_invert') ?? false,
    mask: read.number('user_enabled_mask'),
    byDefault: read.text('user_enabled_default'),
    groupDn: isEmulated
      ? (read.text('user_enabled_emulation_dn') ?? `cn=enabled_users,${base}`)
      : null,
    usesGroupSettings: read.flag('user_enabled_emulation_use_group_config') ?? false,
  };
}

function urlsOf(value: string | null): string[] {
  const urls = (value ?? '').split(/[,\s]+/).filter((one) => one !== '');
  for (const url of urls) {
    if (!/^ldaps?:\/\/[^/\s]+\/?$/i.test(url)) refuse(`${url} is not ldap://HOST or ldaps://HOST`);
  }
  return urls;
}

/** `OU=Cloud,DC=corp,DC=example` is in `corp.example`. */
function dnsDomainOf(dn: string): string | null {
  const parts = [...dn.matchAll(/(?:^|,)\s*dc\s*=\s*([^,]+?)\s*(?=,|$)/gi)].map(([, name]) => name);
  return parts.length === 0 ? null : parts.join('.').toLowerCase();
}
