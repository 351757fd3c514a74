import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { Mapping } from './federation.model.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { MappingBody, MappingReply } from './mapping.schema.ts';
import { mappingCreate, mappingDelete, mappingGet, mappingList, mappingUpdate } from './mapping.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ mapping: MappingReply });
const listPath = '/v3/OS-FEDERATION/mappings';
const onePath = `${listPath}/:mappingId`;

const view = (context: IdentityContext, { id, rules }: Mapping) => ({
  id,
  rules,
  links: selfLink(context, `/OS-FEDERATION/mappings/${encodeURIComponent(id)}`),
});

export const mappingRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'mappings.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_mappings',
      reply: { 200: ListReply('mappings', MappingReply) },
      summary: 'List mappings',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'mappings',
        path: '/OS-FEDERATION/mappings',
        query,
        page: wholePage(await mappingList(context)),
        view: (mapping) => view(context, mapping),
      }),
  ),
  endpoint(
    {
      id: 'mappings.create',
      method: 'PUT',
      path: onePath,
      rule: 'identity:create_mapping',
      body: MappingBody,
      reply: { 201: One },
      summary: 'Say how what a provider tells of people is read',
    },
    async (context, { params: { mappingId = '' }, body: { mapping } }) => {
      const made = await mappingCreate(context, mappingId, mapping);
      return { status: 201, body: { mapping: view(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'mappings.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_mapping',
      reply: { 200: One },
      summary: 'Show a mapping',
    },
    async (context, { params: { mappingId = '' } }) => ({
      status: 200,
      body: { mapping: view(context, await mappingGet(context, mappingId)) },
    }),
  ),
  endpoint(
    {
      id: 'mappings.update',
      method: 'PATCH',
      path: onePath,
      rule: 'identity:update_mapping',
      body: MappingBody,
      reply: { 200: One },
      summary: 'Replace the rules of a mapping',
    },
    async (context, { params: { mappingId = '' }, body: { mapping } }) => ({
      status: 200,
      body: { mapping: view(context, await mappingUpdate(context, mappingId, mapping)) },
    }),
  ),
  endpoint(
    {
      id: 'mappings.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_mapping',
      reply: { 204: null },
      summary: 'Delete a mapping',
    },
    async (context, { params: { mappingId = '' } }) => {
      await mappingDelete(context, mappingId);
      return noContent;
    },
  ),
];
