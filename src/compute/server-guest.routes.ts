import { Type } from 'typebox';
import { conflict } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostOf } from './server-apply.ts';
import { serverFor } from './server-get.ts';
import type { ServerRow } from './server.model.ts';
import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();

/** Nova answers so while a server is on no host. */
export function hostCheck(server: ServerRow): void {
  if (server.host === null) throw conflict(`Instance ${server.id} is not ready`);
}

const ConsoleOutput = Type.Object(
  {
    'os-getConsoleOutput': Type.Object(
      {
        length: Type.Optional(
          Type.Union([
            Type.Integer({ minimum: -1 }),
            Type.String({ pattern: '^(-1|[0-9]{1,9})$' }),
            Type.Null(),
          ]),
        ),
      },
      strict,
    ),
  },
  strict,
);

export const serverGuestRoutes = [
  endpoint(
    {
      id: 'servers.console-output',
      method: 'POST',
      path: '/v2.1/servers/:serverId/action',
      action: 'os-getConsoleOutput',
      rule: 'os_compute_api:os-console-output',
      body: ConsoleOutput,
      reply: { 200: Type.Object({ output: Type.String() }, strict) },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-console-output');
      hostCheck(server);
      const length = Number(body['os-getConsoleOutput'].length ?? -1);
      const { agent } = hostOf(context.world, server.host);
      const output = await agent.serverConsole(server.id, length < 0 ? null : length);
      return { status: 200, body: { output } };
    },
  ),
];
