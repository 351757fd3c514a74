import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { RegionCreateBody, RegionReply, RegionUpdateBody } from './catalog.schema.ts';
import type { RegionRow } from './identity.tables.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { regionCreate, regionDelete, regionGet, regionList, regionUpdate } from './region.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ region: RegionReply });

const regionView = (context: IdentityContext, region: RegionRow) => ({
  ...(JSON.parse(region.extra) as object),
  id: region.id,
  description: region.description,
  parent_region_id: region.parent_region_id,
  links: selfLink(context, `/regions/${region.id}`),
});

export const regionRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'regions.list',
      method: 'GET',
      path: '/v3/regions',
      rule: 'identity:list_regions',
      query: ['parent_region_id', 'limit', 'marker'],
      reply: { 200: ListReply('regions', RegionReply) },
      summary: 'List regions',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'regions',
        path: '/regions',
        query,
        page: await regionList(context, query),
        view: (row) => regionView(context, row),
      }),
  ),
  endpoint(
    {
      id: 'regions.create',
      method: 'POST',
      path: '/v3/regions',
      rule: 'identity:create_region',
      body: RegionCreateBody,
      reply: { 201: One },
      summary: 'Create a region',
    },
    async (context, { body: { region: wanted } }) => ({
      status: 201,
      body: { region: regionView(context, await regionCreate(context, wanted)) },
    }),
  ),
  endpoint(
    {
      id: 'regions.put',
      method: 'PUT',
      path: '/v3/regions/:regionId',
      rule: 'identity:create_region',
      body: RegionCreateBody,
      reply: { 201: One },
      summary: 'Create a region with an id of the client',
    },
    async (context, { params: { regionId = '' }, body: { region } }) => ({
      status: 201,
      body: { region: regionView(context, await regionCreate(context, region, regionId)) },
    }),
  ),
  endpoint(
    {
      id: 'regions.get',
      method: 'GET',
      path: '/v3/regions/:regionId',
      rule: 'identity:get_region',
      reply: { 200: One },
      summary: 'Show a region',
    },
    async (context, { params: { regionId = '' } }) => ({
      status: 200,
      body: { region: regionView(context, await regionGet(context, regionId)) },
    }),
  ),
  endpoint(
    {
      id: 'regions.update',
      method: 'PATCH',
      path: '/v3/regions/:regionId',
      rule: 'identity:update_region',
      body: RegionUpdateBody,
      reply: { 200: One },
      summary: 'Change a region',
    },
    async (context, { params: { regionId = '' }, body: { region: wanted } }) => ({
      status: 200,
      body: { region: regionView(context, await regionUpdate(context, regionId, wanted)) },
    }),
  ),
  endpoint(
    {
      id: 'regions.delete',
      method: 'DELETE',
      path: '/v3/regions/:regionId',
      rule: 'identity:delete_region',
      reply: { 204: null },
      summary: 'Delete a region',
    },
    async (context, { params: { regionId = '' } }) => {
      await regionDelete(context, regionId);
      return noContent;
    },
  ),
];
