import { invalid } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import type { Assignment } from './assignment.model.ts';
import { assignmentList, assignmentListOfUser } from './assignment.store.ts';
import { missing } from './failure.ts';
import { groupListByIds } from './group.store.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { isAsked } from './listing.ts';
import { memberIdsOf } from './membership.store.ts';
import { ancestorIds, type Project } from './project.model.ts';
import { projectGet, projectListByIds, projectListSubtree } from './project.store.ts';
import { projectTarget } from './project.ts';
import { roleListByIds } from './role.store.ts';
import type { Snapshot } from './snapshot.model.ts';
import { snapshotGet } from './snapshot.ts';
import { userListByIds } from './user.store.ts';

/** An assignment as it works out, and what it was made from where it was not given just so. */
export interface RoleAssignment extends Assignment {
  readonly viaGroupId?: string;
  /** The domain or project from which it is inherited. */
  readonly viaTarget?: Pick<Assignment, 'targetKind' | 'targetId'>;
  /** The role that implies this one. */
  readonly viaRoleId?: string;
}

export interface AssignmentFilter {
  readonly roleId: string | null;
  readonly userId: string | null;
  readonly groupId: string | null;
  readonly domainId: string | null;
  readonly projectId: string | null;
  readonly isSystem: boolean;
  readonly isInherited: boolean | null;
  readonly isEffective: boolean;
  readonly withSubtree: boolean;
}

export function assignmentFilterOf(query: URLSearchParams): AssignmentFilter {
  const text = (name: string): string | null => {
    const value = query.get(name);
    return value === '' ? null : value;
  };
  const inherited = text('scope.OS-INHERIT:inherited_to');
  const filter: AssignmentFilter = {
    roleId: text('role.id'),
    userId: text('user.id'),
    groupId: text('group.id'),
    domainId: text('scope.domain.id'),
    projectId: text('scope.project.id'),
    isSystem: text('scope.system') !== null,
    isInherited: inherited === null ? null : inherited === 'projects',
    isEffective: isAsked(query, 'effective'),
    withSubtree: isAsked(query, 'include_subtree'),
  };
  filterCheck(filter);
  return filter;
}

/** Combinations that could only ever give an empty list are mistakes. */
function filterCheck(filter: AssignmentFilter): void {
  const { userId, groupId, domainId, projectId, isSystem, isEffective, isInherited } = filter;
  if (domainId !== null && projectId !== null) {
    throw invalid('Specify a domain or project, not both');
  }
  if (domainId !== null && isSystem) throw invalid('Specify system or domain, not both');
  if (projectId !== null && isSystem) throw invalid('Specify system or project, not both');
  if (userId !== null && groupId !== null) throw invalid('Specify a user or group, not both');
  if (filter.withSubtree && projectId === null) {
    throw invalid('scope.project.id must be specified if include_subtree is also specified');
  }
  if (!isEffective) return;
  if (groupId !== null) {
    throw invalid('Combining effective and group filter will always result in an empty list.');
  }
  if (isInherited === true && domainId !== null) {
    throw invalid(
      'Combining effective, domain and inherited filters will always result in an empty list.',
    );
  }
}

export async function roleAssignmentList(
  context: IdentityContext,
  filter: AssignmentFilter,
): Promise<RoleAssignment[]> {
  const { scope } = context.actor;
  const own = scope.kind === 'domain' ? scope.domainId : null;
  const { project, found } = await listRead(context, filter);
  const target: Target = { ...projectTarget(project), 'target.domain_id': own ?? undefined };
  context.authorize(
    filter.withSubtree
      ? 'identity:list_role_assignments_for_tree'
      : 'identity:list_role_assignments',
    target,
  );
  if (filter.projectId !== null && project === null) {
    if (filter.withSubtree) throw missing('project', filter.projectId);
    return [];
  }
  return own === null ? found : await ofDomain(context, found, own);
}

async function listRead(
  { world }: IdentityContext,
  filter: AssignmentFilter,
): Promise<{ project: Project | null; found: RoleAssignment[] }> {
  const snapshot = await snapshotGet(world);
  return await world.db.read(async (tx) => {
    const project = filter.projectId === null ? null : await projectGet(tx, filter.projectId);
    const scope = await projectsWanted(tx, project, filter);
    const found = filter.isEffective
      ? await effectiveList(tx, snapshot, { ...filter, scope, project, nowMs: world.clock.now() })
      : await directList(tx, { ...filter, scope });
    return { project, found };
  });
}

/** Ids of the projects asked for; null: all. */
async function projectsWanted(
  tx: Tx,
  project: Project | null,
  { projectId, withSubtree }: AssignmentFilter,
): Promise<ReadonlySet<string> | null> {
  if (projectId === null) return null;
  const below = withSubtree && project !== null ? await projectListSubtree(tx, project) : [];
  return new Set([projectId, ...below.map(({ id }) => id)]);
}

type Wanted = AssignmentFilter & { readonly scope: ReadonlySet<string> | null };

async function directList(tx: Tx, wanted: Wanted): Promise<RoleAssignment[]> {
  const { roleId, userId, groupId, isInherited } = wanted;
  const given = await assignmentList(tx, {
    role_id: roleId ?? undefined,
    actor_kind: userId === null ? (groupId === null ? undefined : 'group') : 'user',
    actor_id: userId ?? groupId ?? undefined,
    inherited: isInherited === null ? undefined : isInherited ? 1 : 0,
  });
  return given.filter((assignment) => isWhereAsked(assignment, wanted));
}

