import { endpointsOf, type Endpoint, type Route } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { EndpointReply } from './catalog.schema.ts';
import { endpointView } from './endpoint.routes.ts';
import { EndpointGroupReply } from './endpoint-filter.schema.ts';
import type { Association } from './endpoint-filter.store.ts';
import {
  associationCheck,
  associationCreate,
  associationDelete,
  endpointGroupsOfProject,
  endpointsInGroup,
  endpointsOfProject,
  projectsAssociated,
} from './endpoint-filter.ts';
import { endpointGroupView } from './endpoint-group.routes.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { ProjectReply } from './project.schema.ts';
import { projectView } from './project.view.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply, SelfLink } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const root = '/v3/OS-EP-FILTER';

async function projectsReply(
  context: IdentityContext,
  which: Pick<Association, 'kind' | 'id'>,
  query: URLSearchParams,
) {
  const { projects, tags } = await projectsAssociated(context, which);
  const folder = which.kind === 'group' ? 'endpoint_groups' : 'endpoints';
  return listReply(context, {
    key: 'projects',
    path: `/OS-EP-FILTER/${folder}/${which.id}/projects`,
    query,
    page: wholePage(projects),
    view: (project) => projectView(context, project, tags.get(project.id) ?? []),
  });
}

const listRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'endpointFilter.projectsOfEndpoint',
      method: 'GET',
      path: `${root}/endpoints/:endpointId/projects`,
      rule: 'identity:list_projects_for_endpoint',
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'Projects that were given an endpoint',
    },
    async (context, { params: { endpointId: id = '' }, query }) =>
      await projectsReply(context, { kind: 'endpoint', id }, query),
  ),
  endpoint(
    {
      id: 'endpointFilter.projectsOfGroup',
      method: 'GET',
      path: `${root}/endpoint_groups/:endpointGroupId/projects`,
      rule: 'identity:list_projects_associated_with_endpoint_group',
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'Projects that were given a group of endpoints',
    },
    async (context, { params: { endpointGroupId: id = '' }, query }) =>
      await projectsReply(context, { kind: 'group', id }, query),
  ),
  endpoint(
    {
      id: 'endpointFilter.endpointsOfGroup',
      method: 'GET',
      path: `${root}/endpoint_groups/:endpointGroupId/endpoints`,
      rule: 'identity:list_endpoints_associated_with_endpoint_group',
      reply: { 200: ListReply('endpoints', EndpointReply) },
      summary: 'Endpoints that a group speaks of',
    },
    async (context, { params: { endpointGroupId: id = '' }, query }) =>
      listReply(context, {
        key: 'endpoints',
        path: `/OS-EP-FILTER/endpoint_groups/${id}/endpoints`,
        query,
        page: wholePage(await endpointsInGroup(context, id)),
        view: (row) => endpointView(context, row),
      }),
  ),
  endpoint(
    {
      id: 'endpointFilter.endpointsOfProject',
      method: 'GET',
      path: `${root}/projects/:projectId/endpoints`,
      rule: 'identity:list_endpoints_for_project',
      reply: { 200: ListReply('endpoints', EndpointReply) },
      summary: 'Endpoints that a project was given',
    },
    async (context, { params: { projectId = '' }, query }) =>
      listReply(context, {
        key: 'endpoints',
        path: `/OS-EP-FILTER/projects/${projectId}/endpoints`,
        query,
        page: wholePage(await endpointsOfProject(context, projectId)),
        view: (row) => endpointView(context, row),
      }),
  ),
  endpoint(
    {
      id: 'endpointFilter.groupsOfProject',
      method: 'GET',
      path: `${root}/projects/:projectId/endpoint_groups`,
      rule: 'identity:list_endpoint_groups_for_project',
      reply: { 200: ListReply('endpoint_groups', EndpointGroupReply) },
      summary: 'Groups of endpoints that a project was given',
    },
    async (context, { params: { projectId = '' }, query }) =>
      listReply(context, {
        key: 'endpoint_groups',
        path: `/OS-EP-FILTER/projects/${projectId}/endpoint_groups`,
        query,
        page: wholePage(await endpointGroupsOfProject(context, projectId)),
        view: (group) => endpointGroupView(context, group),
      }),
  ),
];

interface Shape {
  readonly kind: Association['kind'];
  readonly path: string;
  readonly param: string;
  readonly rules: Readonly<Record<'GET' | 'PUT' | 'DELETE', string>>;
}

const shapes: readonly Shape[] = [
  {
    kind: 'endpoint',
    path: `${root}/projects/:projectId/endpoints/:endpointId`,
    param: 'endpointId',
    rules: {
      GET: 'identity:check_endpoint_in_project',
      PUT: 'identity:add_endpoint_to_project',
      DELETE: 'identity:remove_endpoint_from_project',
    },
  },
  {
    kind: 'group',
    path: `${root}/endpoint_groups/:endpointGroupId/projects/:projectId`,
    param: 'endpointGroupId',
    rules: {
      GET: 'identity:get_endpoint_group_in_project',
      PUT: 'identity:add_endpoint_group_to_project',
      DELETE: 'identity:remove_endpoint_group_from_project',
    },
  },
];

const AssociationReply = Type.Object({
  project_endpoint_group: Type.Object({
    endpoint_group_id: Type.String(),
    project_id: Type.String(),
    links: SelfLink,
  }),
});

const associationRoutes: readonly Endpoint<IdentityWorld>[] = shapes.flatMap(
  ({ kind, path, param, rules }) => {
    const route = (method: 'GET' | 'PUT' | 'DELETE', reply: Route['reply'], summary: string) => ({
      id: `endpointFilter.${kind}.${method.toLowerCase()}`,
      method,
      path,
      rule: rules[method],
      reply,
      summary: `${summary}: ${kind} and project`,
    });
    const associationOf = (params: Readonly<Record<string, string>>): Association => ({
      kind,
      id: params[param] ?? '',
      projectId: params['projectId'] ?? '',
    });
    const getReply: Route['reply'] = kind === 'group' ? { 200: AssociationReply } : { 204: null };
    return [
      endpoint(
        route('GET', getReply, 'Whether they belong together'),
        async (context, { params }) => {
          const association = associationOf(params);
          await associationCheck(context, association);
          if (kind === 'endpoint') return noContent;
          const { id, projectId } = association;
          const links = selfLink(
            context,
            `/OS-EP-FILTER/endpoint_groups/${id}/projects/${projectId}`,
          );
          const body = { endpoint_group_id: id, project_id: projectId, links };
          return { status: 200, body: { project_endpoint_group: body } };
        },
      ),
      endpoint(route('PUT', { 204: null }, 'Join'), async (context, { params }) => {
        await associationCreate(context, associationOf(params));
        return noContent;
      }),
      endpoint(route('DELETE', { 204: null }, 'Part'), async (context, { params }) => {
        await associationDelete(context, associationOf(params));
        return noContent;
      }),
    ];
  },
);

export const endpointFilterRoutes: readonly Endpoint<IdentityWorld>[] = [
  ...listRoutes,
  ...associationRoutes,
];
