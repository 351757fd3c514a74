import { invalid } from '../kernel/errors.ts';
import type { DomainCreateWanted, DomainUpdateWanted } from './domain.schema.ts';
import { domainRemove } from './domain-remove.ts';
import { missing } from './failure.ts';
import { immutableCheck } from './immutable.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf } from './listing.ts';
import {
  projectChange,
  taggedPageRead,
  type TaggedPage,
  type TaggedProject,
} from './project-change.ts';
import { type Project, domainNew, optionsMerge } from './project.model.ts';
import {
  projectGet as projectRead,
  projectInsert,
  projectTags,
  projectTagsSet,
} from './project.store.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['name', 'description', 'enabled', 'tags', 'options', 'explicit_domain_id'];

async function domainRead(tx: Tx, id: string): Promise<Project | null> {
  const project = await projectRead(tx, id);
  return project?.isDomain === true ? project : null;
}

export async function domainCreate(
  context: IdentityContext,
  wanted: DomainCreateWanted,
): Promise<TaggedProject> {
  context.authorize('identity:create_domain');
  const id = wanted.explicit_domain_id ?? context.ids.hex();
  const domain = domainNew({
    id,
    name: wanted.name.trim(),
    description: wanted.description ?? '',
    isEnabled: wanted.enabled ?? true,
    options: optionsMerge({}, wanted.options),
    extra: extraOf(wanted, knownAttributes),
  });
  const tags = wanted.tags ?? [];
  await directoryWrite(context.world, async (tx) => {
    await projectInsert(tx, domain);
    await projectTagsSet(tx, id, tags);
  });
  return { project: domain, tags };
}

export async function domainGet(
  context: IdentityContext,
  id: string,
  rule = 'identity:get_domain',
): Promise<TaggedProject> {
  const { domain, tags } = await context.world.db.read(async (tx) => ({
    domain: await domainRead(tx, id),
    tags: await projectTags(tx, [id]),
  }));
  context.authorize(rule, domain === null ? {} : { 'target.domain.id': domain.id });
  if (domain === null) throw missing('domain', id);
  return { project: domain, tags: tags.get(id) ?? [] };
}

export async function domainList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<TaggedPage> {
  const { scope } = context.actor;
  const own = scope.kind === 'domain' ? scope.domainId : null;
  context.authorize('identity:list_domains', { 'target.domain.id': own ?? undefined });
  const asked = listingOf(query, { id: 'text', name: 'text', enabled: 'flag' });
  const domains = listingAnd(asked, equals('is_domain', 1));
  const listing = own === null ? domains : listingAnd(domains, equals('id', own));
  return await taggedPageRead(context.world, listing);
}

export async function domainUpdate(
  context: IdentityContext,
  id: string,
  wanted: DomainUpdateWanted,
): Promise<TaggedProject> {
  const { world } = context;
  await domainGet(context, id, 'identity:update_domain');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change domain ID');
  return await directoryWrite(world, async (tx) => {
    const held = await domainRead(tx, id);
    if (held === null) throw missing('domain', id);
    immutableCheck('domain', held, wanted);
    const extra = extraOf(wanted, knownAttributes);
    return await projectChange(tx, world, held, { ...wanted, extra });
  });
}

export async function domainDelete(context: IdentityContext, id: string): Promise<void> {
  await domainGet(context, id, 'identity:delete_domain');
  await domainRemove(context.world, id);
}
