import { applicationCredentialRemoveOf } from './application-credential.store.ts';
import type { Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import { oauth1RemoveOf } from './oauth1.store.ts';
import { trustRemoveOf } from './trust.store.ts';
import { projectOf, projectRowOf, type Project } from './project.model.ts';
import { uniqueStore } from './unique.ts';

export async function projectGet(tx: Tx, id: string): Promise<Project | null> {
  const row = await tx
    .selectFrom('identity_project')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : projectOf(row);
}

/** A domain where `domainId` is null. */
export async function projectGetByName(
  tx: Tx,
  name: string,
  domainId: string | null,
): Promise<Project | null> {
  const row = await tx
    .selectFrom('identity_project')
    .selectAll()
    .where('name', '=', name)
    .where((eb) =>
      domainId === null
        ? eb('is_domain', '=', 1)
        : eb.and([eb('is_domain', '=', 0), eb('domain_id', '=', domainId)]),
    )
    .executeTakeFirst();
  return row === undefined ? null : projectOf(row);
}

/** Which of the projects carry tags so: all of them, any, not all, none. */
export interface TagFilters {
  readonly all: readonly string[];
  readonly any: readonly string[];
  readonly notAll: readonly string[];
  readonly notAny: readonly string[];
}

export async function projectList(
  tx: Tx,
  listing: Listing,
  tags: TagFilters = { all: [], any: [], notAll: [], notAny: [] },
): Promise<Project[]> {
  const tagged = (wanted: readonly string[], atLeast: number) =>
    tx
      .selectFrom('identity_project_tag')
      .select('project_id')
      .where('tag', 'in', wanted)
      .groupBy('project_id')
      .having((eb) => eb.fn.countAll(), '>=', atLeast);
  let query = tx.selectFrom('identity_project').selectAll('identity_project');
  if (tags.all.length > 0) query = query.where('id', 'in', tagged(tags.all, tags.all.length));
  if (tags.any.length > 0) query = query.where('id', 'in', tagged(tags.any, 1));
  if (tags.notAll.length > 0) {
    query = query.where('id', 'not in', tagged(tags.notAll, tags.notAll.length));
  }
  if (tags.notAny.length > 0) query = query.where('id', 'not in', tagged(tags.notAny, 1));
  const rows = await listingApply(query, listing).execute();
  return rows.map(projectOf);
}

export async function projectListByIds(tx: Tx, ids: readonly string[]): Promise<Project[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .selectFrom('identity_project')
    .selectAll()
    .where('id', 'in', ids)
    .orderBy('path')
    .execute();
  return rows.map(projectOf);
}

/** Everything below, parents before children. */
export async function projectListSubtree(tx: Tx, { id, isDomain }: Project): Promise<Project[]> {
  const below: Project[] = [];
  const query = tx.selectFrom('identity_project').selectAll();
  if (isDomain) {
    const rows = await query.where('domain_id', '=', id).execute();
    below.push(...rows.map(projectOf));
    return below.toSorted((a, b) => a.path.split('/').length - b.path.split('/').length);
  }
  for (let level = [id]; level.length > 0;) {
    const rows = await query.where('parent_id', 'in', level).orderBy('id').execute();
    below.push(...rows.map(projectOf));
    level = rows.map((row) => row.id);
  }
  return below;
}

export async function projectInsert(tx: Tx, project: Project): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_project').values(projectRowOf(project)),
    nameTaken(project),
  );
}

export async function projectUpdate(tx: Tx, project: Project): Promise<void> {
  const { id, ...changes } = projectRowOf(project);
  await uniqueStore(
    tx.updateTable('identity_project').set(changes).where('id', '=', id),
    nameTaken(project),
  );
}

export async function projectRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_assignment').where('target_id', '=', id).execute();
  await tx.deleteFrom('identity_credential').where('project_id', '=', id).execute();
  await applicationCredentialRemoveOf(tx, 'project_id', id);
  await oauth1RemoveOf(tx, 'project_id', id);
  await trustRemoveOf(tx, 'project_id', id);
  await tx
    .updateTable('identity_user')
    .set({ default_project_id: null })
    .where('default_project_id', '=', id)
    .execute();
  await tx.deleteFrom('identity_project').where('id', '=', id).execute();
}

export async function projectTags(
  tx: Tx,
  projectIds: readonly string[],
): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>(projectIds.map((id) => [id, []]));
  if (projectIds.length === 0) return tags;
  const rows = await tx
    .selectFrom('identity_project_tag')
    .selectAll()
    .where('project_id', 'in', projectIds)
    .orderBy('tag')
    .execute();
  for (const { project_id, tag } of rows) tags.get(project_id)?.push(tag);
  return tags;
}

export async function projectTagsSet(
  tx: Tx,
  projectId: string,
  tags: readonly string[],
): Promise<void> {
  await tx.deleteFrom('identity_project_tag').where('project_id', '=', projectId).execute();
  if (tags.length === 0) return;
  const rows = tags.map((tag) => ({ project_id: projectId, tag }));
  await tx.insertInto('identity_project_tag').values(rows).execute();
}

/** False: the project has as many as it may have. */
export async function projectTagInsert(
  tx: Tx,
  projectId: string,
  { tag, limit }: { readonly tag: string; readonly limit: number },
): Promise<boolean> {
  const tags = (await projectTags(tx, [projectId])).get(projectId) ?? [];
  if (tags.includes(tag)) return true;
  if (tags.length >= limit) return false;
  await tx.insertInto('identity_project_tag').values({ project_id: projectId, tag }).execute();
  return true;
}

/** False: it was not there. */
export async function projectTagRemove(tx: Tx, projectId: string, tag: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_project_tag')
    .where('project_id', '=', projectId)
    .where('tag', '=', tag)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

const nameTaken = ({ name, domainId, isDomain }: Project): string =>
  isDomain
    ? `domain - it is not permitted to have two domains with the same name: ${name}`
    : `project - it is not permitted to have two projects with the same name in one domain: ${name} in ${domainId}`;
