import type { Actor } from '../../kernel/policy.ts';
import type { AccessKey, ObjectIdentity } from '../../object/identity.port.ts';
import type { TempauthUser } from '../../object/object.world.ts';
import { exitCodes, UserError } from '../command.ts';

/** A key pair of the command line. */
export interface StaticKey {
  readonly access: string;
  readonly secret: string;
  readonly account: string;
}

/** `USER:KEY`, `ACCOUNT:USER:KEY` or `ACCOUNT:USER:KEY:GROUP,GROUP`; without groups the user owns the account. */
export function tempauthParse(text: string): TempauthUser {
  const [first = '', second = '', third, groups = '.admin', ...rest] = text.split(':');
  const [account, user, key] =
    third === undefined ? [first, first, second] : [first, second, third];
  const isWhole = account !== '' && user !== '' && key !== '' && rest.length === 0;
  if (!isWhole) throw refused('--tempauth', 'USER:KEY or ACCOUNT:USER:KEY[:GROUP,GROUP]');
  return { account, user, key, groups: groups.split(',').filter((group) => group !== '') };
}

/** `ACCESS:SECRET` or `ACCESS:SECRET:ACCOUNT`; the account is that of the first user, or named as the key. */
export function staticKeyParse(text: string, defaultAccount: string | null): StaticKey {
  const [access = '', secret = '', named = defaultAccount ?? access, ...rest] = text.split(':');
  if (access !== '' && secret !== '' && rest.length === 0)
    return { access, secret, account: named };
  throw refused('--s3-key', 'ACCESS:SECRET or ACCESS:SECRET:ACCOUNT');
}

const refused = (option: string, allowed: string): UserError =>
  new UserError(`${option}: it must be ${allowed}`, exitCodes.usage);

/**
 * Who may come in where there is no cloud: the users and keys of the command line. Tokens of users are the Swift
 * front's own; an S3 client uses a key pair, or `ACCOUNT:USER` and the user's key.
 */
export function standaloneIdentity(
  users: readonly TempauthUser[],
  keys: readonly StaticKey[],
): ObjectIdentity {
  const known = new Map<string, AccessKey>();
  for (const { account, user, key, groups } of users) {
    const actor = actorOf(account, `${account}:${user}`, rolesOf(groups));
    known.set(`${account}:${user}`, { secret: key, actor });
  }
  for (const { access, secret, account } of keys) {
    known.set(access, { secret, actor: actorOf(account, access, rolesOf(['.admin'])) });
  }
  const accounts = new Set([...users, ...keys].map(({ account }) => account));
  return {
    tokenActor: async () => null,
    accessKeyFind: async (access) => known.get(access) ?? null,
    projectNames: async (ids) =>
      new Map(ids.filter((id) => accounts.has(id)).map((id) => [id, id] as const)),
  };
}

/** The groups of tempauth in Keystone's words, which both fronts know. */
const rolesOf = (groups: readonly string[]): readonly string[] => [
  ...(groups.includes('.admin') ? ['admin', 'member', 'reader'] : []),
  ...(groups.includes('.reseller_admin') ? ['ResellerAdmin'] : []),
  ...groups.filter((group) => !group.startsWith('.')),
];

const actorOf = (account: string, user: string, roles: readonly string[]): Actor => ({
  userId: user,
  userName: user,
  userDomainId: 'default',
  roles,
  scope: { kind: 'project', projectId: account, projectName: account, domainId: 'default' },
  serviceRoles: [],
  auditId: '',
});
