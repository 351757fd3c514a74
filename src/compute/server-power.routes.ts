import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverPower } from './server-power.ts';
import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();

/** Nova does not look at what these actions are given. */
const plain = (action: string, power: Parameters<typeof serverPower>[2], rule: string) =>
  endpoint(
    {
      id: `servers.${action}`,
      method: 'POST',
      path: '/v2.1/servers/:serverId/action',
      action,
      rule,
      body: Type.Object({ [action]: Type.Optional(Type.Unknown()) }, strict),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverPower(context, serverId, power);
      return { status: 202 };
    },
  );

const Reboot = Type.Object(
  {
    reboot: Type.Object(
      { type: Type.String({ pattern: '^(HARD|Hard|hard|SOFT|Soft|soft)$' }) },
      strict,
    ),
  },
  strict,
);

export const serverPowerRoutes = [
  plain('os-start', 'start', 'os_compute_api:servers:start'),
  plain('os-stop', 'stop', 'os_compute_api:servers:stop'),
  plain('pause', 'pause', 'os_compute_api:os-pause-server:pause'),
  plain('unpause', 'unpause', 'os_compute_api:os-pause-server:unpause'),
  plain('suspend', 'suspend', 'os_compute_api:os-suspend-server:suspend'),
  plain('resume', 'resume', 'os_compute_api:os-suspend-server:resume'),
  endpoint(
    {
      id: 'servers.reboot',
      method: 'POST',
      path: '/v2.1/servers/:serverId/action',
      action: 'reboot',
      rule: 'os_compute_api:servers:reboot',
      body: Reboot,
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const isHard = body.reboot.type.toUpperCase() === 'HARD';
      await serverPower(context, serverId, isHard ? 'hardReboot' : 'softReboot');
      return { status: 202 };
    },
  ),
];
