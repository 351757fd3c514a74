import { forbidden, invalid } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import { domainRemove } from './domain-remove.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingAnd, listingOf, equals, type Listing } from './listing.ts';
import { immutableCheck, immutableDeleteCheck } from './immutable.ts';
import {
  projectChange,
  taggedPageRead,
  type TaggedPage,
  type TaggedProject,
} from './project-change.ts';
import { ancestorIds, optionsMerge, type Project } from './project.model.ts';
import type { ProjectCreateWanted, ProjectUpdateWanted } from './project.schema.ts';
import {
  projectGet as projectRead,
  projectInsert,
  projectListByIds,
  projectListSubtree,
  projectRemove,
  projectTags,
  projectTagsSet,
  type TagFilters,
} from './project.store.ts';
import { extraOf } from './reply.ts';
import { revocationInsert } from './revocation.store.ts';

const knownAttributes = [
  'name',
  'domain_id',
  'parent_id',
  'is_domain',
  'description',
  'enabled',
  'tags',
  'options',
];

/** What policy rules may ask of a project; one that does not exist has nothing, so only admins learn that. */
export const projectTarget = (project: Project | null): Target =>
  project === null
    ? {}
    : { 'target.project.id': project.id, 'target.project.domain_id': project.domainId };

/** Where a new thing goes when its body does not say: the domain of whoever asks. */
export function domainIdOfActor({ actor: { scope } }: IdentityContext): string {
  if (scope.kind === 'domain' || scope.kind === 'project') return scope.domainId;
  throw invalid(
    'A domain_id is needed: the token has neither a domain nor a project as its scope.',
  );
}

export async function projectCreate(
  context: IdentityContext,
  wanted: ProjectCreateWanted,
): Promise<TaggedProject> {
  const isDomain = wanted.is_domain ?? false;
  const domainId = wanted.domain_id ?? null;
  if (isDomain && (domainId !== null || (wanted.parent_id ?? null) !== null)) {
    throw invalid('A project that acts as a domain has neither a domain_id nor a parent_id.');
  }
  const home = isDomain
    ? null
    : (domainId ?? (wanted.parent_id == null ? domainIdOfActor(context) : null));
  context.authorize('identity:create_project', { 'target.project.domain_id': home });
  const { world } = context;
  const id = context.ids.hex();
  const tags = wanted.tags ?? [];
  const make = async (tx: Tx): Promise<Project> => {
    const parent = isDomain ? null : await parentOf(tx, wanted.parent_id ?? home ?? '', home);
    if (parent !== null && ancestorIds(parent).length + 1 > world.settings.projectDepthMax) {
      throw forbidden(`Max hierarchy depth reached for ${parent.id} branch.`);
    }
    const made: Project = {
      id,
      domainId: parent === null ? null : (parent.domainId ?? parent.id),
      parentId: parent?.id ?? null,
      path: `${parent?.path ?? ''}${id}/`,
      isDomain,
      name: wanted.name.trim(),
      description: wanted.description ?? '',
      isEnabled: wanted.enabled ?? true,
      options: optionsMerge({}, wanted.options),
      extra: extraOf(wanted, knownAttributes),
    };
    await projectInsert(tx, made);
    await projectTagsSet(tx, id, tags);
    return made;
  };
  // A domain is part of what all tokens share; no token can depend on a project that is new.
  const project = isDomain ? await directoryWrite(world, make) : await world.db.write(make);
  return { project, tags };
}

/** The project's domain says where it is, its parent where exactly: they must agree. */
async function parentOf(tx: Tx, parentId: string, domainId: string | null): Promise<Project> {
  const parent = await projectRead(tx, parentId);
  if (parent === null) throw invalid(`Could not find project: ${parentId}.`);
  if (domainId !== null && (parent.domainId ?? parent.id) !== domainId) {
    throw invalid(
      'Cannot create project, since it specifies its domain_id, but its parent is in a different domain.',
    );
  }
  const above = [...(await projectListByIds(tx, ancestorIds(parent))), parent];
  const disabled = above.find(({ isEnabled }) => !isEnabled);
  if (disabled !== undefined) {
    throw forbidden(
      `Cannot create project in a branch containing a disabled project: ${disabled.id}.`,
    );
  }
  return parent;
}

