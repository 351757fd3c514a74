import type { HostFacts } from '../agent/api.ts';
import type { Context } from '../kernel/context.ts';
import { invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { HostTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostSelect, hostServers } from './host.store.ts';
import { hostIsUp } from './service.routes.ts';

const endpoint = endpointsOf<ComputeWorld>();
type HostContext = Context<ComputeWorld>;
type Servers = ReadonlyMap<string, readonly { id: string; name: string }[]>;

const Hypervisor = Type.Record(Type.String(), Type.Unknown());
const Links = Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })));
const List = Type.Object({ hypervisors: Type.Array(Hypervisor), hypervisors_links: Links });

const briefView = (context: HostContext, host: HostTable) => ({
  id: context.since('2.53') ? host.uuid : host.number,
  hypervisor_hostname: host.name,
  state: hostIsUp(context, host) ? 'up' : 'down',
  status: host.enabled === 1 ? 'enabled' : 'disabled',
});

function detailView(context: HostContext, host: HostTable, servers: Servers) {
  const facts = JSON.parse(host.facts) as Partial<HostFacts>;
  const service = {
    id: context.since('2.53') ? host.service_uuid : host.number,
    host: host.name,
    disabled_reason: host.disabled_reason,
  };
  return {
    ...briefView(context, host),
    host_ip: context.world.hosts.get(host.name)?.vtep ?? '127.0.0.1',
    hypervisor_type: 'QEMU',
    hypervisor_version: versionNumber(facts.qemuVersion ?? ''),
    service,
    ...(context.since('2.88')
      ? { uptime: uptimeText(facts) }
      : { ...sumsOf([host], servers), cpu_info: cpuView(context, facts) }),
  };
}

/** `7.2.22` is 7002022, as libvirt counts. */
const versionNumber = (text: string): number => {
  const [major = 0, minor = 0, patch = 0] = text
    .split('.')
    .map((part) => Number.parseInt(part, 10) || 0);
  return major * 1_000_000 + minor * 1_000 + patch;
};

function cpuView(context: HostContext, { cpuArch, cpuModel, vcpus }: Partial<HostFacts>) {
  const cpu = {
    arch: cpuArch ?? '',
    model: cpuModel ?? '',
    vendor: '',
    features: [],
    topology: { cells: 1, sockets: 1, cores: vcpus ?? 0, threads: 1 },
  };
  return context.since('2.28') ? cpu : JSON.stringify(cpu);
}

/** In the form of uptime(1), which Nova passes on. */
function uptimeText({ uptimeSec, loadAverage }: Partial<HostFacts>): string | null {
  if (uptimeSec === undefined || loadAverage === undefined) return null;
  const [days, hours, minutes] = [
    Math.floor(uptimeSec / 86_400),
    Math.floor(uptimeSec / 3_600) % 24,
    Math.floor(uptimeSec / 60) % 60,
  ];
  const load = loadAverage.map((value) => value.toFixed(2)).join(', ');
  return ` up ${days} days, ${hours}:${String(minutes).padStart(2, '0')},  0 users,  load average: ${load}\n`;
}

function sumsOf(hosts: readonly HostTable[], servers: Servers) {
  const sum = (of: (host: HostTable) => number): number =>
    hosts.reduce((total, host) => total + of(host), 0);
  const diskFree = sum((host) => (JSON.parse(host.facts) as Partial<HostFacts>).diskFreeGib ?? 0);
  const [vcpus, ram, disk] = [sum((h) => h.vcpus), sum((h) => h.ram_mib), sum((h) => h.disk_gib)];
  const [ramUsed, diskUsed] = [
    sum((h) => h.used_ram_mib + h.reserved_ram_mib),
    sum((h) => h.used_disk_gib + h.reserved_disk_gib),
  ];
  return {
    vcpus,
    vcpus_used: sum((h) => h.used_vcpus),
    memory_mb: ram,
    memory_mb_used: ramUsed,
    free_ram_mb: ram - ramUsed,
    local_gb: disk,
    local_gb_used: diskUsed,
    free_disk_gb: disk - diskUsed,
    disk_available_least: diskFree,
    current_workload: 0,
    running_vms: sum((h) => servers.get(h.name)?.length ?? 0),
  };
}

const serversView = (servers: Servers, host: HostTable) =>
  (servers.get(host.name) ?? []).map(({ id, name }) => ({ uuid: id, name }));

async function found(context: HostContext): Promise<{ hosts: HostTable[]; servers: Servers }> {
  return context.world.cell.read(async (tx) => {
    const hosts = await hostSelect(tx);
    return {
      hosts,
      servers: await hostServers(
        tx,
        hosts.map(({ name }) => name),
      ),
    };
  });
}

const idOf = (context: HostContext, host: HostTable): string =>
  context.since('2.53') ? host.uuid : String(host.number);

function one(context: HostContext, hosts: readonly HostTable[], id: string): HostTable {
  const host = hosts.find((candidate) => idOf(context, candidate) === id);
  if (host === undefined) throw notFound(`Compute host ${id} could not be found.`);
  return host;
}

/** Pages from 2.33 on, patterns and servers in the list from 2.53 on. */
async function listReply(
  context: HostContext,
  query: URLSearchParams,
  path: string,
  isDetailed: boolean,
) {
  const { hosts, servers } = await found(context);
  const isNew = context.since('2.53');
  const pattern = isNew ? query.get('hypervisor_hostname_pattern') : null;
  const named = pattern === null ? hosts : hosts.filter(({ name }) => name.includes(pattern));
  if (pattern !== null && named.length === 0)
    throw notFound(`No hypervisor matching '${pattern}' could be found.`);
  const { shown, next } = pageOf(context, query, named);
  const showsServers = isNew && /^(true|1|yes|on)$/i.test(query.get('with_servers') ?? '');
  const views = shown.map((host) => ({
    ...(isDetailed ? detailView(context, host, servers) : briefView(context, host)),
    ...(showsServers && { servers: serversView(servers, host) }),
  }));
  const href = `${context.baseUrl}/v2.1/os-hypervisors${path}?${next ?? ''}`;
  return {
    status: 200,
    body: {
      hypervisors: views,
      ...(next !== null && { hypervisors_links: [{ rel: 'next', href }] }),
    },
  };
}

