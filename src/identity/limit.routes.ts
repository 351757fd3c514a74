import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import type { Limit, RegisteredLimit } from './limit.model.ts';
import {
  LimitCreateBody,
  LimitReply,
  LimitUpdateBody,
  RegisteredLimitCreateBody,
  RegisteredLimitReply,
  RegisteredLimitUpdateBody,
} from './limit.schema.ts';
import type { LimitFilter } from './limit.store.ts';
import {
  limitDelete,
  limitGet,
  limitList,
  limitModelGet,
  limitsCreate,
  limitUpdate,
} from './limit.ts';
import { wholePage } from './listing.ts';
import {
  registeredLimitDelete,
  registeredLimitGet,
  registeredLimitList,
  registeredLimitsCreate,
  registeredLimitUpdate,
} from './registered-limit.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const filterOf = (query: URLSearchParams): LimitFilter =>
  Object.fromEntries(
    ['service_id', 'region_id', 'resource_name'].flatMap((name) => {
      const value = query.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );

const registeredView = (context: IdentityContext, limit: RegisteredLimit) => ({
  id: limit.id,
  service_id: limit.serviceId,
  region_id: limit.regionId,
  resource_name: limit.resourceName,
  default_limit: limit.defaultLimit,
  description: limit.description,
  links: selfLink(context, `/registered_limits/${limit.id}`),
});

const limitView = (context: IdentityContext, limit: Limit) => ({
  id: limit.id,
  service_id: limit.serviceId,
  region_id: limit.regionId,
  resource_name: limit.resourceName,
  resource_limit: limit.resourceLimit,
  description: limit.description,
  project_id: limit.isDomain ? null : limit.projectId,
  domain_id: limit.isDomain ? limit.projectId : null,
  links: selfLink(context, `/limits/${limit.id}`),
});

const registeredPath = '/v3/registered_limits';
const RegisteredOne = Type.Object({ registered_limit: RegisteredLimitReply });

const registeredLimitRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'registeredLimits.list',
      method: 'GET',
      path: registeredPath,
      rule: 'identity:list_registered_limits',
      query: ['service_id', 'region_id', 'resource_name'],
      reply: { 200: ListReply('registered_limits', RegisteredLimitReply) },
      summary: 'List the limits that hold where a project has none of its own',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'registered_limits',
        path: '/registered_limits',
        query,
        page: wholePage(await registeredLimitList(context, filterOf(query))),
        view: (limit) => registeredView(context, limit),
      }),
  ),
  endpoint(
    {
      id: 'registeredLimits.create',
      method: 'POST',
      path: registeredPath,
      rule: 'identity:create_registered_limits',
      body: RegisteredLimitCreateBody,
      reply: { 201: Type.Object({ registered_limits: Type.Array(RegisteredLimitReply) }) },
      summary: 'Register limits of resources',
    },
    async (context, { body }) => {
      const made = await registeredLimitsCreate(context, body.registered_limits);
      const registered_limits = made.map((limit) => registeredView(context, limit));
      return { status: 201, body: { registered_limits } };
    },
  ),
  endpoint(
    {
      id: 'registeredLimits.get',
      method: 'GET',
      path: `${registeredPath}/:registeredLimitId`,
      rule: 'identity:get_registered_limit',
      reply: { 200: RegisteredOne },
      summary: 'Show a registered limit',
    },
    async (context, { params: { registeredLimitId = '' } }) => {
      const found = await registeredLimitGet(context, registeredLimitId);
      return { status: 200, body: { registered_limit: registeredView(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'registeredLimits.update',
      method: 'PATCH',
      path: `${registeredPath}/:registeredLimitId`,
      rule: 'identity:update_registered_limit',
      body: RegisteredLimitUpdateBody,
      reply: { 200: RegisteredOne },
      summary: 'Change a registered limit',
    },
    async (context, { params: { registeredLimitId = '' }, body }) => {
      const changed = await registeredLimitUpdate(
        context,
        registeredLimitId,
        body.registered_limit,
      );
      return { status: 200, body: { registered_limit: registeredView(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'registeredLimits.delete',
      method: 'DELETE',
      path: `${registeredPath}/:registeredLimitId`,
      rule: 'identity:delete_registered_limit',
      reply: { 204: null },
      summary: 'Remove a registered limit',
    },
    async (context, { params: { registeredLimitId = '' } }) => {
      await registeredLimitDelete(context, registeredLimitId);
      return noContent;
    },
  ),
];

const One = Type.Object({ limit: LimitReply });
const Model = Type.Object({ name: Type.String(), description: Type.String() });

export const limitRoutes: readonly Endpoint<IdentityWorld>[] = [
  ...registeredLimitRoutes,
  endpoint(
    {
      id: 'limits.model',
      method: 'GET',
      path: '/v3/limits/model',
      rule: 'identity:get_limit_model',
      reply: { 200: Type.Object({ model: Model }) },
      summary: 'How limits of domains and projects belong together',
    },
    (context) => ({ status: 200, body: { model: limitModelGet(context) } }),
  ),
  endpoint(
    {
      id: 'limits.list',
      method: 'GET',
      path: '/v3/limits',
      rule: 'identity:list_limits',
      query: ['service_id', 'region_id', 'resource_name', 'project_id', 'domain_id'],
      reply: { 200: ListReply('limits', LimitReply) },
      summary: 'List the limits of projects and domains',
    },
    async (context, { query }) => {
      const ownerId = query.get('project_id') ?? query.get('domain_id');
      return listReply(context, {
        key: 'limits',
        path: '/limits',
        query,
        page: wholePage(await limitList(context, filterOf(query), ownerId)),
        view: (limit) => limitView(context, limit),
      });
    },
  ),
  endpoint(
    {
      id: 'limits.create',
      method: 'POST',
      path: '/v3/limits',
      rule: 'identity:create_limits',
      body: LimitCreateBody,
      reply: { 201: Type.Object({ limits: Type.Array(LimitReply) }) },
      summary: 'Give projects or domains limits of their own',
    },
    async (context, { body }) => {
      const made = await limitsCreate(context, body.limits);
      return { status: 201, body: { limits: made.map((limit) => limitView(context, limit)) } };
    },
  ),
  endpoint(
    {
      id: 'limits.get',
      method: 'GET',
      path: '/v3/limits/:limitId',
      rule: 'identity:get_limit',
      reply: { 200: One },
      summary: 'Show a limit',
    },
    async (context, { params: { limitId = '' } }) => {
      const found = await limitGet(context, limitId);
      return { status: 200, body: { limit: limitView(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'limits.update',
      method: 'PATCH',
      path: '/v3/limits/:limitId',
      rule: 'identity:update_limit',
      body: LimitUpdateBody,
      reply: { 200: One },
      summary: 'Change a limit',
    },
    async (context, { params: { limitId = '' }, body }) => {
      const changed = await limitUpdate(context, limitId, body.limit);
      return { status: 200, body: { limit: limitView(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'limits.delete',
      method: 'DELETE',
      path: '/v3/limits/:limitId',
      rule: 'identity:delete_limit',
      reply: { 204: null },
      summary: 'Take a limit back',
    },
    async (context, { params: { limitId = '' } }) => {
      await limitDelete(context, limitId);
      return noContent;
    },
  ),
];
