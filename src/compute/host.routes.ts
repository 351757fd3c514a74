import type { Context } from '../kernel/context.ts';
import { flag } from '../kernel/db.ts';
import { Failure, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { HostTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostChange, hostFind, hostSelect } from './host.store.ts';
import { flavorParse } from './server.model.ts';

const endpoint = endpointsOf<ComputeWorld>();
/** Nova's first view of hosts; since 2.43 hypervisors and services have taken its place. */
const until = '2.42';
const path = '/v2.1/os-hosts';
const one = `${path}/:host`;
const rule = (name: string) => `os_compute_api:os-hosts:${name}`;

async function hostGet({ world }: Context<ComputeWorld>, name: string): Promise<HostTable> {
  const host = await world.cell.read((tx) => hostFind(tx, name));
  if (host === null) throw notFound(`Compute host ${name} could not be found.`);
  return host;
}

interface Amounts {
  readonly cpu: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

/** What is there, what is claimed, and what each project has of it. */
async function resourcesOf({ world }: Context<ComputeWorld>, host: HostTable) {
  const servers = await world.cell.read((tx) =>
    tx
      .selectFrom('server')
      .select(['project_id', 'flavor'])
      .where('host', '=', host.name)
      .where('deleted', '=', flag(false))
      .execute(),
  );
  const sum = (some: typeof servers): Amounts => {
    const flavors = some.map(({ flavor }) => flavorParse(flavor));
    return {
      cpu: flavors.reduce((total, { vcpus }) => total + vcpus, 0),
      memory_mb: flavors.reduce((total, { ramMib }) => total + ramMib, 0),
      disk_gb: flavors.reduce(
        (total, { diskGib: disk, ephemeralGib }) => total + disk + ephemeralGib,
        0,
      ),
    };
  };
  const { vcpus, ram_mib, disk_gib, used_vcpus, used_ram_mib, used_disk_gib } = host;
  const rows: readonly (readonly [string, Amounts])[] = [
    ['(total)', { cpu: vcpus, memory_mb: ram_mib, disk_gb: disk_gib }],
    ['(used_now)', { cpu: used_vcpus, memory_mb: used_ram_mib, disk_gb: used_disk_gib }],
    ['(used_max)', sum(servers)],
    ...[...Map.groupBy(servers, ({ project_id }) => project_id)].map(
      ([project, own]) => [project, sum(own)] as const,
    ),
  ];
  return rows.map(([project, amounts]) => ({ resource: { host: host.name, project, ...amounts } }));
}

const notHere = () =>
  new Failure(
    'not_implemented',
    'The hypervisor driver does not do this: enable and disable the compute service instead.',
  );
const Switch = Type.Optional(
  Type.String({ pattern: '^(enable|disable|Enable|Disable|ENABLE|DISABLE)$' }),
);

const powerRoutes = (['startup', 'shutdown', 'reboot'] as const).map((action) =>
  endpoint(
    {
      id: `hosts.${action}`,
      method: 'GET',
      path: `${one}/${action}`,
      until,
      rule: rule(action === 'startup' ? 'start' : action),
      reply: {},
    },
    async (context, { params }) => {
      context.authorize(rule(action === 'startup' ? 'start' : action));
      await hostGet(context, params['host'] ?? '');
      throw notHere();
    },
  ),
);

export const hostRoutes = [
  ...powerRoutes,
  endpoint(
    {
      id: 'hosts.list',
      method: 'GET',
      path,
      until,
      rule: rule('list'),
      query: ['zone'],
      reply: { 200: Type.Object({ hosts: Type.Array(Type.Unknown()) }) },
    },
    async (context, { query }) => {
      context.authorize(rule('list'));
      const { cell, settings } = context.world;
      const hosts = (await cell.read(hostSelect)).map(({ name, availability_zone }) => ({
        host_name: name,
        service: 'compute',
        zone: availability_zone ?? settings.defaultZone,
      }));
      const asked = query.get('zone') ?? '';
      const shown = hosts.filter(({ zone }) => asked === '' || zone === asked);
      return { status: 200, body: { hosts: shown } };
    },
  ),
  endpoint(
    {
      id: 'hosts.show',
      method: 'GET',
      path: one,
      until,
      rule: rule('show'),
      reply: { 200: Type.Object({ host: Type.Array(Type.Unknown()) }) },
    },
    async (context, { params }) => {
      context.authorize(rule('show'));
      const host = await hostGet(context, params['host'] ?? '');
      return { status: 200, body: { host: await resourcesOf(context, host) } };
    },
  ),
  endpoint(
    {
      id: 'hosts.update',
      method: 'PUT',
      path: one,
      until,
      rule: rule('update'),
      body: Type.Object(
        { status: Switch, maintenance_mode: Switch },
        { additionalProperties: false, minProperties: 1 },
      ),
      reply: { 200: Type.Object({ host: Type.String(), status: Type.String() }) },
    },
    async (context, { params, body }) => {
      context.authorize(rule('update'));
      const { name } = await hostGet(context, params['host'] ?? '');
      if (body.maintenance_mode !== undefined || body.status === undefined) throw notHere();
      const isEnabled = body.status.toLowerCase() === 'enable';
      const change = { enabled: flag(isEnabled), disabled_reason: null };
      await context.world.cell.write((tx) => hostChange(tx, name, change, context.clock.now()));
      return { status: 200, body: { host: name, status: isEnabled ? 'enabled' : 'disabled' } };
    },
  ),
];
