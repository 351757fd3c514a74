import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  EndpointGroupCreateBody,
  EndpointGroupReply,
  EndpointGroupUpdateBody,
} from './endpoint-filter.schema.ts';
import type { EndpointGroup } from './endpoint-filter.store.ts';
import {
  endpointGroupCreate,
  endpointGroupDelete,
  endpointGroupGet,
  endpointGroupList,
  endpointGroupUpdate,
} from './endpoint-filter.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ endpoint_group: EndpointGroupReply });

export const endpointGroupView = (context: IdentityContext, group: EndpointGroup) => ({
  ...group.extra,
  id: group.id,
  name: group.name,
  description: group.description,
  filters: group.filters,
  links: selfLink(context, `/OS-EP-FILTER/endpoint_groups/${group.id}`),
});

export const endpointGroupRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'endpointGroups.list',
      method: 'GET',
      path: '/v3/OS-EP-FILTER/endpoint_groups',
      rule: 'identity:list_endpoint_groups',
      query: ['name', 'limit', 'marker'],
      reply: { 200: ListReply('endpoint_groups', EndpointGroupReply) },
      summary: 'List groups of endpoints',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'endpoint_groups',
        path: '/OS-EP-FILTER/endpoint_groups',
        query,
        page: await endpointGroupList(context, query),
        view: (group) => endpointGroupView(context, group),
      }),
  ),
  endpoint(
    {
      id: 'endpointGroups.create',
      method: 'POST',
      path: '/v3/OS-EP-FILTER/endpoint_groups',
      rule: 'identity:create_endpoint_group',
      body: EndpointGroupCreateBody,
      reply: { 201: One },
      summary: 'Create a group of endpoints',
    },
    async (context, { body: { endpoint_group } }) => ({
      status: 201,
      body: {
        endpoint_group: endpointGroupView(
          context,
          await endpointGroupCreate(context, endpoint_group),
        ),
      },
    }),
  ),
  endpoint(
    {
      id: 'endpointGroups.get',
      method: 'GET',
      path: '/v3/OS-EP-FILTER/endpoint_groups/:endpointGroupId',
      rule: 'identity:get_endpoint_group',
      reply: { 200: One },
      summary: 'Show a group of endpoints',
    },
    async (context, { params: { endpointGroupId = '' } }) => ({
      status: 200,
      body: {
        endpoint_group: endpointGroupView(
          context,
          await endpointGroupGet(context, endpointGroupId),
        ),
      },
    }),
  ),
  endpoint(
    {
      id: 'endpointGroups.update',
      method: 'PATCH',
      path: '/v3/OS-EP-FILTER/endpoint_groups/:endpointGroupId',
      rule: 'identity:update_endpoint_group',
      body: EndpointGroupUpdateBody,
      reply: { 200: One },
      summary: 'Change a group of endpoints',
    },
    async (context, { params: { endpointGroupId = '' }, body: { endpoint_group } }) => ({
      status: 200,
      body: {
        endpoint_group: endpointGroupView(
          context,
          await endpointGroupUpdate(context, endpointGroupId, endpoint_group),
        ),
      },
    }),
  ),
  endpoint(
    {
      id: 'endpointGroups.delete',
      method: 'DELETE',
      path: '/v3/OS-EP-FILTER/endpoint_groups/:endpointGroupId',
      rule: 'identity:delete_endpoint_group',
      reply: { 204: null },
      summary: 'Delete a group of endpoints',
    },
    async (context, { params: { endpointGroupId = '' } }) => {
      await endpointGroupDelete(context, endpointGroupId);
      return noContent;
    },
  ),
];
