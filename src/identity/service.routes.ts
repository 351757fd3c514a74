import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { ServiceCreateBody, ServiceReply, ServiceUpdateBody } from './catalog.schema.ts';
import type { ServiceRow } from './identity.tables.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { serviceCreate, serviceDelete, serviceGet, serviceList, serviceUpdate } from './service.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ service: ServiceReply });

const serviceView = (context: IdentityContext, service: ServiceRow) => ({
  ...(JSON.parse(service.extra) as object),
  id: service.id,
  type: service.type,
  name: service.name ?? '',
  ...(service.description !== null && { description: service.description }),
  enabled: service.enabled === 1,
  links: selfLink(context, `/services/${service.id}`),
});

export const serviceRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'services.list',
      method: 'GET',
      path: '/v3/services',
      rule: 'identity:list_services',
      query: ['type', 'name', 'limit', 'marker'],
      reply: { 200: ListReply('services', ServiceReply) },
      summary: 'List services',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'services',
        path: '/services',
        query,
        page: await serviceList(context, query),
        view: (row) => serviceView(context, row),
      }),
  ),
  endpoint(
    {
      id: 'services.create',
      method: 'POST',
      path: '/v3/services',
      rule: 'identity:create_service',
      body: ServiceCreateBody,
      reply: { 201: One },
      summary: 'Create a service',
    },
    async (context, { body: { service: wanted } }) => ({
      status: 201,
      body: { service: serviceView(context, await serviceCreate(context, wanted)) },
    }),
  ),
  endpoint(
    {
      id: 'services.get',
      method: 'GET',
      path: '/v3/services/:serviceId',
      rule: 'identity:get_service',
      reply: { 200: One },
      summary: 'Show a service',
    },
    async (context, { params: { serviceId = '' } }) => ({
      status: 200,
      body: { service: serviceView(context, await serviceGet(context, serviceId)) },
    }),
  ),
  endpoint(
    {
      id: 'services.update',
      method: 'PATCH',
      path: '/v3/services/:serviceId',
      rule: 'identity:update_service',
      body: ServiceUpdateBody,
      reply: { 200: One },
      summary: 'Change a service',
    },
    async (context, { params: { serviceId = '' }, body: { service: wanted } }) => ({
      status: 200,
      body: { service: serviceView(context, await serviceUpdate(context, serviceId, wanted)) },
    }),
  ),
  endpoint(
    {
      id: 'services.delete',
      method: 'DELETE',
      path: '/v3/services/:serviceId',
      rule: 'identity:delete_service',
      reply: { 204: null },
      summary: 'Delete a service',
    },
    async (context, { params: { serviceId = '' } }) => {
      await serviceDelete(context, serviceId);
      return noContent;
    },
  ),
];
