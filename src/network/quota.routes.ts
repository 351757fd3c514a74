import { invalid } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { endpoint } from './collection.routes.ts';
import type { NetworkContext } from './collection.ts';
import { asInteger, IntegerLike } from './collection.schema.ts';
import { badRequest } from './network.errors.ts';
import { quotaResources, type QuotaLimits } from './quota.model.ts';
import { isQuotaResource, quotaLimits, quotaUsed } from './quota.store.ts';

const Limits = Type.Object(
  {
    ...Object.fromEntries(quotaResources.map((name) => [name, Type.Integer()])),
    project_id: Type.Optional(Type.String()),
    tenant_id: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const Detail = Type.Object({
  limit: Type.Integer(),
  used: Type.Integer(),
  reserved: Type.Integer(),
});
const QuotaReply = Type.Object({ quota: Limits });
const QuotaBody = Type.Object(
  { quota: Type.Record(Type.String(), IntegerLike) },
  { additionalProperties: false },
);

const targetOf = (projectId: string) => ({ project_id: projectId, tenant_id: projectId });

async function limitsShown(context: NetworkContext, projectId: string): Promise<QuotaLimits> {
  // Everybody may see what holds for the own project, as Nova's users may.
  const { scope } = context.actor;
  const isOwn = scope.kind === 'project' && scope.projectId === projectId;
  if (!context.allows('get_quota', targetOf(projectId)) && !isOwn) {
    context.authorize('get_quota', targetOf(projectId));
  }
  return context.world.db.read((tx) => quotaLimits(tx, context.world, projectId));
}

export const quotaRoutes = [
  endpoint(
    {
      id: 'quotas.list',
      method: 'GET',
      path: '/v2.0/quotas',
      rule: 'get_quota',
      reply: { 200: Type.Object({ quotas: Type.Array(Limits) }) },
    },
    async (context) => {
      context.authorize('get_quota', {});
      const quotas = await context.world.db.read(async (tx) => {
        const rows = await tx.selectFrom('network_quota').select('project_id').distinct().execute();
        const all = [];
        for (const { project_id } of rows) {
          all.push({
            ...(await quotaLimits(tx, context.world, project_id)),
            ...targetOf(project_id),
          });
        }
        return all;
      });
      return { status: 200, body: { quotas } };
    },
  ),
  endpoint(
    {
      id: 'quotas.tenant',
      method: 'GET',
      path: '/v2.0/quotas/tenant',
      rule: null,
      reply: { 200: Type.Object({ tenant: Type.Object({ tenant_id: Type.String() }) }) },
    },
    ({ actor: { scope } }) => ({
      status: 200,
      body: { tenant: { tenant_id: scope.kind === 'project' ? scope.projectId : '' } },
    }),
  ),
  endpoint(
    {
      id: 'quotas.show',
      method: 'GET',
      path: '/v2.0/quotas/:projectId',
      rule: 'get_quota',
      reply: { 200: QuotaReply },
    },
    async (context, { params: { projectId = '' } }) => ({
      status: 200,
      body: { quota: await limitsShown(context, projectId) },
    }),
  ),
  endpoint(
    {
      id: 'quotas.default',
      method: 'GET',
      path: '/v2.0/quotas/:projectId/default',
      rule: 'get_quota',
      reply: { 200: QuotaReply },
    },
    async (context, { params: { projectId = '' } }) => {
      await limitsShown(context, projectId);
      return { status: 200, body: { quota: context.world.settings.quotas } };
    },
  ),
  ...['details', 'details.json'].map((path) =>
    endpoint(
      {
        id: `quotas.${path}`,
        method: 'GET',
        path: `/v2.0/quotas/:projectId/${path}`,
        rule: 'get_quota',
        reply: { 200: Type.Object({ quota: Type.Record(Type.String(), Detail) }) },
      },
      async (context, { params: { projectId = '' } }) => {
        const limits = await limitsShown(context, projectId);
        const quota = await context.world.db.read(async (tx) => {
          const details: Record<string, { limit: number; used: number; reserved: number }> = {};
          for (const name of quotaResources) {
            const used = await quotaUsed(tx, name, projectId);
            details[name] = { limit: limits[name], used, reserved: 0 };
          }
          return details;
        });
        return { status: 200, body: { quota } };
      },
    ),
  ),
  endpoint(
    {
      id: 'quotas.update',
      method: 'PUT',
      path: '/v2.0/quotas/:projectId',
      rule: 'update_quota',
      body: QuotaBody,
      reply: { 200: QuotaReply },
    },
    async (context, { params: { projectId = '' }, body }) => {
      context.authorize('update_quota', targetOf(projectId));
      const limits = limitsRead(body.quota);
      const quota = await context.world.db.write(async (tx) => {
        for (const [resource, hard_limit] of limits) {
          await tx
            .insertInto('network_quota')
            .values({ project_id: projectId, resource, hard_limit })
            .onConflict((c) => c.columns(['project_id', 'resource']).doUpdateSet({ hard_limit }))
            .execute();
        }
        return quotaLimits(tx, context.world, projectId);
      });
      return { status: 200, body: { quota } };
    },
  ),
  endpoint(
    {
      id: 'quotas.delete',
      method: 'DELETE',
      path: '/v2.0/quotas/:projectId',
      rule: 'delete_quota',
      reply: { 204: null },
    },
    async (context, { params: { projectId = '' } }) => {
      context.authorize('delete_quota', targetOf(projectId));
      await context.world.db.write(async (tx) => {
        await tx.deleteFrom('network_quota').where('project_id', '=', projectId).execute();
      });
      return { status: 204 };
    },
  ),
];

function limitsRead(wish: Readonly<Record<string, number | string>>): [string, number][] {
  return Object.entries(wish)
    .filter(([name]) => name !== 'project_id' && name !== 'tenant_id')
    .map(([name, value]) => {
      if (!isQuotaResource(name)) {
        throw invalid(`Unknown quota resources ['${name}'].`, { type: 'QuotaResourceUnknown' });
      }
      const limit = asInteger(value);
      if (limit < -1 || limit > 2_147_483_647) {
        throw badRequest(`Invalid input for ${name}. Reason: '${limit}' is not in valid range.`);
      }
      return [name, limit];
    });
}
