import type { IncomingHttpHeaders } from 'node:http';
import { Type } from 'typebox';
import { forbidden } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import { authenticate } from './auth.ts';
import { catalogJson } from './catalog.ts';
import { domainListOfUser, isSystemReachable, projectListOfUser } from './auth-scopes.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { truthOf, wholePage } from './listing.ts';
import { oauthRequest } from './oauth1-signature.ts';
import { domainView, projectView } from './project.view.ts';
import { linkTo, listReply, noContent } from './reply.ts';
import { DomainReply } from './domain.schema.ts';
import { ProjectReply } from './project.schema.ts';
import { ListReply, SelfLink } from './schema.ts';
import { snapshotGet } from './snapshot.ts';
import { AuthBody, CatalogReplyEntry, ReceiptReply, TokenReply } from './token.schema.ts';
import { subjectTokenGet, subjectTokenRevoke, type IssuedToken, type Subject } from './token.ts';
import { tokenJson } from './token-state.ts';

const endpoint = endpointsOf<IdentityWorld>();

const json = { 'Content-Type': 'application/json' };

function subjectOf(
  { world }: IdentityContext,
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): Subject {
  const text = headers['x-subject-token'];
  const allowExpired = query.get('allow_expired');
  return {
    text: typeof text === 'string' ? text : null,
    mindsAccessRules: Number(headers['openstack-identity-access-rules'] ?? 0) >= 1,
    graceMs: allowExpired !== null && truthOf(allowExpired) ? world.settings.allowExpiredMs : 0,
  };
}

async function tokenReply(
  { world }: IdentityContext,
  status: 200 | 201,
  { text, state }: IssuedToken,
  query: URLSearchParams,
): Promise<Reply> {
  const bytes = await tokenJson(world, state, !query.has('nocatalog'));
  return { status, headers: { ...json, 'X-Subject-Token': text }, bytes };
}

export const tokenRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'tokens.create',
      method: 'POST',
      path: '/v3/auth/tokens',
      rule: null,
      auth: 'none',
      query: ['nocatalog'],
      body: AuthBody,
      reply: { 201: TokenReply, 401: ReceiptReply },
      summary: 'Log in, or change the scope of a token',
      auditType: 'service/security/account/user',
    },
    async (context, { body: { auth }, query, headers }) => {
      const { baseUrl } = context;
      const receipt = headers['openstack-auth-receipt'];
      const issued = await authenticate(context, auth, {
        oauth: oauthRequest(headers, { baseUrl, path: '/v3/auth/tokens', query }),
        receipt: typeof receipt === 'string' ? receipt : null,
      });
      if (!('receiptText' in issued)) return await tokenReply(context, 201, issued, query);
      return {
        status: 401,
        headers: { 'Openstack-Auth-Receipt': issued.receiptText },
        body: { receipt: issued.receipt, required_auth_methods: issued.methods },
      };
    },
  ),
  endpoint(
    {
      id: 'tokens.get',
      method: 'GET',
      path: '/v3/auth/tokens',
      rule: 'identity:validate_token',
      query: ['nocatalog', 'allow_expired'],
      reply: { 200: TokenReply },
      summary: 'Validate a token and show it',
    },
    async (context, { headers, query }) => {
      const subject = subjectOf(context, headers, query);
      const state = await subjectTokenGet(context, 'identity:validate_token', subject);
      return await tokenReply(context, 200, { text: subject.text ?? '', state }, query);
    },
  ),
  endpoint(
    {
      id: 'tokens.check',
      method: 'HEAD',
      path: '/v3/auth/tokens',
      rule: 'identity:check_token',
      query: ['allow_expired'],
      reply: { 200: TokenReply },
      summary: 'Validate a token',
    },
    async (context, { headers, query }) => {
      const subject = subjectOf(context, headers, query);
      const state = await subjectTokenGet(context, 'identity:check_token', subject);
      return await tokenReply(context, 200, { text: subject.text ?? '', state }, query);
    },
  ),
  endpoint(
    {
      id: 'tokens.delete',
      method: 'DELETE',
      path: '/v3/auth/tokens',
      rule: 'identity:revoke_token',
      reply: { 204: null },
      summary: 'Revoke a token',
    },
    async (context, { headers }) => {
      const text = headers['x-subject-token'];
      await subjectTokenRevoke(context, typeof text === 'string' ? text : null);
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'auth.catalog',
      method: 'GET',
      path: '/v3/auth/catalog',
      rule: 'identity:get_auth_catalog',
      reply: { 200: Type.Object({ catalog: Type.Array(CatalogReplyEntry), links: SelfLink }) },
      summary: 'The catalog for the project of the token',
    },
    async (context) => {
      context.authorize('identity:get_auth_catalog');
      const { scope, userId } = context.actor;
      if (scope.kind !== 'project') {
        throw forbidden('You are not authorized to perform the requested action.');
      }
      const snapshot = await snapshotGet(context.world);
      const catalog = catalogJson(snapshot, { projectId: scope.projectId, userId });
      const links = JSON.stringify({ self: linkTo(context, '/auth/catalog') });
      return { status: 200, headers: json, bytes: `{"catalog":${catalog},"links":${links}}` };
    },
  ),
  endpoint(
    {
      id: 'auth.projects',
      method: 'GET',
      path: '/v3/auth/projects',
      rule: 'identity:get_auth_projects',
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'Projects that the user can choose as scope',
    },
    async (context, { query }) => {
      context.authorize('identity:get_auth_projects');
      const { projects, tags } = await projectListOfUser(context.world, context.actor.userId);
      return listReply(context, {
        key: 'projects',
        path: '/auth/projects',
        query,
        page: wholePage(projects),
        view: (project) => projectView(context, project, tags.get(project.id) ?? []),
      });
    },
  ),
  endpoint(
    {
      id: 'auth.domains',
      method: 'GET',
      path: '/v3/auth/domains',
      rule: 'identity:get_auth_domains',
      reply: { 200: ListReply('domains', DomainReply) },
      summary: 'Domains that the user can choose as scope',
    },
    async (context, { query }) => {
      context.authorize('identity:get_auth_domains');
      const { domains, tags } = await domainListOfUser(context.world, context.actor.userId);
      return listReply(context, {
        key: 'domains',
        path: '/auth/domains',
        query,
        page: wholePage(domains),
        view: (domain) => domainView(context, domain, tags.get(domain.id) ?? []),
      });
    },
  ),
  endpoint(
    {
      id: 'auth.system',
      method: 'GET',
      path: '/v3/auth/system',
      rule: 'identity:get_auth_system',
      reply: {
        200: Type.Object({
          system: Type.Array(Type.Object({ all: Type.Literal(true) })),
          links: SelfLink,
        }),
      },
      summary: 'Whether the user can choose the system as scope',
    },
    async (context) => {
      context.authorize('identity:get_auth_system');
      const isReachable = await isSystemReachable(context.world, context.actor.userId);
      return {
        status: 200,
        body: {
          system: isReachable ? [{ all: true }] : [],
          links: { self: linkTo(context, '/auth/system') },
        },
      };
    },
  ),
];
