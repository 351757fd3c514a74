import type { TSchema } from 'typebox';
import type { Context } from '../kernel/context.ts';
import { flatText } from '../kernel/flat-text.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverCreate } from './server-create.ts';
import { boolOf, serverCreateRead } from './server-create.wire.ts';
import { serverDelete } from './server-delete.ts';
import { serverQuery } from './server-filter.ts';
import { frameFor, serverFor, serversSeen } from './server-get.ts';
import { serverList, type ServerPage } from './server-list.ts';
import { Links, ServerBrief, ServerMade, ServerShown } from './server-reply.schema.ts';
import { ServerCreateBody, strict, type ServerCreateWire } from './server.schema.ts';
import { linksOf, serverBrief, serverView } from './server.view.ts';

const endpoint = endpointsOf<ComputeWorld>();

function nextLinks(
  { baseUrl }: Context<ComputeWorld>,
  path: string,
  query: URLSearchParams,
  { next }: ServerPage,
) {
  if (next === null) return {};
  const params = new URLSearchParams(query);
  params.set('marker', next);
  const href = flatText(baseUrl, `/v2.1/${path}?`, params.toString());
  return { servers_links: [{ rel: 'next', href }] };
}

const listOf = (item: TSchema) =>
  Type.Object({ servers: Type.Array(item), servers_links: Type.Optional(Links) }, strict);

export const serverRoutes = [
  endpoint(
    {
      id: 'servers.create',
      method: 'POST',
      path: '/v2.1/servers',
      rule: 'os_compute_api:servers:create',
      body: ServerCreateBody,
      reply: {
        202: Type.Union([
          Type.Object({ server: ServerMade }, strict),
          Type.Object({ reservation_id: Type.String() }, strict),
        ]),
      },
    },
    async (context, input) => {
      const body = input.body as unknown as ServerCreateWire;
      const { ids, reservationId, adminPass } = await serverCreate(
        context,
        serverCreateRead(context, body),
      );
      const { server } = body;
      if (server.return_reservation_id !== undefined && boolOf(server.return_reservation_id)) {
        return { status: 202, body: { reservation_id: reservationId } };
      }
      const [id = ''] = ids;
      const links = linksOf(context.baseUrl, id);
      const made = {
        id,
        links,
        'OS-DCF:diskConfig': server['OS-DCF:diskConfig'] ?? 'MANUAL',
        security_groups: server.security_groups ?? [{ name: 'default' }],
        adminPass,
      };
      return {
        status: 202,
        headers: { Location: links[0]?.href ?? '' },
        body: { server: made },
      };
    },
  ),
  endpoint(
    {
      id: 'servers.list',
      method: 'GET',
      path: '/v2.1/servers',
      rule: 'os_compute_api:servers:index',
      query: serverQuery,
      reply: { 200: listOf(ServerBrief) },
    },
    async (context, { query }) => {
      const page = await serverList(
        context,
        query,
        'os_compute_api:servers:index',
        'os_compute_api:servers:index:get_all_tenants',
      );
      const servers = page.servers.map((server) => serverBrief(context, server));
      return {
        status: 200,
        body: { servers, ...nextLinks(context, 'servers', query, page) },
      };
    },
  ),
  endpoint(
    {
      id: 'servers.detail',
      method: 'GET',
      path: '/v2.1/servers/detail',
      rule: 'os_compute_api:servers:detail',
      query: serverQuery,
      reply: { 200: listOf(ServerShown) },
    },
    async (context, { query }) => {
      const page = await serverList(
        context,
        query,
        'os_compute_api:servers:detail',
        'os_compute_api:servers:detail:get_all_tenants',
      );
      const frame = await frameFor(context);
      const seen = await serversSeen(context.world, page.servers);
      const servers = seen.map((one) => serverView(frame, one));
      return {
        status: 200,
        body: { servers, ...nextLinks(context, 'servers/detail', query, page) },
      };
    },
  ),
  endpoint(
    {
      id: 'servers.show',
      method: 'GET',
      path: '/v2.1/servers/:serverId',
      rule: 'os_compute_api:servers:show',
      reply: { 200: Type.Object({ server: ServerShown }, strict) },
    },
    async (context, { params: { serverId = '' } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:servers:show');
      const [seen] = await serversSeen(context.world, [server]);
      const frame = await frameFor(context, server.project_id);
      if (seen === undefined) throw new Error('a server was asked for and none came');
      const view = serverView({ ...frame, showsGroups: context.since('2.71') }, seen);
      return { status: 200, body: { server: view } };
    },
  ),
  endpoint(
    {
      id: 'servers.delete',
      method: 'DELETE',
      path: '/v2.1/servers/:serverId',
      rule: 'os_compute_api:servers:delete',
      reply: { 204: null },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverDelete(context, serverId);
      return { status: 204 };
    },
  ),
];
