import { addressShort } from './address-short.ts';
import { byVersion, endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverDelete } from './server-delete.ts';
import { serverLock, serverStateReset, serverUnlock, serverUpdateBy } from './server-edit.ts';
import { serverChange } from './server-act.ts';
import { frameFor, serversSeen } from './server-get.ts';
import { ServerShown } from './server-reply.schema.ts';
import { ServerUpdateBody, strict, type ServerUpdateWire } from './server.schema.ts';
import { serverView } from './server.view.ts';

const endpoint = endpointsOf<ComputeWorld>();
const actionPath = '/v2.1/servers/:serverId/action';
const anything = (action: string) =>
  Type.Object({ [action]: Type.Optional(Type.Unknown()) }, strict);

const Lock = Type.Object(
  {
    lock: Type.Union([
      Type.Null(),
      Type.Object(
        { locked_reason: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) },
        strict,
      ),
    ]),
  },
  strict,
);

export const serverEditRoutes = [
  endpoint(
    {
      id: 'servers.update',
      method: 'PUT',
      path: '/v2.1/servers/:serverId',
      rule: 'os_compute_api:servers:update',
      body: ServerUpdateBody,
      reply: { 200: Type.Object({ server: ServerShown }, strict) },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const { server: wire } = body as unknown as ServerUpdateWire;
      const server = await serverUpdateBy(context, serverId, {
        ...(wire.name !== undefined && { name: wire.name.trim() }),
        ...(wire.description !== undefined && { description: wire.description }),
        ...(wire.hostname !== undefined && { hostname: wire.hostname }),
        ...(wire['OS-DCF:diskConfig'] !== undefined && { diskConfig: wire['OS-DCF:diskConfig'] }),
        ...(wire.accessIPv4 !== undefined && { accessIpV4: wire.accessIPv4 }),
        ...(wire.accessIPv6 !== undefined && { accessIpV6: addressShort(wire.accessIPv6) }),
      });
      const frame = await frameFor(context, server.project_id);
      const [seen] = await serversSeen(context.world, [server]);
      if (seen === undefined) throw new Error('a server was changed and none is seen');
      const isWhole = context.since('2.75');
      const view = serverView(
        { ...frame, isWhole, showsKey: isWhole, showsGroups: context.since('2.71') },
        seen,
      );
      return { status: 200, body: { server: view } };
    },
  ),
  endpoint(
    {
      id: 'servers.lock',
      method: 'POST',
      path: actionPath,
      action: 'lock',
      rule: 'os_compute_api:os-lock-server:lock',
      body: byVersion<typeof Lock>(
        ['2.1', anything('lock') as unknown as typeof Lock],
        ['2.73', Lock],
      ),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body: { lock } }) => {
      const reason = context.since('2.73') ? (lock?.locked_reason ?? null) : null;
      await serverLock(context, serverId, reason);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.unlock',
      method: 'POST',
      path: actionPath,
      action: 'unlock',
      rule: 'os_compute_api:os-lock-server:unlock',
      body: anything('unlock'),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverUnlock(context, serverId);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.reset-state',
      method: 'POST',
      path: actionPath,
      action: 'os-resetState',
      rule: 'os_compute_api:os-admin-actions:reset_state',
      body: Type.Object(
        {
          'os-resetState': Type.Object(
            { state: Type.Union([Type.Literal('active'), Type.Literal('error')]) },
            strict,
          ),
        },
        strict,
      ),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body }) => {
      await serverStateReset(context, serverId, body['os-resetState'].state);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.force-delete',
      method: 'POST',
      path: actionPath,
      action: 'forceDelete',
      rule: 'os_compute_api:os-deferred-delete:force',
      body: anything('forceDelete'),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverDelete(context, serverId, 'os_compute_api:os-deferred-delete:force');
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.restore',
      method: 'POST',
      path: actionPath,
      action: 'restore',
      rule: 'os_compute_api:os-deferred-delete:restore',
      body: anything('restore'),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' } }) => {
      // Deletes are at once here: no server is ever in the one state that can be restored from.
      const rule = 'os_compute_api:os-deferred-delete:restore';
      const guard = { rule, word: 'restore', vmStates: ['soft-delete'] };
      await serverChange(context, serverId, guard, () => ({}));
      return { status: 202 };
    },
  ),
];
