import { assignmentListOfUser } from './assignment.store.ts';
import { assertionGet } from './federated-user.store.ts';
import type { Assignment } from './assignment.model.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { Project } from './project.model.ts';
import { projectGet, projectListByIds, projectListSubtree, projectTags } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';

interface Tagged {
  readonly tags: ReadonlyMap<string, readonly string[]>;
}

/** Whose places are listed; the groups that only a token knows of come with its assertion. */
export interface Chooser {
  readonly userId: string;
  readonly assertionId?: string | null;
}

async function assignmentsOf(
  tx: Tx,
  { clock }: IdentityWorld,
  { userId, assertionId = null }: Chooser,
): Promise<Assignment[]> {
  const told = assertionId === null ? null : await assertionGet(tx, assertionId);
  const groupIds = told?.groupIds ?? [];
  return await assignmentListOfUser(tx, { userId, nowMs: clock.now(), groupIds });
}

/** Every enabled project on which the user holds a role, given there or inherited from above. */
export async function projectListOfUser(
  world: IdentityWorld,
  who: Chooser,
): Promise<Tagged & { projects: Project[] }> {
  const { domains } = await snapshotGet(world);
  return await world.db.read(async (tx) => {
    const given = await assignmentsOf(tx, world, who);
    const direct = given.filter(
      ({ targetKind, isInherited }) => targetKind === 'project' && !isInherited,
    );
    const found = await projectListByIds(
      tx,
      direct.map(({ targetId }) => targetId),
    );
    for (const { targetId } of given.filter(({ isInherited }) => isInherited)) {
      found.push(...(await projectsBelow(tx, targetId)));
    }
    const projects = [...new Map(found.map((project) => [project.id, project])).values()].filter(
      ({ id, domainId, isEnabled }) => isEnabled && domains.get(domainId ?? id)?.isEnabled === true,
    );
    return { projects, tags: await projectTags(tx, idsOf(projects)) };
  });
}

async function projectsBelow(tx: Tx, id: string): Promise<Project[]> {
  const top = await projectGet(tx, id);
  return top === null ? [] : await projectListSubtree(tx, top);
}

export async function domainListOfUser(
  world: IdentityWorld,
  who: Chooser,
): Promise<Tagged & { domains: Project[] }> {
  return await world.db.read(async (tx) => {
    const given = await assignmentsOf(tx, world, who);
    const ids = given
      .filter(({ targetKind, isInherited }) => targetKind === 'domain' && !isInherited)
      .map(({ targetId }) => targetId);
    const domains = (await projectListByIds(tx, [...new Set(ids)])).filter(
      ({ isEnabled }) => isEnabled,
    );
    return { domains, tags: await projectTags(tx, idsOf(domains)) };
  });
}

export async function isSystemReachable(world: IdentityWorld, who: Chooser): Promise<boolean> {
  const given = await world.db.read((tx) => assignmentsOf(tx, world, who));
  return given.some(({ targetKind }) => targetKind === 'system');
}

const idsOf = (projects: readonly Project[]): string[] => projects.map(({ id }) => id);
