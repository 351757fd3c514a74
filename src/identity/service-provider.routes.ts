import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ServiceProvider } from './federation.model.ts';
import {
  ServiceProviderCreateBody,
  ServiceProviderReply,
  ServiceProviderUpdateBody,
} from './federation.schema.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';
import {
  serviceProviderCreate,
  serviceProviderDelete,
  serviceProviderGet,
  serviceProviderList,
  serviceProviderUpdate,
} from './service-provider.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ service_provider: ServiceProviderReply });
const listPath = '/v3/OS-FEDERATION/service_providers';
const onePath = `${listPath}/:spId`;

const view = (context: IdentityContext, provider: ServiceProvider) => ({
  id: provider.id,
  enabled: provider.isEnabled,
  description: provider.description,
  auth_url: provider.authUrl,
  sp_url: provider.spUrl,
  relay_state_prefix: provider.relayStatePrefix,
  links: selfLink(context, `/OS-FEDERATION/service_providers/${encodeURIComponent(provider.id)}`),
});

export const serviceProviderRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'serviceProviders.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_service_providers',
      query: ['id', 'enabled', 'limit', 'marker'],
      reply: { 200: ListReply('service_providers', ServiceProviderReply) },
      summary: 'List clouds that would trust this one',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'service_providers',
        path: '/OS-FEDERATION/service_providers',
        query,
        page: await serviceProviderList(context, query),
        view: (provider) => view(context, provider),
      }),
  ),
  endpoint(
    {
      id: 'serviceProviders.create',
      method: 'PUT',
      path: onePath,
      rule: 'identity:create_service_provider',
      body: ServiceProviderCreateBody,
      reply: { 201: One },
      summary: 'Note a cloud that would trust this one',
    },
    async (context, { params: { spId = '' }, body: { service_provider: wanted } }) => {
      const made = await serviceProviderCreate(context, spId, wanted);
      return { status: 201, body: { service_provider: view(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'serviceProviders.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_service_provider',
      reply: { 200: One },
      summary: 'Show a cloud that would trust this one',
    },
    async (context, { params: { spId = '' } }) => {
      const found = await serviceProviderGet(context, spId);
      return { status: 200, body: { service_provider: view(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'serviceProviders.update',
      method: 'PATCH',
      path: onePath,
      rule: 'identity:update_service_provider',
      body: ServiceProviderUpdateBody,
      reply: { 200: One },
      summary: 'Change a cloud that would trust this one',
    },
    async (context, { params: { spId = '' }, body: { service_provider: wanted } }) => {
      const changed = await serviceProviderUpdate(context, spId, wanted);
      return { status: 200, body: { service_provider: view(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'serviceProviders.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_service_provider',
      reply: { 204: null },
      summary: 'Forget a cloud that would trust this one',
    },
    async (context, { params: { spId = '' } }) => {
      await serviceProviderDelete(context, spId);
      return noContent;
    },
  ),
];