function pageOf(context: HostContext, query: URLSearchParams, hosts: readonly HostTable[]) {
  if (!context.since('2.33')) return { shown: hosts, next: null };
  const marker = query.get('marker');
  const after = marker === null ? -1 : hosts.findIndex((host) => idOf(context, host) === marker);
  if (marker !== null && after === -1) throw invalid(`marker [${marker}] not found`);
  const wanted = query.get('limit') ?? '1000';
  if (!/^\d+$/.test(wanted)) throw invalid(`Invalid limit ${wanted}`);
  const limit = Number(wanted) === 0 ? 1_000 : Math.min(Number(wanted), 1_000);
  const shown = hosts.slice(after + 1, after + 1 + limit);
  const last = shown.at(-1);
  if (last === undefined || after + 1 + limit >= hosts.length) return { shown, next: null };
  const rest = new URLSearchParams(query);
  rest.set('marker', idOf(context, last));
  return { shown, next: rest.toString() };
}

const listQuery = ['limit', 'marker', 'hypervisor_hostname_pattern', 'with_servers'];

export const hypervisorRoutes = [
  endpoint(
    {
      id: 'hypervisors.list',
      method: 'GET',
      path: '/v2.1/os-hypervisors',
      rule: 'os_compute_api:os-hypervisors:list',
      query: listQuery,
      reply: { 200: List },
    },
    (context, { query }) => {
      context.authorize('os_compute_api:os-hypervisors:list');
      return listReply(context, query, '', false);
    },
  ),
  endpoint(
    {
      id: 'hypervisors.detail',
      method: 'GET',
      path: '/v2.1/os-hypervisors/detail',
      rule: 'os_compute_api:os-hypervisors:list-detail',
      query: listQuery,
      reply: { 200: List },
    },
    (context, { query }) => {
      context.authorize('os_compute_api:os-hypervisors:list-detail');
      return listReply(context, query, '/detail', true);
    },
  ),
  endpoint(
    {
      id: 'hypervisors.statistics',
      method: 'GET',
      path: '/v2.1/os-hypervisors/statistics',
      until: '2.87',
      rule: 'os_compute_api:os-hypervisors:statistics',
      reply: { 200: Type.Object({ hypervisor_statistics: Hypervisor }) },
    },
    async (context) => {
      context.authorize('os_compute_api:os-hypervisors:statistics');
      const { hosts, servers } = await found(context);
      const sums = { count: hosts.length, ...sumsOf(hosts, servers) };
      return { status: 200, body: { hypervisor_statistics: sums } };
    },
  ),
  endpoint(
    {
      id: 'hypervisors.show',
      method: 'GET',
      path: '/v2.1/os-hypervisors/:hypervisorId',
      rule: 'os_compute_api:os-hypervisors:show',
      query: ['with_servers'],
      reply: { 200: Type.Object({ hypervisor: Hypervisor }) },
    },
    async (context, { params, query }) => {
      context.authorize('os_compute_api:os-hypervisors:show');
      const { hosts, servers } = await found(context);
      const host = one(context, hosts, params['hypervisorId'] ?? '');
      const showsServers =
        context.since('2.53') && /^(true|1|yes|on)$/i.test(query.get('with_servers') ?? '');
      const view = {
        ...detailView(context, host, servers),
        ...(showsServers && { servers: serversView(servers, host) }),
      };
      return { status: 200, body: { hypervisor: view } };
    },
  ),
  endpoint(
    {
      id: 'hypervisors.uptime',
      method: 'GET',
      path: '/v2.1/os-hypervisors/:hypervisorId/uptime',
      until: '2.87',
      rule: 'os_compute_api:os-hypervisors:uptime',
      reply: { 200: Type.Object({ hypervisor: Hypervisor }) },
    },
    async (context, { params }) => {
      context.authorize('os_compute_api:os-hypervisors:uptime');
      const host = one(context, (await found(context)).hosts, params['hypervisorId'] ?? '');
      const uptime = uptimeText(JSON.parse(host.facts) as Partial<HostFacts>);
      return { status: 200, body: { hypervisor: { ...briefView(context, host), uptime } } };
    },
  ),
  ...(['search', 'servers'] as const).map((kind) =>
    endpoint(
      {
        id: `hypervisors.${kind}`,
        method: 'GET',
        path: `/v2.1/os-hypervisors/:hypervisorId/${kind}`,
        until: '2.52',
        rule: `os_compute_api:os-hypervisors:${kind}`,
        reply: { 200: List },
      },
      async (context, { params }) => {
        context.authorize(`os_compute_api:os-hypervisors:${kind}`);
        const pattern = params['hypervisorId'] ?? '';
        const { hosts, servers } = await found(context);
        const named = hosts.filter(({ name }) => name.includes(pattern));
        if (named.length === 0)
          throw notFound(`No hypervisor matching '${pattern}' could be found.`);
        const hypervisors = named.map((host) => ({
          ...briefView(context, host),
          ...(kind === 'servers' &&
            servers.has(host.name) && { servers: serversView(servers, host) }),
        }));
        return { status: 200, body: { hypervisors } };
      },
    ),
  ),
];
