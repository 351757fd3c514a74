import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  PolicyCreateBody,
  PolicyReply,
  PolicyUpdateBody,
  type PolicyDocument,
} from './policy-document.schema.ts';
import {
  policyCreate,
  policyDelete,
  policyGet,
  policyList,
  policyUpdate,
} from './policy-document.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ policy: PolicyReply });

export const policyView = (
  context: IdentityContext,
  { extra, id, type, blob }: PolicyDocument,
) => ({
  ...extra,
  id,
  type,
  blob,
  links: selfLink(context, `/policies/${id}`),
});

export const policyRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'policies.list',
      method: 'GET',
      path: '/v3/policies',
      rule: 'identity:list_policies',
      query: ['type', 'limit', 'marker'],
      reply: { 200: ListReply('policies', PolicyReply) },
      summary: 'List policy documents',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'policies',
        path: '/policies',
        query,
        page: await policyList(context, query),
        view: (policy) => policyView(context, policy),
      }),
  ),
  endpoint(
    {
      id: 'policies.create',
      method: 'POST',
      path: '/v3/policies',
      rule: 'identity:create_policy',
      body: PolicyCreateBody,
      reply: { 201: One },
      summary: 'Keep a policy document',
    },
    async (context, { body: { policy } }) => ({
      status: 201,
      body: { policy: policyView(context, await policyCreate(context, policy)) },
    }),
  ),
  endpoint(
    {
      id: 'policies.get',
      method: 'GET',
      path: '/v3/policies/:policyId',
      rule: 'identity:get_policy',
      reply: { 200: One },
      summary: 'Show a policy document',
    },
    async (context, { params: { policyId = '' } }) => ({
      status: 200,
      body: { policy: policyView(context, await policyGet(context, policyId)) },
    }),
  ),
  endpoint(
    {
      id: 'policies.update',
      method: 'PATCH',
      path: '/v3/policies/:policyId',
      rule: 'identity:update_policy',
      body: PolicyUpdateBody,
      reply: { 200: One },
      summary: 'Change a policy document',
    },
    async (context, { params: { policyId = '' }, body: { policy } }) => ({
      status: 200,
      body: { policy: policyView(context, await policyUpdate(context, policyId, policy)) },
    }),
  ),
  endpoint(
    {
      id: 'policies.delete',
      method: 'DELETE',
      path: '/v3/policies/:policyId',
      rule: 'identity:delete_policy',
      reply: { 204: null },
      summary: 'Delete a policy document',
    },
    async (context, { params: { policyId = '' } }) => {
      await policyDelete(context, policyId);
      return noContent;
    },
  ),
];
