import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { flag } from '../kernel/db.ts';
import { invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { isUuid } from '../kernel/ids.ts';
import { Type } from '../kernel/type.ts';
import type { HostTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostDownMs } from './host-sync.ts';
import { hostChange, hostSelect, type HostChange } from './host.store.ts';

const endpoint = endpointsOf<ComputeWorld>();
type HostContext = Context<ComputeWorld>;

const strict = { additionalProperties: false };
const binary = 'nova-compute';

export const hostIsUp = (context: HostContext, host: HostTable): boolean =>
  host.forced_down === 0 && context.clock.now() - host.seen_at < hostDownMs;

const ServiceReply = Type.Object(
  {
    id: Type.Union([Type.Integer(), Type.String()]),
    binary: Type.String(),
    host: Type.String(),
    zone: Type.String(),
    status: Type.String(),
    state: Type.String(),
    updated_at: Type.String(),
    disabled_reason: Type.Union([Type.String(), Type.Null()]),
    forced_down: Type.Optional(Type.Boolean()),
  },
  strict,
);

const serviceView = (context: HostContext, host: HostTable) => ({
  id: context.since('2.53') ? host.service_uuid : host.number,
  binary,
  host: host.name,
  zone: host.availability_zone ?? context.world.settings.defaultZone,
  status: host.enabled === 1 ? 'enabled' : 'disabled',
  state: hostIsUp(context, host) ? 'up' : 'down',
  updated_at: isoNaive(host.seen_at),
  disabled_reason: host.disabled_reason,
  ...(context.since('2.11') && { forced_down: host.forced_down === 1 }),
});

async function hostsOf(context: HostContext): Promise<HostTable[]> {
  return context.world.cell.read((tx) => hostSelect(tx));
}

async function serviceChange(
  context: HostContext,
  find: (host: HostTable) => boolean,
  missing: string,
  change: HostChange,
): Promise<HostTable> {
  const host = (await hostsOf(context)).find(find);
  if (host === undefined) throw notFound(missing);
  const now = context.clock.now();
  await context.world.cell.write((tx) => hostChange(tx, host.name, change, now));
  return { ...host, ...change };
}

const Reason = Type.String({ minLength: 1, maxLength: 255 });
const Named = {
  host: Type.String({ minLength: 1, maxLength: 255 }),
  binary: Type.String({ minLength: 1, maxLength: 255 }),
};
const byName = [
  { action: 'enable', body: Type.Object(Named, strict), since: undefined },
  { action: 'disable', body: Type.Object(Named, strict), since: undefined },
  {
    action: 'disable-log-reason',
    body: Type.Object({ ...Named, disabled_reason: Reason }, strict),
    since: undefined,
  },
  {
    action: 'force-down',
    body: Type.Object({ ...Named, forced_down: Type.Boolean() }, strict),
    since: '2.11',
  },
] as const;

/** Until 2.52 a service is named by host and binary, and the path says what shall happen to it. */
const changesByName = byName.map(({ action, body, since }) =>
  endpoint(
    {
      id: `services.${action}`,
      method: 'PUT',
      path: `/v2.1/os-services/${action}`,
      ...(since !== undefined && { since }),
      until: '2.52',
      rule: 'os_compute_api:os-services:update',
      body: body as never,
      reply: { 200: Type.Object({ service: Type.Record(Type.String(), Type.Unknown()) }) },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-services:update');
      const wanted = input.body as {
        host: string;
        binary: string;
        disabled_reason?: string;
        forced_down?: boolean;
      };
      const change: HostChange =
        action === 'force-down'
          ? { forced_down: flag(wanted.forced_down === true) }
          : { enabled: flag(action === 'enable'), disabled_reason: wanted.disabled_reason ?? null };
      const host = await serviceChange(
        context,
        ({ name }) => name === wanted.host && wanted.binary === binary,
        `Could not find binary ${wanted.binary} on host ${wanted.host}.`,
        change,
      );
      const shown = {
        host: host.name,
        binary,
        ...(action === 'force-down'
          ? { forced_down: host.forced_down === 1 }
          : { status: host.enabled === 1 ? 'enabled' : 'disabled' }),
        ...(action === 'disable-log-reason' && { disabled_reason: host.disabled_reason }),
      };
      return { status: 200, body: { service: shown } };
    },
  ),
);

export const serviceRoutes = [
  ...changesByName,
  endpoint(
    {
      id: 'services.list',
      method: 'GET',
      path: '/v2.1/os-services',
      rule: 'os_compute_api:os-services:list',
      query: ['host', 'binary'],
      reply: { 200: Type.Object({ services: Type.Array(ServiceReply) }) },
    },
    async (context, { query }) => {
      context.authorize('os_compute_api:os-services:list');
      const [host, wantedBinary] = [query.get('host'), query.get('binary')];
      const shown = (await hostsOf(context)).filter(
        ({ name }) => (host === null || host === name) && (wantedBinary ?? binary) === binary,
      );
      return { status: 200, body: { services: shown.map((one) => serviceView(context, one)) } };
    },
  ),
  endpoint(
    {
      id: 'services.update',
      method: 'PUT',
      path: '/v2.1/os-services/:serviceId',
      since: '2.53',
      rule: 'os_compute_api:os-services:update',
      body: Type.Object(
        {
          status: Type.Optional(Type.Union([Type.Literal('enabled'), Type.Literal('disabled')])),
          disabled_reason: Type.Optional(Reason),
          forced_down: Type.Optional(Type.Boolean()),
        },
        strict,
      ),
      reply: { 200: Type.Object({ service: ServiceReply }) },
    },
    async (context, { params, body }) => {
      context.authorize('os_compute_api:os-services:update');
      const id = params['serviceId'] ?? '';
      if (!isUuid(id)) throw invalid(`Invalid uuid ${id}`);
      if (Object.keys(body).length === 0) {
        throw invalid(
          "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
        );
      }
      if (body.disabled_reason !== undefined && body.status !== 'disabled') {
        throw invalid("Specifying 'disabled_reason' when status is 'enabled' is invalid.");
      }
      const host = await serviceChange(
        context,
        ({ service_uuid }) => service_uuid === id,
        `Service ${id} could not be found.`,
        {
          ...(body.status !== undefined && {
            enabled: flag(body.status === 'enabled'),
            disabled_reason: body.disabled_reason ?? null,
          }),
          ...(body.forced_down !== undefined && { forced_down: flag(body.forced_down) }),
        },
      );
      return { status: 200, body: { service: serviceView(context, host) } };
    },
  ),
];
