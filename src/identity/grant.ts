import { forbidden, notFound, type Failure } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import {
  systemTarget,
  type ActorKind,
  type Assignment,
  type TargetKind,
} from './assignment.model.ts';
import { assignmentInsert, assignmentList, assignmentRemove } from './assignment.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import { groupGet } from './group.store.ts';
import { groupTarget } from './group.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { projectGet } from './project.store.ts';
import { projectTarget } from './project.ts';
import type { Role } from './role.model.ts';
import { roleGet, roleListByIds } from './role.store.ts';
import { roleTarget } from './role.ts';
import { userGet } from './user.store.ts';
import { userTarget } from './user.ts';

/** Whom and where; the role is in the path for all but lists. */
export interface GrantPath {
  readonly actorKind: ActorKind;
  readonly actorId: string;
  readonly targetKind: TargetKind;
  readonly targetId: string;
  readonly isInherited: boolean;
}

interface Found {
  readonly target: Target;
  readonly failure: Failure | null;
}

/** The ends of a grant as policy sees them, and the first that is missing. */
async function endsRead(tx: Tx, path: GrantPath, roleId: string | null): Promise<Found> {
  const role = roleId === null ? null : await roleGet(tx, roleId);
  const actor = await actorRead(tx, path);
  const where = await whereRead(tx, path);
  const noRole = roleId !== null && role === null ? missing('role', roleId) : null;
  const home = role?.domainId ?? null;
  const isForeign = home !== null && where.domainId !== null && where.domainId !== home;
  const mismatch = isForeign
    ? forbidden(
        `Project ${path.targetId} must be in the same domain as the role ${roleId} being assigned.`,
      )
    : null;
  return {
    target: { ...roleTarget(role), ...actor.target, ...where.target },
    failure: noRole ?? actor.failure ?? where.failure ?? mismatch,
  };
}

async function actorRead(tx: Tx, { actorKind, actorId }: GrantPath): Promise<Found> {
  if (actorKind === 'user') {
    const user = await userGet(tx, actorId);
    return { target: userTarget(user), failure: user === null ? missing('user', actorId) : null };
  }
  const group = await groupGet(tx, actorId);
  return { target: groupTarget(group), failure: group === null ? missing('group', actorId) : null };
}

async function whereRead(
  tx: Tx,
  { targetKind, targetId }: GrantPath,
): Promise<Found & { readonly domainId: string | null }> {
  if (targetKind === 'system') return { target: {}, failure: null, domainId: null };
  const project = await projectGet(tx, targetId);
  if (targetKind === 'project') {
    const failure = project === null ? missing('project', targetId) : null;
    return { target: projectTarget(project), failure, domainId: project?.domainId ?? null };
  }
  const isDomain = project?.isDomain === true;
  return {
    target: isDomain ? { 'target.domain.id': targetId } : {},
    failure: isDomain ? null : missing('domain', targetId),
    domainId: isDomain ? targetId : null,
  };
}

const ruleOf = (
  verb: 'check' | 'create' | 'revoke',
  { targetKind, actorKind }: GrantPath,
): string =>
  targetKind === 'system'
    ? `identity:${verb}_system_grant_for_${actorKind}`
    : `identity:${verb}_grant`;

const assignmentOf = (path: GrantPath, roleId: string): Assignment => ({ ...path, roleId });

const noGrant = ({ actorId, targetId, targetKind }: GrantPath, roleId: string): Failure =>
  notFound(
    `Could not find role assignment with role: ${roleId}, user or group: ${actorId}, project, domain, or system: ${targetKind === 'system' ? systemTarget.id : targetId}.`,
  );

export async function grantList(context: IdentityContext, path: GrantPath): Promise<Role[]> {
  const { target, failure, roles } = await context.world.db.read(async (tx) => {
    const given = await assignmentList(tx, {
      actor_kind: path.actorKind,
      actor_id: path.actorId,
      target_kind: path.targetKind,
      target_id: path.targetId,
      inherited: path.isInherited ? 1 : 0,
    });
    const roles = await roleListByIds(
      tx,
      given.map(({ roleId }) => roleId),
    );
    return { ...(await endsRead(tx, path, null)), roles };
  });
  context.authorize(
    path.targetKind === 'system'
      ? `identity:list_system_grants_for_${path.actorKind}`
      : 'identity:list_grants',
    target,
  );
  if (failure !== null) throw failure;
  return roles;
}

export async function grantCheck(
  context: IdentityContext,
  path: GrantPath,
  roleId: string,
): Promise<void> {
  const { target, failure, given } = await context.world.db.read(async (tx) => ({
    ...(await endsRead(tx, path, roleId)),
    given: await assignmentList(tx, {
      actor_kind: path.actorKind,
      actor_id: path.actorId,
      target_kind: path.targetKind,
      target_id: path.targetId,
      role_id: roleId,
      inherited: path.isInherited ? 1 : 0,
    }),
  }));
  context.authorize(ruleOf('check', path), target);
  if (failure !== null) throw failure;
  if (given.length === 0) throw noGrant(path, roleId);
}

export async function grantCreate(
  context: IdentityContext,
  path: GrantPath,
  roleId: string,
): Promise<void> {
  const { target } = await context.world.db.read((tx) => endsRead(tx, path, roleId));
  context.authorize(ruleOf('create', path), target);
  await directoryWrite(context.world, async (tx) => {
    const { failure } = await endsRead(tx, path, roleId);
    if (failure !== null) throw failure;
    await assignmentInsert(tx, assignmentOf(path, roleId));
  });
}

/** The user or group may be gone already: what was given to it can still be taken back. */
export async function grantRevoke(
  context: IdentityContext,
  path: GrantPath,
  roleId: string,
): Promise<void> {
  const { target } = await context.world.db.read((tx) => endsRead(tx, path, roleId));
  context.authorize(ruleOf('revoke', path), target);
  await directoryWrite(context.world, async (tx) => {
    const wasThere = await assignmentRemove(tx, assignmentOf(path, roleId));
    if (!wasThere) throw noGrant(path, roleId);
  });
}
