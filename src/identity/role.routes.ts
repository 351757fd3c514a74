import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  implicationCreate,
  implicationDelete,
  implicationGet,
  inferenceList,
  inferenceOf,
  type Inference,
} from './implication.ts';
import { linkTo, listReply, noContent, selfLink } from './reply.ts';
import type { Role } from './role.model.ts';
import {
  ImpliedListReply,
  ImpliedReply,
  InferenceListReply,
  RoleCreateBody,
  RoleReply,
  RoleUpdateBody,
} from './role.schema.ts';
import { roleCreate, roleDelete, roleGet, roleList, roleUpdate } from './role.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ role: RoleReply });

export const roleView = (context: IdentityContext, role: Role) => ({
  ...role.extra,
  id: role.id,
  name: role.name,
  domain_id: role.domainId,
  description: role.description,
  options: role.options,
  links: selfLink(context, `/roles/${role.id}`),
});

export const roleRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'roles.list',
      method: 'GET',
      path: '/v3/roles',
      rule: 'identity:list_roles',
      query: ['name', 'domain_id', 'limit', 'marker'],
      reply: { 200: ListReply('roles', RoleReply) },
      summary: 'List roles',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'roles',
        path: '/roles',
        query,
        page: await roleList(context, query),
        view: (role) => roleView(context, role),
      }),
  ),
  endpoint(
    {
      id: 'roles.create',
      method: 'POST',
      path: '/v3/roles',
      rule: 'identity:create_role',
      body: RoleCreateBody,
      reply: { 201: One },
      summary: 'Create a role',
    },
    async (context, { body: { role } }) => ({
      status: 201,
      body: { role: roleView(context, await roleCreate(context, role)) },
    }),
  ),
  endpoint(
    {
      id: 'roles.get',
      method: 'GET',
      path: '/v3/roles/:roleId',
      rule: 'identity:get_role',
      reply: { 200: One },
      summary: 'Show a role',
    },
    async (context, { params: { roleId = '' } }) => ({
      status: 200,
      body: { role: roleView(context, await roleGet(context, roleId)) },
    }),
  ),
  endpoint(
    {
      id: 'roles.update',
      method: 'PATCH',
      path: '/v3/roles/:roleId',
      rule: 'identity:update_role',
      body: RoleUpdateBody,
      reply: { 200: One },
      summary: 'Change a role',
    },
    async (context, { params: { roleId = '' }, body: { role } }) => ({
      status: 200,
      body: { role: roleView(context, await roleUpdate(context, roleId, role)) },
    }),
  ),
  endpoint(
    {
      id: 'roles.delete',
      method: 'DELETE',
      path: '/v3/roles/:roleId',
      rule: 'identity:delete_role',
      reply: { 204: null },
      summary: 'Delete a role',
    },
    async (context, { params: { roleId = '' } }) => {
      await roleDelete(context, roleId);
      return noContent;
    },
  ),
];

const brief = (context: IdentityContext, { id, name }: Role) => ({
  id,
  name,
  links: selfLink(context, `/roles/${id}`),
});

const inferenceView = (context: IdentityContext, { prior, implied }: Inference) => ({
  prior_role: brief(context, prior),
  implies: implied.map((role) => brief(context, role)),
});

function impliedReply(context: IdentityContext, status: 200 | 201, inference: Inference) {
  const {
    prior_role,
    implies: [implies],
  } = inferenceView(context, inference);
  const self = linkTo(context, `/roles/${prior_role.id}/implies/${implies?.id}`);
  return { status, body: { role_inference: { prior_role, implies }, links: { self } } };
}

const impliedPath = '/v3/roles/:priorRoleId/implies/:impliedRoleId';

export const implicationRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'impliedRoles.list',
      method: 'GET',
      path: '/v3/roles/:priorRoleId/implies',
      rule: 'identity:list_implied_roles',
      reply: { 200: ImpliedListReply },
      summary: 'Roles that a role implies',
    },
    async (context, { params: { priorRoleId: roleId = '' } }) => ({
      status: 200,
      body: {
        role_inference: inferenceView(context, await inferenceOf(context, roleId)),
        links: selfLink(context, `/roles/${roleId}/implies`),
      },
    }),
  ),
  endpoint(
    {
      id: 'impliedRoles.create',
      method: 'PUT',
      path: impliedPath,
      rule: 'identity:create_implied_role',
      reply: { 201: ImpliedReply },
      summary: 'Let a role imply another',
    },
    async (context, { params: { priorRoleId: priorId = '', impliedRoleId: impliedId = '' } }) =>
      impliedReply(context, 201, await implicationCreate(context, { priorId, impliedId })),
  ),
  endpoint(
    {
      id: 'impliedRoles.get',
      method: 'GET',
      path: impliedPath,
      rule: 'identity:get_implied_role',
      reply: { 200: ImpliedReply },
      summary: 'Show that a role implies another',
    },
    async (context, { params: { priorRoleId: priorId = '', impliedRoleId: impliedId = '' } }) => {
      const pair = { priorId, impliedId };
      const found = await implicationGet(context, pair, 'identity:get_implied_role');
      return impliedReply(context, 200, found);
    },
  ),
  endpoint(
    {
      id: 'impliedRoles.check',
      method: 'HEAD',
      path: impliedPath,
      rule: 'identity:check_implied_role',
      reply: { 204: null },
      summary: 'Whether a role implies another',
    },
    async (context, { params: { priorRoleId: priorId = '', impliedRoleId: impliedId = '' } }) => {
      await implicationGet(context, { priorId, impliedId }, 'identity:check_implied_role');
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'impliedRoles.delete',
      method: 'DELETE',
      path: impliedPath,
      rule: 'identity:delete_implied_role',
      reply: { 204: null },
      summary: 'Let a role no longer imply another',
    },
    async (context, { params: { priorRoleId: priorId = '', impliedRoleId: impliedId = '' } }) => {
      await implicationDelete(context, { priorId, impliedId });
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'roleInferences.list',
      method: 'GET',
      path: '/v3/role_inferences',
      rule: 'identity:list_role_inference_rules',
      reply: { 200: InferenceListReply },
      summary: 'All implications of roles',
    },
    async (context) => ({
      status: 200,
      body: {
        role_inferences: (await inferenceList(context)).map((inference) =>
          inferenceView(context, inference),
        ),
        links: selfLink(context, '/role_inferences'),
      },
    }),
  ),
];
