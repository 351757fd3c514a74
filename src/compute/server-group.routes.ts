import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { byVersion, endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ServerGroupTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { Name } from './flavor.schema.ts';
import {
  serverGroupCreate,
  serverGroupDelete,
  serverGroupGet,
  serverGroupList,
  type ServerGroup,
} from './server-group.ts';

const endpoint = endpointsOf<ComputeWorld>();

const strict = { additionalProperties: false };
const oneOf = (...words: readonly string[]) => Type.Union(words.map((word) => Type.Literal(word)));
const Hard = oneOf('affinity', 'anti-affinity');
const Any = oneOf('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity');
const oldBody = (Policy: typeof Any) =>
  Type.Object(
    {
      server_group: Type.Object(
        { name: Name, policies: Type.Array(Policy, { minItems: 1, maxItems: 1 }) },
        strict,
      ),
    },
    strict,
  );
const newBody = Type.Object(
  {
    server_group: Type.Object(
      {
        name: Name,
        policy: Any,
        rules: Type.Optional(
          Type.Object(
            {
              max_server_per_host: Type.Optional(
                Type.Union([
                  Type.Integer({ minimum: 1 }),
                  Type.String({ pattern: '^[1-9][0-9]*$' }),
                ]),
              ),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
  },
  strict,
);

const Group = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    members: Type.Array(Type.String()),
    policies: Type.Optional(Type.Array(Type.String())),
    metadata: Type.Optional(Type.Object({}, strict)),
    policy: Type.Optional(Type.String()),
    rules: Type.Optional(
      Type.Object({ max_server_per_host: Type.Optional(Type.Integer()) }, strict),
    ),
    project_id: Type.Optional(Type.String()),
    user_id: Type.Optional(Type.String()),
  },
  strict,
);
const One = Type.Object({ server_group: Group });

function groupView(context: Context<ComputeWorld>, { row, members }: ServerGroup) {
  const { id, name, policy, project_id, user_id } = row;
  return {
    id,
    name,
    members: [...members],
    ...(context.since('2.64')
      ? { policy, rules: JSON.parse(row.rules) as object }
      : { policies: [policy], metadata: {} }),
    ...(context.since('2.13') && { project_id, user_id }),
  };
}

interface WishBody {
  readonly name: string;
  readonly policies?: readonly ServerGroupTable['policy'][];
  readonly policy?: ServerGroupTable['policy'];
  readonly rules?: { readonly max_server_per_host?: number | string };
}

function wishOf({ name, policies, policy, rules }: WishBody) {
  const chosen = policy ?? policies?.[0];
  if (chosen === undefined) throw invalid('A server group needs a policy.');
  const most = rules?.max_server_per_host;
  if (most !== undefined && chosen !== 'anti-affinity') {
    throw invalid('Only anti-affinity policy supports rules.');
  }
  const kept = most === undefined ? {} : { max_server_per_host: Number(most) };
  return { name, policy: chosen, rules: JSON.stringify(kept) };
}

function count(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d+$/.test(text))
    throw invalid(`Invalid input for query parameters ${name}. Value: ${text}.`);
  return Number(text);
}

export const serverGroupRoutes = [
  endpoint(
    {
      id: 'server-groups.list',
      method: 'GET',
      path: '/v2.1/os-server-groups',
      rule: 'os_compute_api:os-server-groups:index',
      query: ['all_projects', 'limit', 'offset'],
      reply: { 200: Type.Object({ server_groups: Type.Array(Group) }) },
    },
    async (context, { query }) => {
      const limit = count(query, 'limit', 1_000);
      const groups = await serverGroupList(context, {
        ofAll: query.has('all_projects'),
        limit: limit === 0 ? 1_000 : Math.min(limit, 1_000),
        offset: count(query, 'offset', 0),
      });
      return {
        status: 200,
        body: { server_groups: groups.map((group) => groupView(context, group)) },
      };
    },
  ),
  endpoint(
    {
      id: 'server-groups.create',
      method: 'POST',
      path: '/v2.1/os-server-groups',
      rule: 'os_compute_api:os-server-groups:create',
      body: byVersion<never>(
        ['2.1', oldBody(Hard) as never],
        ['2.15', oldBody(Any) as never],
        ['2.64', newBody as never],
      ),
      reply: { 200: One },
    },
    async (context, { body }) => {
      const { server_group } = body as { server_group: WishBody };
      const group = await serverGroupCreate(context, wishOf(server_group));
      return { status: 200, body: { server_group: groupView(context, group) } };
    },
  ),
  endpoint(
    {
      id: 'server-groups.show',
      method: 'GET',
      path: '/v2.1/os-server-groups/:groupId',
      rule: 'os_compute_api:os-server-groups:show',
      reply: { 200: One },
    },
    async (context, { params }) => {
      const group = await serverGroupGet(context, params['groupId'] ?? '');
      return { status: 200, body: { server_group: groupView(context, group) } };
    },
  ),
  endpoint(
    {
      id: 'server-groups.delete',
      method: 'DELETE',
      path: '/v2.1/os-server-groups/:groupId',
      rule: 'os_compute_api:os-server-groups:delete',
      reply: { 204: null },
    },
    async (context, { params }) => {
      await serverGroupDelete(context, params['groupId'] ?? '');
      return { status: 204 };
    },
  ),
];
