import { invalid, notFound } from '../kernel/errors.ts';
import { endpointGet, endpointList } from './catalog.store.ts';
import type { EndpointGroupUpdateWanted, EndpointGroupWanted } from './endpoint-filter.schema.ts';
import {
  associationInsert,
  associationList,
  associationRemove,
  endpointGroupGet as groupRead,
  endpointGroupInsert,
  endpointGroupList as groupListRead,
  endpointGroupRemove,
  endpointGroupUpdate as groupUpdateRow,
  isInGroup,
  type Association,
  type EndpointGroup,
} from './endpoint-filter.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { EndpointRow, Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { everything, listingOf, pageOf, type Page } from './listing.ts';
import type { Project } from './project.model.ts';
import { projectGet, projectListByIds, projectTags } from './project.store.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['name', 'description', 'filters'];

export async function endpointGroupCreate(
  context: IdentityContext,
  wanted: EndpointGroupWanted,
): Promise<EndpointGroup> {
  context.authorize('identity:create_endpoint_group');
  if (Object.keys(wanted.filters).length === 0) {
    throw invalid('filters field is required and cannot be empty');
  }
  const group: EndpointGroup = {
    id: context.ids.hex(),
    name: wanted.name,
    description: wanted.description ?? '',
    filters: wanted.filters as EndpointGroup['filters'],
    extra: extraOf(wanted, knownAttributes),
  };
  await context.world.db.write((tx) => endpointGroupInsert(tx, group));
  return group;
}

async function groupFind(tx: Tx, id: string): Promise<EndpointGroup> {
  const group = await groupRead(tx, id);
  if (group === null) throw missing('Endpoint Group', id);
  return group;
}

export async function endpointGroupGet(
  context: IdentityContext,
  id: string,
): Promise<EndpointGroup> {
  context.authorize('identity:get_endpoint_group');
  return await context.world.db.read((tx) => groupFind(tx, id));
}

export async function endpointGroupList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<EndpointGroup>> {
  context.authorize('identity:list_endpoint_groups');
  const listing = listingOf(query, { name: 'text' });
  return pageOf(await context.world.db.read((tx) => groupListRead(tx, listing)), listing);
}

export async function endpointGroupUpdate(
  context: IdentityContext,
  id: string,
  wanted: EndpointGroupUpdateWanted,
): Promise<EndpointGroup> {
  context.authorize('identity:update_endpoint_group');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change endpoint_group ID');
  return await directoryWrite(context.world, async (tx) => {
    const held = await groupFind(tx, id);
    const next: EndpointGroup = {
      id,
      name: wanted.name ?? held.name,
      description: wanted.description ?? (wanted.description === null ? '' : held.description),
      filters: (wanted.filters as EndpointGroup['filters'] | undefined) ?? held.filters,
      extra: { ...held.extra, ...extraOf(wanted, knownAttributes) },
    };
    await groupUpdateRow(tx, next);
    return next;
  });
}

export async function endpointGroupDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_endpoint_group');
  await directoryWrite(context.world, async (tx) => {
    await groupFind(tx, id);
    await endpointGroupRemove(tx, id);
  });
}

export async function endpointsInGroup(
  context: IdentityContext,
  id: string,
): Promise<EndpointRow[]> {
  context.authorize('identity:list_endpoints_associated_with_endpoint_group');
  return await context.world.db.read(async (tx) => {
    const group = await groupFind(tx, id);
    return (await endpointList(tx, everything)).filter((endpoint) => isInGroup(endpoint, group));
  });
}

/** Both ends must be there. */
async function endsCheck(tx: Tx, { kind, id, projectId }: Association): Promise<void> {
  if (kind === 'group') await groupFind(tx, id);
  else if ((await endpointGet(tx, id)) === null) throw missing('endpoint', id);
  if ((await projectGet(tx, projectId)) === null) throw missing('project', projectId);
}

const noAssociation = ({ id, projectId }: Association) =>
  notFound(`Endpoint ${id} not found in project ${projectId}`);

export async function associationCreate(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(
    association.kind === 'group'
      ? 'identity:add_endpoint_group_to_project'
      : 'identity:add_endpoint_to_project',
  );
  await directoryWrite(context.world, async (tx) => {
    await endsCheck(tx, association);
    await associationInsert(tx, association);
  });
}

export async function associationCheck(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(
    association.kind === 'group'
      ? 'identity:get_endpoint_group_in_project'
      : 'identity:check_endpoint_in_project',
  );
  await context.world.db.read(async (tx) => {
    await endsCheck(tx, association);
    const found = await associationList(tx, association);
    if (found.length === 0) throw noAssociation(association);
  });
}

export async function associationDelete(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(
    association.kind === 'group'
      ? 'identity:remove_endpoint_group_from_project'
      : 'identity:remove_endpoint_from_project',
  );
  await directoryWrite(context.world, async (tx) => {
    if (!(await associationRemove(tx, association))) throw noAssociation(association);
  });
}

export async function projectsAssociated(
  context: IdentityContext,
  { kind, id }: Pick<Association, 'kind' | 'id'>,
): Promise<{ projects: Project[]; tags: ReadonlyMap<string, readonly string[]> }> {
  context.authorize(
    kind === 'group'
      ? 'identity:list_projects_associated_with_endpoint_group'
      : 'identity:list_projects_for_endpoint',
  );
  return await context.world.db.read(async (tx) => {
    if (kind === 'group') await groupFind(tx, id);
    else if ((await endpointGet(tx, id)) === null) throw missing('endpoint', id);
    const ids = (await associationList(tx, { kind, id })).map(({ projectId }) => projectId);
    return { projects: await projectListByIds(tx, ids), tags: await projectTags(tx, ids) };
  });
}

async function groupsFor(tx: Tx, projectId: string): Promise<EndpointGroup[]> {
  if ((await projectGet(tx, projectId)) === null) throw missing('project', projectId);
  const groups: EndpointGroup[] = [];
  for (const { kind, id } of await associationList(tx, { projectId })) {
    if (kind === 'group') groups.push(await groupFind(tx, id));
  }
  return groups;
}

export async function endpointGroupsOfProject(
  context: IdentityContext,
  projectId: string,
): Promise<EndpointGroup[]> {
  context.authorize('identity:list_endpoint_groups_for_project');
  return await context.world.db.read((tx) => groupsFor(tx, projectId));
}

export async function endpointsOfProject(
  context: IdentityContext,
  projectId: string,
): Promise<EndpointRow[]> {
  context.authorize('identity:list_endpoints_for_project');
  return await context.world.db.read(async (tx) => {
    const groups = await groupsFor(tx, projectId);
    const own = new Set((await associationList(tx, { projectId })).map(({ id }) => id));
    const all = await endpointList(tx, everything);
    return all.filter(
      (endpoint) => own.has(endpoint.id) || groups.some((group) => isInGroup(endpoint, group)),
    );
  });
}
