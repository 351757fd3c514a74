import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityProvider } from './federation.model.ts';
import { ProviderCreateBody, ProviderReply, ProviderUpdateBody } from './federation.schema.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  providerCreate,
  providerDelete,
  providerGet,
  providerList,
  providerUpdate,
} from './identity-provider.ts';
import { linkTo, listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ identity_provider: ProviderReply });
const listPath = '/v3/OS-FEDERATION/identity_providers';
const onePath = `${listPath}/:idpId`;

export const providerPath = (id: string): string =>
  `/OS-FEDERATION/identity_providers/${encodeURIComponent(id)}`;

function view(context: IdentityContext, provider: IdentityProvider) {
  const self = linkTo(context, providerPath(provider.id));
  return {
    id: provider.id,
    domain_id: provider.domainId,
    enabled: provider.isEnabled,
    description: provider.description,
    authorization_ttl: provider.authorizationTtlMinutes,
    remote_ids: provider.remoteIds,
    links: { self, protocols: `${self}/protocols` },
  };
}

export const providerRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'identityProviders.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_identity_providers',
      query: ['id', 'enabled', 'limit', 'marker'],
      reply: { 200: ListReply('identity_providers', ProviderReply) },
      summary: 'List identity providers',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'identity_providers',
        path: '/OS-FEDERATION/identity_providers',
        query,
        page: await providerList(context, query),
        view: (provider) => view(context, provider),
      }),
  ),
  endpoint(
    {
      id: 'identityProviders.create',
      method: 'PUT',
      path: onePath,
      rule: 'identity:create_identity_provider',
      body: ProviderCreateBody,
      reply: { 201: One },
      summary: 'Create an identity provider',
    },
    async (context, { params: { idpId = '' }, body: { identity_provider: wanted } }) => {
      const made = await providerCreate(context, idpId, wanted);
      return { status: 201, body: { identity_provider: view(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'identityProviders.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_identity_provider',
      reply: { 200: One },
      summary: 'Show an identity provider',
    },
    async (context, { params: { idpId = '' } }) => {
      const found = await providerGet(context, idpId);
      return { status: 200, body: { identity_provider: view(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'identityProviders.update',
      method: 'PATCH',
      path: onePath,
      rule: 'identity:update_identity_provider',
      body: ProviderUpdateBody,
      reply: { 200: One },
      summary: 'Change an identity provider',
    },
    async (context, { params: { idpId = '' }, body: { identity_provider: wanted } }) => {
      const changed = await providerUpdate(context, idpId, wanted);
      return { status: 200, body: { identity_provider: view(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'identityProviders.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_identity_provider',
      reply: { 204: null },
      summary: 'Delete an identity provider',
    },
    async (context, { params: { idpId = '' } }) => {
      await providerDelete(context, idpId);
      return noContent;
    },
  ),
];
