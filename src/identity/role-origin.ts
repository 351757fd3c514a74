import type { RoleTarget } from './assignment.model.ts';
import { assignmentListOfUser } from './assignment.store.ts';
import { groupListByIds } from './group.store.ts';
import type { IdentityWorld } from './identity.world.ts';
import { projectListByIds } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';

/** One way in which a user came to a role. */
export interface RoleOrigin {
  readonly role: string;
  /** Group through which it was given; null: to the user. */
  readonly group: string | null;
  /** Project or domain from which it is inherited; null: given on the target itself. */
  readonly inheritedFrom: string | null;
  /** Roles that imply it, the one that was given first; empty: it was given. */
  readonly impliedBy: readonly string[];
}

/** Every role a user has on a target, and from where: what was given, and all that it implies. */
export async function roleOriginList(
  world: IdentityWorld,
  userId: string,
  target: RoleTarget,
): Promise<RoleOrigin[]> {
  const { roles, implied } = await snapshotGet(world);
  const nowMs = world.clock.now();
  const { given, groups, places } = await world.db.read(async (tx) => {
    const all = (await assignmentListOfUser(tx, { userId, nowMs })).filter((one) =>
      one.isInherited
        ? target.ancestorIds.includes(one.targetId)
        : one.targetKind === target.kind && one.targetId === target.id,
    );
    const groupIds = all.filter(({ actorKind }) => actorKind === 'group').map((one) => one.actorId);
    return {
      given: all,
      groups: new Map((await groupListByIds(tx, groupIds)).map(({ id, name }) => [id, name])),
      places: new Map(
        (await projectListByIds(tx, [...target.ancestorIds])).map(({ id, name }) => [id, name]),
      ),
    };
  });
  const name = (id: string): string => roles.get(id)?.name ?? id;
  return given.flatMap(({ roleId, actorKind, actorId, isInherited, targetId }) => {
    const way = {
      group: actorKind === 'group' ? (groups.get(actorId) ?? actorId) : null,
      inheritedFrom: isInherited ? (places.get(targetId) ?? targetId) : null,
    };
    const found: RoleOrigin[] = [];
    const seen = new Set<string>();
    const walk = (id: string, impliedBy: readonly string[]): void => {
      if (seen.has(id)) return;
      seen.add(id);
      found.push({ ...way, role: name(id), impliedBy });
      for (const next of implied.get(id) ?? []) walk(next, [...impliedBy, name(id)]);
    };
    walk(roleId, []);
    return found;
  });
}
