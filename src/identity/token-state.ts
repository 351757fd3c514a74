import { isoMicroseconds } from '../kernel/clock.ts';
import type { Actor, ActorScope } from '../kernel/policy.ts';
import { systemTarget, type RoleTarget } from './assignment.model.ts';
import { assignmentRoleIds } from './assignment.store.ts';
import { catalogJson } from './catalog.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { ancestorIds, type Project } from './project.model.ts';
import { projectGet } from './project.store.ts';
import type { Snapshot } from './snapshot.model.ts';
import { rolesExpand, snapshotGet } from './snapshot.ts';
import { tokenDecode } from './token.codec.ts';
import type { TokenClaims, TokenRole, TokenScope, TokenState } from './token.model.ts';
import type { UserAccount } from './user.model.ts';
import { userGet } from './user.store.ts';

/**
 * What a token is worth now; null for one that is expired, revoked, or not ours. The database is read only when the
 * directory has changed since this process last saw the token.
 */
export async function tokenResolve(
  world: IdentityWorld,
  text: string,
  graceMs = 0,
): Promise<TokenState | null> {
  const { memory, clock, tokenKeys } = world;
  const known = memory.tokens.get(text);
  if (known?.generation === memory.generation) {
    return clock.now() < known.claims.expiresAtMs + graceMs ? known : null;
  }
  const claims = known?.claims ?? tokenDecode(tokenKeys, text);
  if (claims === null || clock.now() >= claims.expiresAtMs + graceMs) {
    memory.tokens.delete(text);
    return null;
  }
  const state = await tokenStateRead(world, claims);
  if (state === null) memory.tokens.delete(text);
  else memory.tokens.set(text, state);
  return state;
}

/** Null where the user, the scope or every role in it is gone, or the token was revoked. */
export async function tokenStateRead(
  world: IdentityWorld,
  claims: TokenClaims,
): Promise<TokenState | null> {
  const { generation } = world.memory;
  const snapshot = await snapshotGet(world);
  const found = await world.db.read((tx) => subjectRead(tx, claims, snapshot));
  if (found === null) return null;
  const { user, project, target } = found;
  const domainIds = [user.domainId, ...(project?.domainId == null ? [] : [project.domainId])];
  if (world.memory.isRevoked(claims, domainIds)) return null;
  const roles = rolesIn(snapshot, found.roleIds);
  if (target !== null && roles.length === 0) return null;
  const parts = { claims, user, project, roles, snapshot };
  return {
    generation,
    claims,
    roles,
    projectDomainId: project?.domainId ?? null,
    actor: actorOf(parts),
    json: {
      head: tokenHead(parts),
      catalog:
        target === null
          ? null
          : catalogJson(snapshot, { projectId: project?.id ?? null, userId: user.id }),
    },
  };
}

interface Subject {
  readonly user: UserAccount;
  readonly project: Project | null;
  /** Null for an unscoped token. */
  readonly target: RoleTarget | null;
  readonly roleIds: readonly string[];
}

async function subjectRead(
  tx: Tx,
  claims: TokenClaims,
  snapshot: Snapshot,
): Promise<Subject | null> {
  const user = await userGet(tx, claims.userId);
  if (user?.isEnabled !== true) return null;
  if (snapshot.domains.get(user.domainId)?.isEnabled !== true) return null;
  const scope = await scopeRead(tx, claims.scope, snapshot);
  if (scope === null) return null;
  const roleIds = scope.target === null ? [] : await assignmentRoleIds(tx, user.id, scope.target);
  return { user, ...scope, roleIds };
}

/** Null: there is no such scope, or it is disabled. */
export async function scopeRead(
  tx: Tx,
  scope: TokenScope,
  { domains }: Snapshot,
): Promise<{ readonly project: Project | null; readonly target: RoleTarget | null } | null> {
  switch (scope.kind) {
    case 'unscoped':
      return { project: null, target: null };
    case 'system':
      return { project: null, target: { ...systemTarget, ancestorIds: [] } };
    case 'domain':
      if (domains.get(scope.id)?.isEnabled !== true) return null;
      return { project: null, target: { kind: 'domain', id: scope.id, ancestorIds: [] } };
    case 'project': {
      const project = await projectGet(tx, scope.id);
      if (project?.isEnabled !== true) return null;
      if (domains.get(project.domainId ?? project.id)?.isEnabled !== true) return null;
      return {
        project,
        target: { kind: 'project', id: project.id, ancestorIds: ancestorIds(project) },
      };
    }
  }
}

/** With all that they imply; the roles of a domain itself only count for what they imply. */
export function rolesIn(snapshot: Snapshot, roleIds: readonly string[]): TokenRole[] {
  return [...rolesExpand(snapshot, roleIds)]
    .flatMap((id) => snapshot.roles.get(id) ?? [])
    .filter(({ domain_id }) => domain_id === null)
    .map(({ id, name }) => ({ id, name }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

interface TokenParts {
  readonly claims: TokenClaims;
  readonly user: UserAccount;
  readonly project: Project | null;
  readonly roles: readonly TokenRole[];
  readonly snapshot: Snapshot;
}

function actorOf({ claims, user, project, roles }: TokenParts): Actor {
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: user.domainId,
    roles: roles.map(({ name }) => name),
    scope: actorScope(claims.scope, project),
    serviceRoles: [],
    auditId: claims.auditIds.at(-1) ?? '',
  };
}

function actorScope(scope: TokenScope, project: Project | null): ActorScope {
  if (scope.kind === 'domain') return { kind: 'domain', domainId: scope.id };
  if (project === null) return { kind: scope.kind === 'system' ? 'system' : 'unscoped' };
  return {
    kind: 'project',
    projectId: project.id,
    projectName: project.name,
    domainId: project.domainId ?? project.id,
  };
}

/** The token as the API shows it, without the brackets that close it. */
function tokenHead({ claims, user, project, roles, snapshot }: TokenParts): string {
  const domain = (id: string): { id: string; name: string } => ({
    id,
    name: snapshot.domains.get(id)?.name ?? id,
  });
  const { scope } = claims;
  const { passwordExpiresAtMs } = user;
  const token = {
    methods: claims.methods,
    user: {
      domain: domain(user.domainId),
      id: user.id,
      name: user.name,
      password_expires_at:
        passwordExpiresAtMs === null ? null : isoMicroseconds(passwordExpiresAtMs).slice(0, -1),
    },
    audit_ids: claims.auditIds,
    expires_at: isoMicroseconds(claims.expiresAtMs),
    issued_at: isoMicroseconds(claims.issuedAtMs),
    ...(project !== null && {
      project: {
        domain: domain(project.domainId ?? project.id),
        id: project.id,
        name: project.name,
      },
      is_domain: project.isDomain,
    }),
    ...(scope.kind === 'domain' && { domain: domain(scope.id) }),
    ...(scope.kind === 'system' && { system: { all: true } }),
    ...(scope.kind !== 'unscoped' && { roles }),
  };
  return `{"token":${JSON.stringify(token).slice(0, -1)}`;
}

export const tokenJson = ({ json }: TokenState, withCatalog: boolean): string =>
  json.catalog === null || !withCatalog
    ? `${json.head}}}`
    : `${json.head},"catalog":${json.catalog}}}`;