function isWhereAsked(
  { targetKind, targetId }: Assignment,
  { scope, domainId, isSystem }: Wanted,
): boolean {
  if (scope !== null) return targetKind === 'project' && scope.has(targetId);
  if (domainId !== null) return targetKind === 'domain' && targetId === domainId;
  return isSystem ? targetKind === 'system' : true;
}

/** Groups become their members, inherited roles become roles on each project below, implied roles appear. */
async function effectiveList(
  tx: Tx,
  snapshot: Snapshot,
  wanted: Wanted & { readonly project: Project | null; readonly nowMs: number },
): Promise<RoleAssignment[]> {
  const { userId, roleId, nowMs } = wanted;
  const given =
    userId === null ? await assignmentList(tx) : await assignmentListOfUser(tx, { userId, nowMs });
  const found: RoleAssignment[] = [];
  for (const assignment of given) {
    const { isInherited } = wanted;
    if (isInherited !== null && assignment.isInherited !== isInherited) continue;
    for (const placed of await targetsExpand(tx, assignment, wanted)) {
      for (const held of await actorsExpand(tx, placed, { userId, nowMs })) {
        found.push(...rolesExpandWithPrior(snapshot, held));
      }
    }
  }
  return found.filter(
    (assignment) =>
      (roleId === null || assignment.roleId === roleId) &&
      snapshot.roles.get(assignment.roleId)?.domain_id === null,
  );
}

async function targetsExpand(
  tx: Tx,
  assignment: RoleAssignment,
  wanted: Wanted & { readonly project: Project | null },
): Promise<RoleAssignment[]> {
  if (!assignment.isInherited) return isWhereAsked(assignment, wanted) ? [assignment] : [];
  if (wanted.domainId !== null || wanted.isSystem) return [];
  const { targetKind, targetId } = assignment;
  // Nothing flows to the project asked for, nor below it, from a place that is neither above nor among them.
  const { project, scope } = wanted;
  if (
    project !== null &&
    scope?.has(targetId) !== true &&
    !ancestorIds(project).includes(targetId)
  ) {
    return [];
  }
  const top = await projectGet(tx, targetId);
  if (top === null) return [];
  const below = await projectListSubtree(tx, top);
  return below
    .filter(({ id }) => scope === null || scope.has(id))
    .map(({ id }) => ({
      ...assignment,
      targetKind: 'project',
      targetId: id,
      viaTarget: { targetKind, targetId },
    }));
}

async function actorsExpand(
  tx: Tx,
  assignment: RoleAssignment,
  { userId, nowMs }: { readonly userId: string | null; readonly nowMs: number },
): Promise<RoleAssignment[]> {
  if (assignment.actorKind === 'user') return [assignment];
  const viaGroupId = assignment.actorId;
  const members =
    userId === null
      ? await memberIdsOf(tx, { groupId: viaGroupId, nowMs }).execute()
      : [{ user_id: userId }];
  return members.map(({ user_id: actorId }) => ({
    ...assignment,
    actorKind: 'user',
    actorId,
    viaGroupId,
  }));
}

function rolesExpandWithPrior({ implied }: Snapshot, assignment: RoleAssignment): RoleAssignment[] {
  const found = new Map<string, RoleAssignment>();
  const open: RoleAssignment[] = [assignment];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next.roleId)) continue;
    found.set(next.roleId, next);
    const viaRoleId = next.roleId;
    open.push(
      ...(implied.get(viaRoleId) ?? []).map((roleId) => ({ ...assignment, roleId, viaRoleId })),
    );
  }
  return [...found.values()];
}

async function ofDomain(
  { world }: IdentityContext,
  found: readonly RoleAssignment[],
  domainId: string,
): Promise<RoleAssignment[]> {
  const ids = found
    .filter(({ targetKind }) => targetKind === 'project')
    .map(({ targetId }) => targetId);
  const projects = await world.db.read((tx) => projectListByIds(tx, [...new Set(ids)]));
  const inside = new Set([domainId]);
  for (const project of projects) if (project.domainId === domainId) inside.add(project.id);
  return found.filter(
    ({ targetKind, targetId }) => targetKind !== 'system' && inside.has(targetId),
  );
}

export interface Names {
  readonly users: ReadonlyMap<string, { readonly name: string; readonly domainId: string }>;
  readonly groups: ReadonlyMap<string, { readonly name: string; readonly domainId: string }>;
  readonly roles: ReadonlyMap<string, { readonly name: string; readonly domainId: string | null }>;
  readonly projects: ReadonlyMap<
    string,
    { readonly name: string; readonly domainId: string | null }
  >;
  readonly domains: ReadonlyMap<string, { readonly name: string }>;
}

/** Names of all that a list speaks of. */
export async function assignmentNames(
  { world }: IdentityContext,
  found: readonly RoleAssignment[],
): Promise<Names> {
  const idsOf = (kind: 'user' | 'group'): string[] => [
    ...new Set(found.filter(({ actorKind }) => actorKind === kind).map(({ actorId }) => actorId)),
  ];
  const { domains } = await snapshotGet(world);
  return await world.db.read(async (tx) => ({
    users: byId(await userListByIds(tx, idsOf('user'))),
    groups: byId(await groupListByIds(tx, idsOf('group'))),
    roles: byId(await roleListByIds(tx, [...new Set(found.map(({ roleId }) => roleId))])),
    projects: byId(await projectListByIds(tx, [...new Set(found.map(({ targetId }) => targetId))])),
    domains,
  }));
}

const byId = <Item extends { readonly id: string }>(items: readonly Item[]): Map<string, Item> =>
  new Map(items.map((item) => [item.id, item]));
