import { notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverFor } from './server-get.ts';
import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();
const None = Type.Object({ migrations: Type.Array(Type.Unknown(), { maxItems: 0 }) }, strict);

/** Servers do not move between hosts yet, so there is nothing to list. */
export const migrationRoutes = [
  endpoint(
    {
      id: 'migrations.list',
      method: 'GET',
      path: '/v2.1/os-migrations',
      rule: 'os_compute_api:os-migrations:index',
      reply: { 200: None },
    },
    (context) => {
      context.authorize('os_compute_api:os-migrations:index');
      return { status: 200, body: { migrations: [] } };
    },
  ),
  endpoint(
    {
      id: 'server-migrations.list',
      method: 'GET',
      path: '/v2.1/servers/:serverId/migrations',
      since: '2.23',
      rule: 'os_compute_api:servers:migrations:index',
      reply: { 200: None },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverFor(context, serverId, 'os_compute_api:servers:migrations:index');
      return { status: 200, body: { migrations: [] } };
    },
  ),
  endpoint(
    {
      id: 'server-migrations.show',
      method: 'GET',
      path: '/v2.1/servers/:serverId/migrations/:migrationId',
      since: '2.23',
      rule: 'os_compute_api:servers:migrations:show',
      reply: {},
    },
    async (context, { params: { serverId = '', migrationId = '' } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:servers:migrations:show');
      throw notFound(
        `In-progress live migration ${migrationId} is not found for server ${server.id}.`,
      );
    },
  ),
];
