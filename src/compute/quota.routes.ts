import type { Context } from '../kernel/context.ts';
import { byVersion, endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import {
  quotaResources,
  type ComputeWorld,
  type QuotaLimits,
  type QuotaResource,
} from './compute.world.ts';
import { Bool } from './flavor.schema.ts';
import {
  limitsOf,
  quotaClassGet,
  quotaClassUpdate,
  quotaDelete,
  quotaShown,
  quotaUpdate,
  usageOf,
  type QuotaOwner,
} from './quota.ts';

const endpoint = endpointsOf<ComputeWorld>();
type QuotaContext = Context<ComputeWorld>;

const strict = { additionalProperties: false };
const Limit = Type.Union([
  Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 }),
  Type.String({ pattern: '^-?[0-9]+$', maxLength: 11 }),
]);
const limitsBody = (key: string, resources: readonly QuotaResource[], more = {}) => {
  const limits = Object.fromEntries(resources.map((name) => [name, Type.Optional(Limit)]));
  return Type.Object({ [key]: Type.Object({ ...limits, ...more }, strict) }, strict);
};
const until236 = quotaResources;
const until257 = until236.filter((name) => !/^(fixed|floating|security)_/.test(name));
const since257 = until257.filter((name) => !name.startsWith('injected_'));
const bodies = (key: string, more = {}) =>
  byVersion(
    ['2.1', limitsBody(key, until236, more)],
    ['2.36', limitsBody(key, until257, more)],
    ['2.57', limitsBody(key, since257, more)],
  );

const number = Type.Integer();
const replyOf = (key: string, value: typeof number | ReturnType<typeof Type.Object>) =>
  Type.Object({
    [key]: Type.Object(
      {
        id: Type.Optional(Type.String()),
        ...Object.fromEntries(quotaResources.map((name) => [name, Type.Optional(value)])),
      },
      strict,
    ),
  });
const QuotaSet = replyOf('quota_set', number);
const QuotaDetail = replyOf(
  'quota_set',
  Type.Object({ in_use: number, limit: number, reserved: number }),
);
const QuotaClass = replyOf('quota_class_set', number);

function limitsView(context: QuotaContext, limits: QuotaLimits): Record<string, number> {
  return Object.fromEntries(quotaShown(context).map((name) => [name, limits[name]]));
}

const ownerOf = (params: Readonly<Record<string, string>>, query: URLSearchParams): QuotaOwner => ({
  projectId: params['projectId'] ?? '',
  userId: query.get('user_id'),
});

function wantedOf(body: Readonly<Record<string, unknown>>): Partial<Record<QuotaResource, number>> {
  const given = quotaResources.filter((name) => body[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, Number(body[name])]));
}

