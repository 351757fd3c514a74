import type { Context } from '../kernel/context.ts';
import { floatingIpRoutes } from './floating-ip.routes.ts';
import { networkRoutes } from './network.routes.ts';
import type { NetworkWorld } from './network.world.ts';
import type { NetworkPort } from './port.ts';
import { securityGroupRoutes } from './security-group.routes.ts';

async function* nothing(): AsyncGenerator<Buffer> {}

const endpoints = new Map(
  [...securityGroupRoutes, ...floatingIpRoutes, ...networkRoutes].map((endpoint) => [
    endpoint.route.id,
    endpoint,
  ]),
);

/** Runs an endpoint of ours in the process, with its own validation, policy and view. */
export async function apiCall(
  world: NetworkWorld,
  context: Context<unknown>,
  endpointId: string,
  { params = {}, query = {}, body }: Parameters<NetworkPort['apiCall']>[2],
): Promise<unknown> {
  const endpoint = endpoints.get(endpointId);
  if (endpoint === undefined) throw new Error(`the network API has no endpoint ${endpointId}`);
  endpoint.validate(body, context.version);
  const inner = Object.create(context, { world: { value: world } }) as Context<NetworkWorld>;
  const reply = await endpoint.run(inner, {
    params,
    query: new URLSearchParams(query),
    headers: {},
    body: body as never,
    mediaType: 'application/json',
    stream: nothing(),
  });
  return reply.body;
}
