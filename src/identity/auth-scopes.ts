import { assignmentListOfUser } from './assignment.store.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { Project } from './project.model.ts';
import { projectGet, projectListByIds, projectListSubtree, projectTags } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';

interface Tagged {
  readonly tags: ReadonlyMap<string, readonly string[]>;
}

/** Every enabled project on which the user holds a role, given there or inherited from above. */
export async function projectListOfUser(
  world: IdentityWorld,
  userId: string,
): Promise<Tagged & { projects: Project[] }> {
  const { domains } = await snapshotGet(world);
  return await world.db.read(async (tx) => {
    const given = await assignmentListOfUser(tx, userId);
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
  { db }: IdentityWorld,
  userId: string,
): Promise<Tagged & { domains: Project[] }> {
  return await db.read(async (tx) => {
    const given = await assignmentListOfUser(tx, userId);
    const ids = given
      .filter(({ targetKind, isInherited }) => targetKind === 'domain' && !isInherited)
      .map(({ targetId }) => targetId);
    const domains = (await projectListByIds(tx, [...new Set(ids)])).filter(
      ({ isEnabled }) => isEnabled,
    );
    return { domains, tags: await projectTags(tx, idsOf(domains)) };
  });
}

export async function isSystemReachable({ db }: IdentityWorld, userId: string): Promise<boolean> {
  const given = await db.read((tx) => assignmentListOfUser(tx, userId));
  return given.some(({ targetKind }) => targetKind === 'system');
}

const idsOf = (projects: readonly Project[]): string[] => projects.map(({ id }) => id);
