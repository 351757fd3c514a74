import { createHash } from 'node:crypto';
import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { isUuid } from '../kernel/ids.ts';
import { Type } from '../kernel/type.ts';
import type { InstanceActionEventTable, InstanceActionTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { timeOf } from './server-filter.ts';
import { serverMissing } from './server-get.ts';
import { pageMax } from './server-list.ts';
import { Links } from './server-reply.schema.ts';
import type { ServerRow } from './server.model.ts';
import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();
const Text = Type.String();
const TextOrNull = Type.Union([Text, Type.Null()]);

const action = {
  action: Text,
  instance_uuid: Text,
  request_id: Text,
  user_id: Text,
  project_id: Text,
  start_time: Text,
  message: TextOrNull,
  updated_at: Type.Optional(Text),
};
const Event = Type.Object(
  {
    event: Text,
    start_time: Text,
    finish_time: TextOrNull,
    result: TextOrNull,
    traceback: Type.Optional(TextOrNull),
    host: Type.Optional(TextOrNull),
    hostId: Type.Optional(Text),
    details: Type.Optional(TextOrNull),
  },
  strict,
);

const actionView = (context: Context<ComputeWorld>, row: InstanceActionTable) => ({
  action: row.action,
  instance_uuid: row.server_id,
  request_id: row.request_id,
  user_id: row.user_id,
  project_id: row.project_id,
  start_time: isoNaive(row.started_at),
  message: row.message,
  ...(context.since('2.58') && { updated_at: isoNaive(row.updated_at) }),
});

/** From 2.21 on what was done to deleted servers can still be read. */
async function serverEverFor(
  context: Context<ComputeWorld>,
  id: string,
  rule: string,
): Promise<ServerRow> {
  const server = isUuid(id)
    ? await context.world.cell.read((tx) =>
        tx.selectFrom('server').selectAll().where('id', '=', id.toLowerCase()).executeTakeFirst(),
      )
    : undefined;
  if (server === undefined || (server.deleted === 1 && !context.since('2.21'))) {
    throw serverMissing(id);
  }
  const target = { project_id: server.project_id, user_id: server.user_id };
  if (!context.allows('os_compute_api:servers:show', target)) throw serverMissing(id);
  context.authorize(rule, target);
  return server;
}

async function actionList(
  { world: { cell } }: Context<ComputeWorld>,
  serverId: string,
  page: {
    readonly since: number | null;
    readonly before: number | null;
    readonly limit: number;
    readonly marker: string | null;
  },
): Promise<InstanceActionTable[]> {
  return cell.read(async (tx) => {
    let query = tx
      .selectFrom('instance_action')
      .selectAll()
      .where('server_id', '=', serverId)
      .orderBy('id', 'desc')
      .limit(page.limit);
    if (page.since !== null) query = query.where('updated_at', '>=', page.since);
    if (page.before !== null) query = query.where('updated_at', '<=', page.before);
    if (page.marker !== null) {
      const { marker } = page;
      const found = await tx
        .selectFrom('instance_action')
        .select('id')
        .where('server_id', '=', serverId)
        .where('request_id', '=', marker)
        .orderBy('id')
        .executeTakeFirst();
      if (found === undefined) throw invalid(`Marker ${marker} could not be found.`);
      query = query.where('id', '<', found.id);
    }
    return query.execute();
  });
}

function pageOf(context: Context<ComputeWorld>, query: URLSearchParams) {
  if (!context.since('2.58')) return { since: null, before: null, limit: pageMax, marker: null };
  const known = ['limit', 'marker', 'changes-since'];
  if (context.since('2.66')) known.push('changes-before');
  for (const name of new Set(query.keys())) {
    if (known.includes(name) && query.getAll(name).length === 1) continue;
    throw invalid(`Invalid input for query parameters: '${name}' was unexpected`);
  }
  const limit = query.get('limit') ?? String(pageMax);
  if (!/^\d{1,9}$/.test(limit))
    throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`);
  const since = timeOf(query, 'changes-since');
  const before = timeOf(query, 'changes-before');
  if (since !== null && before !== null && before < since) {
    throw invalid('The value of changes-since must be less than or equal to changes-before.');
  }
  return { since, before, limit: Math.min(Number(limit), pageMax), marker: query.get('marker') };
}

function eventView(
  context: Context<ComputeWorld>,
  server: ServerRow,
  row: InstanceActionEventTable,
) {
  const target = { project_id: server.project_id };
  const showsAll = context.allows('os_compute_api:os-instance-actions:events', target);
  const showsDetails =
    context.since('2.84') &&
    context.allows('os_compute_api:os-instance-actions:events:details', target);
  return {
    event: row.event,
    start_time: isoNaive(row.started_at),
    finish_time: row.finished_at === null ? null : isoNaive(row.finished_at),
    result: row.result,
    ...(showsAll && { traceback: row.traceback }),
    ...(showsAll && context.since('2.62') && { host: row.host }),
    ...(context.since('2.62') && {
      hostId:
        row.host === null
          ? ''
          : createHash('sha224')
              .update(server.project_id + row.host)
              .digest('hex'),
    }),
    ...(showsDetails && { details: row.details }),
  };
}

export const instanceActionRoutes = [
  endpoint(
    {
      id: 'instance-actions.list',
      method: 'GET',
      path: '/v2.1/servers/:serverId/os-instance-actions',
      rule: 'os_compute_api:os-instance-actions:list',
      query: ['limit', 'marker', 'changes-since', 'changes-before'],
      reply: {
        200: Type.Object(
          {
            instanceActions: Type.Array(Type.Object(action, strict)),
            links: Type.Optional(Links),
          },
          strict,
        ),
      },
    },
    async (context, { params: { serverId = '' }, query }) => {
      const rule = 'os_compute_api:os-instance-actions:list';
      const server = await serverEverFor(context, serverId, rule);
      const page = pageOf(context, query);
      const rows = page.limit === 0 ? [] : await actionList(context, server.id, page);
      const last = rows.at(-1);
      const params = new URLSearchParams(query);
      if (last !== undefined) params.set('marker', last.request_id);
      const href = `${context.baseUrl}/v2.1/servers/${server.id}/os-instance-actions?${params.toString()}`;
      const hasNext = context.since('2.58') && rows.length > 0 && rows.length === page.limit;
      return {
        status: 200,
        body: {
          instanceActions: rows.map((row) => actionView(context, row)),
          ...(hasNext && { links: [{ rel: 'next', href }] }),
        },
      };
    },
  ),
  endpoint(
    {
      id: 'instance-actions.show',
      method: 'GET',
      path: '/v2.1/servers/:serverId/os-instance-actions/:requestId',
      rule: 'os_compute_api:os-instance-actions:show',
      reply: {
        200: Type.Object(
          {
            instanceAction: Type.Object(
              { ...action, events: Type.Optional(Type.Array(Event)) },
              strict,
            ),
          },
          strict,
        ),
      },
    },
    async (context, { params: { serverId = '', requestId = '' } }) => {
      const rule = 'os_compute_api:os-instance-actions:show';
      const server = await serverEverFor(context, serverId, rule);
      const { found, events } = await context.world.cell.read(async (tx) => {
        const row = await tx
          .selectFrom('instance_action')
          .selectAll()
          .where('server_id', '=', server.id)
          .where('request_id', '=', requestId)
          .orderBy('id', 'desc')
          .executeTakeFirst();
        const all = await tx
          .selectFrom('instance_action_event')
          .selectAll()
          .where('action_id', '=', row?.id ?? '')
          .orderBy('id', 'desc')
          .execute();
        return { found: row, events: all };
      });
      if (found === undefined) throw notFound(`Action ${requestId} not found`);
      const target = { project_id: server.project_id };
      const showsEvents =
        context.since('2.51') ||
        context.allows('os_compute_api:os-instance-actions:events', target);
      const body = {
        ...actionView(context, found),
        ...(showsEvents && { events: events.map((event) => eventView(context, server, event)) }),
      };
      return { status: 200, body: { instanceAction: body } };
    },
  ),
];
