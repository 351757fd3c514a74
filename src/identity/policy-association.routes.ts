import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { EndpointReply } from './catalog.schema.ts';
import { endpointView } from './endpoint.routes.ts';
import type { IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import {
  associationCheck,
  associationCreate,
  associationDelete,
  endpointsOfPolicy,
  policyOfEndpoint,
  type Association,
  type SubjectKind,
} from './policy-association.ts';
import { policyView } from './policy-document.routes.ts';
import { PolicyReply } from './policy-document.schema.ts';
import { listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const base = '/v3/policies/:policyId/OS-ENDPOINT-POLICY';

const paths: Readonly<Record<SubjectKind, string>> = {
  endpoint: `${base}/endpoints/:endpointId`,
  service: `${base}/services/:serviceId`,
  region_and_service: `${base}/services/:serviceId/regions/:regionId`,
};

const verbs = [
  ['GET', 'check', associationCheck, 'Whether it has this policy document'],
  ['PUT', 'create', associationCreate, 'Give it this policy document'],
  ['DELETE', 'delete', associationDelete, 'Take this policy document from it'],
] as const;

const associationOf = (
  kind: SubjectKind,
  params: Readonly<Record<string, string>>,
): Association => ({
  policyId: params['policyId'] ?? '',
  kind,
  subject: {
    endpointId: params['endpointId'] ?? null,
    serviceId: params['serviceId'] ?? null,
    regionId: params['regionId'] ?? null,
  },
});

const associationRoutes = (Object.keys(paths) as SubjectKind[]).flatMap((kind) =>
  verbs.map(([method, verb, act, summary]) =>
    endpoint(
      {
        id: `policyAssociations.${verb}.${kind}`,
        method,
        path: paths[kind],
        rule: `identity:${verb}_policy_association_for_${kind}`,
        reply: { 204: null },
        summary,
      },
      async (context, { params }) => {
        await act(context, associationOf(kind, params));
        return noContent;
      },
    ),
  ),
);

export const policyAssociationRoutes: readonly Endpoint<IdentityWorld>[] = [
  ...associationRoutes,
  endpoint(
    {
      id: 'policyAssociations.endpoints',
      method: 'GET',
      path: `${base}/endpoints`,
      rule: 'identity:list_endpoints_for_policy',
      reply: { 200: ListReply('endpoints', EndpointReply) },
      summary: 'Endpoints for which this policy document holds',
    },
    async (context, { params: { policyId = '' }, query }) =>
      listReply(context, {
        key: 'endpoints',
        path: `/policies/${policyId}/OS-ENDPOINT-POLICY/endpoints`,
        query,
        page: wholePage(await endpointsOfPolicy(context, policyId)),
        view: (row) => endpointView(context, row),
      }),
  ),
  endpoint(
    {
      id: 'policyAssociations.policy',
      method: 'GET',
      path: '/v3/endpoints/:endpointId/OS-ENDPOINT-POLICY/policy',
      rule: 'identity:get_policy_for_endpoint',
      reply: { 200: Type.Object({ policy: PolicyReply }) },
      summary: 'The policy document that holds for an endpoint',
    },
    async (context, { params: { endpointId = '' } }) => {
      const found = await policyOfEndpoint(context, endpointId);
      return { status: 200, body: { policy: policyView(context, found) } };
    },
  ),
];
