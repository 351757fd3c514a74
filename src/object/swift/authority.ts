import type { Actor } from '../../kernel/policy.ts';
import { accountGet } from '../account.ts';
import type { ObjectWorld } from '../object.world.ts';
import { accountAclOf, aclParse, referrerAllows } from './acl.ts';
import type { Access, Authority, Grant } from './authority.model.ts';

export const isReading = (method: string): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

/** What everybody may do: what the container's read ACL opens to referrers. */
export function publicGrant({ place, acl, headers }: Access): Grant {
  const parsed = aclParse(acl);
  if (!referrerAllows(headers['referer'], parsed)) return 'denied';
  return place.object !== null || parsed.groups.includes('.rlistings') ? 'allowed' : 'denied';
}

export const anonymous: Authority = { isAnonymous: true, isReseller: false, grant: publicGrant };

/** What service accounts are called and the role a service token must show for them. */
export interface ServicePrefix {
  readonly prefix: string;
  readonly role: string;
}

const operatorRoles = ['admin', 'manager', 'member', 'swiftoperator'];
const readerRoles = ['reader'];

/** Someone with a token of the cloud's identity service. */
export function actorAuthority(
  world: ObjectWorld,
  actor: Actor,
  servicePrefixes: readonly ServicePrefix[],
): Authority {
  const roles = actor.roles.map((role) => role.toLowerCase());
  const holds = (wanted: readonly string[]): boolean => wanted.some((role) => roles.includes(role));
  const isSystem = actor.scope.kind === 'system';
  const isReseller = holds(['reselleradmin']) || (isSystem && holds(['admin']));
  const seesAll = isSystem && holds(['reader']);
  const { resellerPrefix } = world.settings;
  const projectId = actor.scope.kind === 'project' ? actor.scope.projectId : null;
  const prefixes = [{ prefix: resellerPrefix, role: null }, ...servicePrefixes];

  const own = (account: string): { readonly role: string | null } | null =>
    projectId === null
      ? null
      : (prefixes.find(({ prefix }) => account === prefix + projectId) ?? null);

  const ownGrant = (access: Access, role: string | null): Grant => {
    const isServed =
      role === null || actor.serviceRoles.some((held) => held.toLowerCase() === role);
    if (holds(operatorRoles) && isServed) return 'owner';
    return role === null && holds(readerRoles) && isReading(access.method) ? 'allowed' : 'denied';
  };

  return {
    isAnonymous: false,
    isReseller,
    async grant(access) {
      const { method, place, acl } = access;
      if (isReseller) return 'owner';
      if (seesAll && isReading(method)) return 'allowed';
      if (place.container === null && method === 'DELETE') return 'denied';
      const { groups } = aclParse(acl);
      if (groups.length > 0 && crossProject(actor, groups)) return 'allowed';
      const mine = own(place.account);
      const granted = mine === null ? 'denied' : ownGrant(access, mine.role);
      if (granted !== 'denied') return granted;
      if (publicGrant(access) === 'allowed') return 'allowed';
      if (mine === null) return 'denied';
      return groups.some((group) => roles.includes(group.toLowerCase())) ? 'allowed' : 'denied';
    },
  };
}

/**
 * `project:user`, each an id, `*`, or a name. Names are unique in a domain only: they count for users and projects of
 * the default one, as in Swift.
 */
function crossProject(actor: Actor, groups: readonly string[]): boolean {
  if (actor.scope.kind !== 'project') return false;
  const { projectId, projectName, domainId } = actor.scope;
  const named = domainId === 'default' && actor.userDomainId === 'default';
  const projects = [projectId, '*', ...(named ? [projectName] : [])];
  const users = [actor.userId, '*', ...(named ? [actor.userName] : [])];
  return projects.some((project) => users.some((user) => groups.includes(`${project}:${user}`)));
}

/** Someone of the store's own list of users. `groups`: account, account:user, and what the list says. */
export function groupAuthority(
  world: ObjectWorld,
  groups: readonly string[],
  servicePrefixes: readonly ServicePrefix[],
): Authority {
  const isReseller = groups.includes('.reseller_admin');
  const prefixes = [{ prefix: world.settings.resellerPrefix, role: null }, ...servicePrefixes];
  return {
    isAnonymous: false,
    isReseller,
    async grant(access) {
      const { method, place, acl } = access;
      const { account, container } = place;
      const prefix = prefixes.find((one) => account.startsWith(one.prefix));
      if (prefix === undefined) return 'denied';
      const isHidden = account === prefix.prefix || account[prefix.prefix.length] === '.';
      if (isReseller && !isHidden) return 'owner';
      if (groups.includes('.reseller_reader') && !isHidden && isReading(method)) return 'allowed';
      const isMine = groups.includes(account);
      if (isMine && (container !== null || (method !== 'PUT' && method !== 'DELETE'))) {
        if (prefix.role === null || groups.includes(prefix.role)) return 'owner';
      }
      if (publicGrant(access) === 'allowed') return 'allowed';
      const parsed = aclParse(acl);
      if (groups.some((group) => parsed.groups.includes(group))) return 'allowed';
      return await accountGrant(world, access, groups);
    },
  };
}

async function accountGrant(
  world: ObjectWorld,
  { method, place }: Access,
  groups: readonly string[],
): Promise<Grant> {
  const { documents } = await accountGet(world, place.account);
  const acl = accountAclOf(documents['swift:acl']);
  if (acl === null) return 'denied';
  const holds = (list: readonly string[]): boolean => groups.some((group) => list.includes(group));
  if (holds(acl.admin)) return 'owner';
  const reads = isReading(method);
  if (holds(acl['read-write']) && (place.container !== null || reads)) return 'allowed';
  return holds(acl['read-only']) && reads ? 'allowed' : 'denied';
}