export const quotaRoutes = [
  endpoint(
    {
      id: 'quota-sets.show',
      method: 'GET',
      path: '/v2.1/os-quota-sets/:projectId',
      rule: 'os_compute_api:os-quota-sets:show',
      query: ['user_id'],
      reply: { 200: QuotaSet },
    },
    async (context, { params, query }) => {
      const owner = ownerOf(params, query);
      context.authorize('os_compute_api:os-quota-sets:show', { project_id: owner.projectId });
      const limits = limitsView(context, await limitsOf(context, owner));
      return { status: 200, body: { quota_set: { id: owner.projectId, ...limits } } };
    },
  ),
  endpoint(
    {
      id: 'quota-sets.detail',
      method: 'GET',
      path: '/v2.1/os-quota-sets/:projectId/detail',
      rule: 'os_compute_api:os-quota-sets:detail',
      query: ['user_id'],
      reply: { 200: QuotaDetail },
    },
    async (context, { params, query }) => {
      const owner = ownerOf(params, query);
      context.authorize('os_compute_api:os-quota-sets:detail', { project_id: owner.projectId });
      const [limits, used] = [await limitsOf(context, owner), await usageOf(context, owner)];
      const lines = quotaShown(context).map((name) => [
        name,
        { in_use: used[name] ?? 0, limit: limits[name], reserved: 0 },
      ]);
      return {
        status: 200,
        body: { quota_set: { id: owner.projectId, ...Object.fromEntries(lines) } },
      };
    },
  ),
  endpoint(
    {
      id: 'quota-sets.defaults',
      method: 'GET',
      path: '/v2.1/os-quota-sets/:projectId/defaults',
      rule: 'os_compute_api:os-quota-sets:defaults',
      reply: { 200: QuotaSet },
    },
    async (context, { params }) => {
      context.authorize('os_compute_api:os-quota-sets:defaults');
      const limits = limitsView(context, await quotaClassGet(context, 'default'));
      return { status: 200, body: { quota_set: { id: params['projectId'], ...limits } } };
    },
  ),
  endpoint(
    {
      id: 'quota-sets.update',
      method: 'PUT',
      path: '/v2.1/os-quota-sets/:projectId',
      rule: 'os_compute_api:os-quota-sets:update',
      query: ['user_id'],
      body: bodies('quota_set', {
        force: Type.Optional(Bool),
        tenant_id: Type.Optional(Type.String()),
      }),
      reply: { 200: QuotaSet },
    },
    async (context, { params, query, body }) => {
      const wanted = body['quota_set'] as Record<string, unknown>;
      const isForced = /^(true|1|on|yes)$/i.test(String(wanted['force']));
      const limits = await quotaUpdate(context, ownerOf(params, query), wantedOf(wanted), isForced);
      return { status: 200, body: { quota_set: limitsView(context, limits) } };
    },
  ),
  endpoint(
    {
      id: 'quota-sets.delete',
      method: 'DELETE',
      path: '/v2.1/os-quota-sets/:projectId',
      rule: 'os_compute_api:os-quota-sets:delete',
      query: ['user_id'],
      reply: { 202: null },
    },
    async (context, { params, query }) => {
      await quotaDelete(context, ownerOf(params, query));
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'quota-class-sets.show',
      method: 'GET',
      path: '/v2.1/os-quota-class-sets/:name',
      rule: 'os_compute_api:os-quota-class-sets:show',
      reply: { 200: QuotaClass },
    },
    async (context, { params }) => {
      context.authorize('os_compute_api:os-quota-class-sets:show');
      const name = params['name'] ?? '';
      const limits = limitsView(context, await quotaClassGet(context, name));
      return { status: 200, body: { quota_class_set: { id: name, ...limits } } };
    },
  ),
  endpoint(
    {
      id: 'quota-class-sets.update',
      method: 'PUT',
      path: '/v2.1/os-quota-class-sets/:name',
      rule: 'os_compute_api:os-quota-class-sets:update',
      body: bodies('quota_class_set'),
      reply: { 200: QuotaClass },
    },
    async (context, { params, body }) => {
      const wanted = wantedOf(body['quota_class_set'] as Record<string, unknown>);
      const limits = await quotaClassUpdate(context, params['name'] ?? '', wanted);
      return { status: 200, body: { quota_class_set: limitsView(context, limits) } };
    },
  ),
  endpoint(
    {
      id: 'limits.show',
      method: 'GET',
      path: '/v2.1/limits',
      rule: 'os_compute_api:limits',
      query: ['tenant_id', 'reserved'],
      reply: {
        200: Type.Object({
          limits: Type.Object({
            rate: Type.Array(Type.Unknown()),
            absolute: Type.Record(Type.String(), Type.Integer()),
          }),
        }),
      },
    },
    async (context, { query }) => {
      context.authorize('os_compute_api:limits');
      const { scope } = context.actor;
      const own = scope.kind === 'project' ? scope.projectId : '';
      const projectId = query.get('tenant_id') ?? own;
      if (projectId !== own) context.authorize('os_compute_api:limits:other_project');
      const absolute = await absoluteOf(context, { projectId, userId: null });
      return { status: 200, body: { limits: { rate: [], absolute } } };
    },
  ),
];

async function absoluteOf(
  context: QuotaContext,
  owner: QuotaOwner,
): Promise<Record<string, number>> {
  const [limits, used] = [await limitsOf(context, owner), await usageOf(context, owner)];
  return {
    maxTotalInstances: limits.instances,
    maxTotalCores: limits.cores,
    maxTotalRAMSize: limits.ram,
    maxTotalKeypairs: limits.key_pairs,
    maxServerMeta: limits.metadata_items,
    maxServerGroups: limits.server_groups,
    maxServerGroupMembers: limits.server_group_members,
    totalInstancesUsed: used.instances ?? 0,
    totalCoresUsed: used.cores ?? 0,
    totalRAMUsed: used.ram ?? 0,
    totalServerGroupsUsed: used.server_groups ?? 0,
    ...(!context.since('2.36') && {
      maxSecurityGroups: limits.security_groups,
      maxSecurityGroupRules: limits.security_group_rules,
      maxTotalFloatingIps: limits.floating_ips,
      totalSecurityGroupsUsed: 0,
      totalFloatingIpsUsed: 0,
    }),
    ...(!context.since('2.39') && { maxImageMeta: limits.metadata_items }),
    ...(!context.since('2.57') && {
      maxPersonality: limits.injected_files,
      maxPersonalitySize: limits.injected_file_content_bytes,
    }),
  };
}
