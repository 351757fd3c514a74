import { invalid } from '../kernel/errors.ts';
import { projectListOfUser } from './auth-scopes.ts';
import type { IdentityContext } from './identity.world.ts';
import { isAsked } from './listing.ts';
import { ancestorIds, type Project } from './project.model.ts';
import { projectListByIds, projectListSubtree, projectTags } from './project.store.ts';

type Ids = { readonly [id: string]: Ids | null };

/** What `?parents_as_list` and its like add to a project. */
export interface ProjectTree {
  readonly parents?: readonly Project[] | Ids | null;
  readonly subtree?: readonly Project[] | Ids | null;
  readonly tags: ReadonlyMap<string, readonly string[]>;
}

export async function projectTree(
  context: IdentityContext,
  project: Project,
  query: URLSearchParams,
): Promise<ProjectTree> {
  exclusive(query, 'parents_as_list', 'parents_as_ids');
  exclusive(query, 'subtree_as_list', 'subtree_as_ids');
  const wantsParents = isAsked(query, 'parents_as_list') || isAsked(query, 'parents_as_ids');
  const wantsSubtree = isAsked(query, 'subtree_as_list') || isAsked(query, 'subtree_as_ids');
  if (!wantsParents && !wantsSubtree) return { tags: new Map() };
  const { above, below, tags } = await context.world.db.read(async (tx) => {
    const above = await projectListByIds(tx, ancestorIds(project));
    const below = wantsSubtree ? await projectListSubtree(tx, project) : [];
    return {
      above,
      below,
      tags: await projectTags(
        tx,
        [...above, ...below].map(({ id }) => id),
      ),
    };
  });
  // The lists show whoever asks the relatives in which they have a role themselves.
  const { projects } = await projectListOfUser(context.world, context.actor);
  const mine = new Set(projects.map(({ id }) => id));
  return {
    tags,
    ...(isAsked(query, 'parents_as_list') && {
      parents: above.toReversed().filter(({ id }) => mine.has(id)),
    }),
    ...(isAsked(query, 'parents_as_ids') && { parents: idsUp(above) }),
    ...(isAsked(query, 'subtree_as_list') && {
      subtree: below.filter(({ id }) => mine.has(id)),
    }),
    ...(isAsked(query, 'subtree_as_ids') && { subtree: idsDown(project.id, below) }),
  };
}

function exclusive(query: URLSearchParams, one: string, other: string): void {
  if (isAsked(query, one) && isAsked(query, other)) {
    throw invalid(`Cannot use ${one} and ${other} query params at the same time.`);
  }
}

/** Nearest first: `{parent: {grandparent: {domain: null}}}`; null without any. */
const idsUp = (above: readonly Project[]): Ids | null =>
  above.reduce<Ids | null>((inner, { id }) => ({ [id]: inner }), null);

function idsDown(id: string, below: readonly Project[]): Ids | null {
  const children = below.filter(({ parentId }) => parentId === id);
  if (children.length === 0) return null;
  return Object.fromEntries(children.map((child) => [child.id, idsDown(child.id, below)]));
}