export async function projectGet(
  context: IdentityContext,
  id: string,
  rule = 'identity:get_project',
): Promise<TaggedProject> {
  const { project, tags } = await context.world.db.read(async (tx) => ({
    project: await projectRead(tx, id),
    tags: await projectTags(tx, [id]),
  }));
  context.authorize(rule, projectTarget(project));
  if (project === null) throw missing('project', id);
  return { project, tags: tags.get(id) ?? [] };
}

const tagsOf = (query: URLSearchParams, name: string): string[] =>
  (query.get(name) ?? '').split(',').filter((tag) => tag !== '');

export async function projectList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<TaggedPage> {
  const { scope } = context.actor;
  const domainId = scope.kind === 'domain' ? scope.domainId : null;
  context.authorize('identity:list_projects', { 'target.domain_id': domainId ?? undefined });
  let listing: Listing = listingOf(query, {
    domain_id: 'text',
    enabled: 'flag',
    name: 'text',
    parent_id: 'text',
    is_domain: 'flag',
  });
  if (!query.has('is_domain')) listing = listingAnd(listing, equals('is_domain', 0));
  if (domainId !== null) listing = listingAnd(listing, equals('domain_id', domainId));
  const filters: TagFilters = {
    all: tagsOf(query, 'tags'),
    any: tagsOf(query, 'tags-any'),
    notAll: tagsOf(query, 'not-tags'),
    notAny: tagsOf(query, 'not-tags-any'),
  };
  return await taggedPageRead(context.world, listing, filters);
}

export async function projectUpdate(
  context: IdentityContext,
  id: string,
  wanted: ProjectUpdateWanted,
): Promise<TaggedProject> {
  const { world } = context;
  const { project: seen } = await projectGet(context, id, 'identity:update_project');
  return await directoryWrite(world, async (tx) => {
    const held = await projectRead(tx, id);
    if (held === null) throw missing('project', id);
    unchangedCheck(seen, wanted);
    immutableCheck('project', held, wanted);
    await enabledCheck(tx, held, wanted.enabled);
    const extra = extraOf(wanted, knownAttributes);
    return await projectChange(tx, world, held, { ...wanted, extra });
  });
}

function unchangedCheck(held: Project, wanted: ProjectUpdateWanted): void {
  const { id } = wanted as { readonly id?: unknown };
  if (id !== undefined && id !== held.id) throw invalid('Cannot change project ID');
  if (wanted.domain_id !== undefined && wanted.domain_id !== held.domainId) {
    throw invalid('Cannot change Domain ID');
  }
  if (wanted.parent_id !== undefined && wanted.parent_id !== held.parentId) {
    throw forbidden('Update of `parent_id` is not allowed.');
  }
  if (wanted.is_domain !== undefined && wanted.is_domain !== held.isDomain) {
    throw invalid('Update of `is_domain` is not allowed.');
  }
}

async function enabledCheck(tx: Tx, held: Project, enabled: boolean | undefined): Promise<void> {
  if (enabled === undefined || enabled === held.isEnabled) return;
  if (enabled) {
    const above = await projectListByIds(tx, ancestorIds(held));
    if (above.every(({ isEnabled }) => isEnabled)) return;
    throw forbidden(`Cannot enable project ${held.id} since it has disabled parents.`);
  }
  if (held.isDomain) return;
  const below = await projectListSubtree(tx, held);
  if (below.every(({ isEnabled }) => !isEnabled)) return;
  throw forbidden(`Cannot disable project ${held.id} since its subtree contains enabled projects.`);
}

export async function projectDelete(context: IdentityContext, id: string): Promise<void> {
  const { world } = context;
  const { project } = await projectGet(context, id, 'identity:delete_project');
  if (project.isDomain) {
    await domainRemove(world, id);
    return;
  }
  await directoryWrite(world, async (tx) => {
    const held = await projectRead(tx, id);
    if (held === null) throw missing('project', id);
    immutableDeleteCheck('project', held);
    if ((await projectListSubtree(tx, held)).length > 0) {
      throw forbidden(
        `Cannot delete the project ${id} since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.`,
      );
    }
    await projectRemove(tx, id);
    await revocationInsert(tx, world, { kind: 'project', subject: id });
  });
  for (const listener of world.memory.projectListeners) listener(id);
}
