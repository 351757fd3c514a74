import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { endpointsOf, type Input } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { pageMax } from './server-list.ts';
import { usageList, type ServerUsage, type UsageWindow } from './usage.ts';

const endpoint = endpointsOf<ComputeWorld>();
type UsageContext = Context<ComputeWorld>;

const path = '/v2.1/os-simple-tenant-usage';
const Links = Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })));
const Usage = Type.Record(Type.String(), Type.Unknown());

/** `2026-01-02T03:04:05`, with a fraction or not, with `T` or a space: always UTC. */
function timeParse(text: string | null, now: number): number {
  if (text === null || text === '') return now;
  const ms = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?| \d{2}:\d{2}:\d{2}\.\d{1,6})$/.test(
    text,
  )
    ? Date.parse(`${text.replace(' ', 'T')}Z`)
    : Number.NaN;
  if (Number.isNaN(ms)) {
    throw invalid('Invalid datetime string: Datetime is in invalid format');
  }
  return ms;
}

function windowOf(
  context: UsageContext,
  query: URLSearchParams,
  projectId: string | null,
): UsageWindow {
  const now = context.clock.now();
  const fromMs = timeParse(query.get('start'), now);
  const toMs = timeParse(query.get('end'), now);
  if (fromMs >= toMs) {
    throw invalid('Invalid start time. The start time cannot occur after the end time.');
  }
  const window = { projectId, fromMs, toMs: Math.min(toMs, now) };
  if (!context.since('2.40')) return { ...window, limit: pageMax, marker: null };
  const limit = query.get('limit') ?? String(pageMax);
  if (!/^\d+$/.test(limit)) {
    throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`);
  }
  return {
    ...window,
    limit: Math.min(Number(limit) || pageMax, pageMax),
    marker: query.get('marker'),
  };
}

function serverView(context: UsageContext, { server, flavor, launchedMs, hours }: ServerUsage) {
  const endedMs = server.terminated_at;
  return {
    hours,
    flavor: flavor.name,
    instance_id: server.id,
    name: server.name,
    tenant_id: server.project_id,
    memory_mb: flavor.ramMib,
    local_gb: flavor.diskGib + flavor.ephemeralGib,
    vcpus: flavor.vcpus,
    started_at: isoNaive(launchedMs),
    ended_at: endedMs === null ? null : isoNaive(endedMs),
    state: endedMs === null ? server.vm_state : 'terminated',
    uptime: Math.floor(((endedMs ?? context.clock.now()) - launchedMs) / 1000),
  };
}

function projectView(
  context: UsageContext,
  usages: readonly ServerUsage[],
  { window, isDetailed }: { window: UsageWindow; isDetailed: boolean },
) {
  const sum = (of: (usage: ServerUsage) => number): number =>
    usages.reduce((total, usage) => total + of(usage) * usage.hours, 0);
  return {
    tenant_id: usages[0]?.server.project_id,
    ...(isDetailed && { server_usages: usages.map((usage) => serverView(context, usage)) }),
    total_local_gb_usage: sum(({ flavor }) => flavor.diskGib + flavor.ephemeralGib),
    total_vcpus_usage: sum(({ flavor }) => flavor.vcpus),
    total_memory_mb_usage: sum(({ flavor }) => flavor.ramMib),
    total_hours: sum(() => 1),
    start: isoNaive(window.fromMs),
    stop: isoNaive(window.toMs),
  };
}

/** A page counts servers: the sums of a project whose servers are on two pages are on both. */
function linksOf(
  context: UsageContext,
  { query, params }: Pick<Input<unknown>, 'query' | 'params'>,
  { window, usages }: { window: UsageWindow; usages: readonly ServerUsage[] },
) {
  const last = usages.at(-1);
  if (!context.since('2.40') || last === undefined || usages.length < window.limit) return null;
  const next = new URLSearchParams(query);
  next.set('marker', last.server.id);
  const place = params['projectId'] === undefined ? path : `${path}/${params['projectId']}`;
  return [{ rel: 'next', href: `${context.baseUrl}${place}?${next.toString()}` }];
}

const names = ['start', 'end', 'detailed', 'limit', 'marker'];

export const usageRoutes = [
  endpoint(
    {
      id: 'usages.list',
      method: 'GET',
      path,
      rule: 'os_compute_api:os-simple-tenant-usage:list',
      query: names,
      reply: {
        200: Type.Object({ tenant_usages: Type.Array(Usage), tenant_usages_links: Links }),
      },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-simple-tenant-usage:list');
      const window = windowOf(context, input.query, null);
      const usages = await usageList(context, window);
      const isDetailed = input.query.get('detailed') === '1';
      const projects = Map.groupBy(usages, ({ server }) => server.project_id);
      const links = linksOf(context, input, { window, usages });
      return {
        status: 200,
        body: {
          tenant_usages: [...projects.values()].map((each) =>
            projectView(context, each, { window, isDetailed }),
          ),
          ...(links !== null && { tenant_usages_links: links }),
        },
      };
    },
  ),
  endpoint(
    {
      id: 'usages.show',
      method: 'GET',
      path: `${path}/:projectId`,
      rule: 'os_compute_api:os-simple-tenant-usage:show',
      query: names,
      reply: { 200: Type.Object({ tenant_usage: Usage, tenant_usage_links: Links }) },
    },
    async (context, input) => {
      const { projectId = '' } = input.params;
      context.authorize('os_compute_api:os-simple-tenant-usage:show', { project_id: projectId });
      const window = windowOf(context, input.query, projectId);
      const usages = await usageList(context, window);
      const links = linksOf(context, input, { window, usages });
      const usage =
        usages.length === 0 ? {} : projectView(context, usages, { window, isDetailed: true });
      return {
        status: 200,
        body: { tenant_usage: usage, ...(links !== null && { tenant_usage_links: links }) },
      };
    },
  ),
];
