import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { pageOf, type Listing, type Page } from './listing.ts';
import { optionsMerge, type Extra, type Project } from './project.model.ts';
import type { ProjectUpdateWanted } from './project.schema.ts';
import {
  projectList,
  projectTags,
  projectTagsSet,
  projectUpdate,
  type TagFilters,
} from './project.store.ts';
import { revocationInsert } from './revocation.store.ts';

export interface TaggedProject {
  readonly project: Project;
  readonly tags: readonly string[];
}

export interface TaggedPage {
  readonly page: Page<Project>;
  readonly tags: ReadonlyMap<string, readonly string[]>;
}

/** Domains are projects too. */
export async function taggedPageRead(
  { db }: IdentityWorld,
  listing: Listing,
  filters?: TagFilters,
): Promise<TaggedPage> {
  return await db.read(async (tx) => {
    const page = pageOf(await projectList(tx, listing, filters), listing);
    const ids = page.items.map(({ id }) => id);
    return { page, tags: await projectTags(tx, ids) };
  });
}

/** What a project or a domain becomes; tokens of one that is disabled end. */
export async function projectChange(
  tx: Tx,
  world: IdentityWorld,
  held: Project,
  wanted: Pick<ProjectUpdateWanted, 'name' | 'description' | 'enabled' | 'options' | 'tags'> & {
    readonly extra: Extra;
  },
): Promise<TaggedProject> {
  const { id } = held;
  const project: Project = {
    ...held,
    name: wanted.name?.trim() ?? held.name,
    description: wanted.description ?? (wanted.description === null ? '' : held.description),
    isEnabled: wanted.enabled ?? held.isEnabled,
    options: optionsMerge(held.options, wanted.options),
    extra: { ...held.extra, ...wanted.extra },
  };
  await projectUpdate(tx, project);
  if (wanted.tags !== undefined) await projectTagsSet(tx, id, wanted.tags);
  if (held.isEnabled && !project.isEnabled) {
    const kind = held.isDomain ? 'domain' : 'project';
    await revocationInsert(tx, world, { kind, subject: id });
  }
  return { project, tags: (await projectTags(tx, [id])).get(id) ?? [] };
}
