import type { IncomingHttpHeaders } from 'node:http';
import { forbidden } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { authenticate, type MoreNeeded } from './auth.ts';
import { catalogJson } from './catalog.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { truthOf } from './listing.ts';
import { oauthRequest } from './oauth1-signature.ts';
import { linkTo, noContent } from './reply.ts';
import { SelfLink } from './schema.ts';
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

export async function logInReply(
  context: IdentityContext,
  issued: IssuedToken | MoreNeeded,
  query: URLSearchParams,
): Promise<Reply> {
  if (!('receiptText' in issued)) return await tokenReply(context, 201, issued, query);
  return {
    status: 401,
    headers: { 'Openstack-Auth-Receipt': issued.receiptText },
    body: { receipt: issued.receipt, required_auth_methods: issued.methods },
  };
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
      return await logInReply(context, issued, query);
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
];
