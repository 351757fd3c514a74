import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { EndpointCreateBody, EndpointReply, EndpointUpdateBody } from './catalog.schema.ts';
import type { EndpointRow } from './identity.tables.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  endpointCreate,
  endpointDelete,
  endpointGet,
  endpointList,
  endpointUpdate,
} from './endpoint.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const route = endpointsOf<IdentityWorld>();

const One = Type.Object({ endpoint: EndpointReply });

export const endpointView = (context: IdentityContext, row: EndpointRow) => ({
  ...(JSON.parse(row.extra) as object),
  id: row.id,
  interface: row.interface,
  region: row.region_id,
  region_id: row.region_id,
  service_id: row.service_id,
  url: row.url,
  enabled: row.enabled === 1,
  links: selfLink(context, `/endpoints/${row.id}`),
});

export const endpointRoutes: readonly Endpoint<IdentityWorld>[] = [
  route(
    {
      id: 'endpoints.list',
      method: 'GET',
      path: '/v3/endpoints',
      rule: 'identity:list_endpoints',
      query: ['interface', 'service_id', 'region_id', 'limit', 'marker'],
      reply: { 200: ListReply('endpoints', EndpointReply) },
      summary: 'List endpoints',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'endpoints',
        path: '/endpoints',
        query,
        page: await endpointList(context, query),
        view: (row) => endpointView(context, row),
      }),
  ),
  route(
    {
      id: 'endpoints.create',
      method: 'POST',
      path: '/v3/endpoints',
      rule: 'identity:create_endpoint',
      body: EndpointCreateBody,
      reply: { 201: One },
      summary: 'Create an endpoint',
    },
    async (context, { body: { endpoint: wanted } }) => ({
      status: 201,
      body: { endpoint: endpointView(context, await endpointCreate(context, wanted)) },
    }),
  ),
  route(
    {
      id: 'endpoints.get',
      method: 'GET',
      path: '/v3/endpoints/:endpointId',
      rule: 'identity:get_endpoint',
      reply: { 200: One },
      summary: 'Show an endpoint',
    },
    async (context, { params: { endpointId = '' } }) => ({
      status: 200,
      body: { endpoint: endpointView(context, await endpointGet(context, endpointId)) },
    }),
  ),
  route(
    {
      id: 'endpoints.update',
      method: 'PATCH',
      path: '/v3/endpoints/:endpointId',
      rule: 'identity:update_endpoint',
      body: EndpointUpdateBody,
      reply: { 200: One },
      summary: 'Change an endpoint',
    },
    async (context, { params: { endpointId = '' }, body: { endpoint: wanted } }) => ({
      status: 200,
      body: { endpoint: endpointView(context, await endpointUpdate(context, endpointId, wanted)) },
    }),
  ),
  route(
    {
      id: 'endpoints.delete',
      method: 'DELETE',
      path: '/v3/endpoints/:endpointId',
      rule: 'identity:delete_endpoint',
      reply: { 204: null },
      summary: 'Delete an endpoint',
    },
    async (context, { params: { endpointId = '' } }) => {
      await endpointDelete(context, endpointId);
      return noContent;
    },
  ),
];
