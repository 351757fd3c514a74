import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { requestToken } from './delegation.ts';
import { missing } from './failure.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { linkTo, listReply, noContent, selfLink } from './reply.ts';
import { roleView } from './role.routes.ts';
import { RoleReply } from './role.schema.ts';
import { ListReply } from './schema.ts';
import { timeText } from './time-text.ts';
import type { Trust } from './trust.model.ts';
import { TrustCreateBody, TrustReply } from './trust.schema.ts';
import { trustCreate, trustDelete, trustGet, trustList, type ShownTrust } from './trust.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ trust: TrustReply });
const listPath = '/v3/OS-TRUST/trusts';
const onePath = `${listPath}/:trustId`;

const briefView = (context: IdentityContext, trust: Trust) => ({
  ...trust.extra,
  id: trust.id,
  trustor_user_id: trust.trustorId,
  trustee_user_id: trust.trusteeId,
  project_id: trust.projectId,
  impersonation: trust.isImpersonating,
  expires_at: trust.expiresAtUs === null ? null : `${timeText(trust.expiresAtUs)}Z`,
  deleted_at: null,
  remaining_uses: trust.remainingUses,
  redelegated_trust_id: trust.redelegatedTrustId,
  redelegation_count: trust.redelegationCount,
  links: selfLink(context, `/OS-TRUST/trusts/${trust.id}`),
});

const view = (context: IdentityContext, { trust, roles }: ShownTrust) => ({
  ...briefView(context, trust),
  roles: roles.map((role) => roleView(context, role)),
  roles_links: {
    self: linkTo(context, `/OS-TRUST/trusts/${trust.id}/roles`),
    next: null,
    previous: null,
  },
});

export const trustRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'trusts.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_trusts',
      query: ['trustor_user_id', 'trustee_user_id'],
      reply: { 200: ListReply('trusts', TrustReply) },
      summary: 'List trusts',
    },
    async (context, { query, headers }) => {
      const { claims } = await requestToken(context, headers);
      return listReply(context, {
        key: 'trusts',
        path: '/OS-TRUST/trusts',
        query,
        page: wholePage(await trustList(context, claims, query)),
        view: (trust) => briefView(context, trust),
      });
    },
  ),
  endpoint(
    {
      id: 'trusts.create',
      method: 'POST',
      path: listPath,
      rule: 'identity:create_trust',
      body: TrustCreateBody,
      reply: { 201: One },
      summary: 'Let another user act with some of the own roles',
    },
    async (context, { body, headers }) => {
      const { claims } = await requestToken(context, headers);
      const made = await trustCreate(context, claims, body.trust);
      return { status: 201, body: { trust: view(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'trusts.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_trust',
      reply: { 200: One },
      summary: 'Show a trust',
    },
    async (context, { params: { trustId: id = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      const found = await trustGet(context, { id, claims });
      return { status: 200, body: { trust: view(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'trusts.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_trust',
      reply: { 204: null },
      summary: 'End a trust, and what was handed on from it',
    },
    async (context, { params: { trustId: id = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      await trustDelete(context, { id, claims });
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'trusts.roles',
      method: 'GET',
      path: `${onePath}/roles`,
      rule: 'identity:list_roles_for_trust',
      reply: { 200: ListReply('roles', RoleReply) },
      summary: 'Roles that a trust gives',
    },
    async (context, { params: { trustId: id = '' }, query, headers }) => {
      const { claims } = await requestToken(context, headers);
      const { roles } = await trustGet(context, { id, claims }, 'identity:list_roles_for_trust');
      return listReply(context, {
        key: 'roles',
        path: `/OS-TRUST/trusts/${id}/roles`,
        query,
        page: wholePage(roles),
        view: (role) => roleView(context, role),
      });
    },
  ),
  endpoint(
    {
      id: 'trusts.role',
      method: 'GET',
      path: `${onePath}/roles/:roleId`,
      rule: 'identity:get_role_for_trust',
      reply: { 200: Type.Object({ role: RoleReply }) },
      summary: 'A role that a trust gives',
    },
    async (context, { params: { trustId: id = '', roleId = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      const { roles } = await trustGet(context, { id, claims }, 'identity:get_role_for_trust');
      const role = roles.find((candidate) => candidate.id === roleId);
      if (role === undefined) throw missing('role', roleId);
      return { status: 200, body: { role: roleView(context, role) } };
    },
  ),
];
