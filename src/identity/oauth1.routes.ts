import type { IncomingHttpHeaders } from 'node:http';
import { isoMicroseconds } from '../kernel/clock.ts';
import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import {
  consumerCreate,
  consumerDelete,
  consumerGet,
  consumerList,
  consumerUpdate,
} from './consumer.ts';
import { requestToken } from './delegation.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import type { AccessToken, Consumer } from './oauth1.model.ts';
import { oauthRequest } from './oauth1-signature.ts';
import {
  accessTokenCreate,
  accessTokenDelete,
  accessTokenGet,
  accessTokenList,
  formOf,
  oauthRequired,
  requestTokenAuthorize,
  requestTokenCreate,
  roleLentCheck,
} from './oauth1.ts';
import {
  AccessTokenReply,
  AuthorizeBody,
  ConsumerCreateBody,
  ConsumerReply,
  ConsumerUpdateBody,
} from './oauth1.schema.ts';
import { linkTo, listReply, noContent, selfLink } from './reply.ts';
import { roleListByIds } from './role.store.ts';
import { roleView } from './role.routes.ts';
import { RoleReply } from './role.schema.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ consumer: ConsumerReply });
const listPath = '/v3/OS-OAUTH1/consumers';

const consumerView = (context: IdentityContext, { id, description, extra }: Consumer) => ({
  ...extra,
  id,
  description,
  links: selfLink(context, `/OS-OAUTH1/consumers/${id}`),
});

const consumerRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'consumers.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_consumers',
      query: ['description', 'limit', 'marker'],
      reply: { 200: ListReply('consumers', ConsumerReply) },
      summary: 'List consumers of OAuth1',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'consumers',
        path: '/OS-OAUTH1/consumers',
        query,
        page: await consumerList(context, query),
        view: (consumer) => consumerView(context, consumer),
      }),
  ),
  endpoint(
    {
      id: 'consumers.create',
      method: 'POST',
      path: listPath,
      rule: 'identity:create_consumer',
      body: ConsumerCreateBody,
      reply: { 201: One },
      summary: 'Make a consumer of OAuth1; its secret is shown once',
    },
    async (context, { body: { consumer } }) => {
      const made = await consumerCreate(context, consumer);
      const { secret } = made;
      return { status: 201, body: { consumer: { ...consumerView(context, made), secret } } };
    },
  ),
  endpoint(
    {
      id: 'consumers.get',
      method: 'GET',
      path: `${listPath}/:consumerId`,
      rule: 'identity:get_consumer',
      reply: { 200: One },
      summary: 'Show a consumer of OAuth1',
    },
    async (context, { params: { consumerId = '' } }) => {
      const found = await consumerGet(context, consumerId);
      return { status: 200, body: { consumer: consumerView(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'consumers.update',
      method: 'PATCH',
      path: `${listPath}/:consumerId`,
      rule: 'identity:update_consumer',
      body: ConsumerUpdateBody,
      reply: { 200: One },
      summary: 'Change a consumer of OAuth1',
    },
    async (context, { params: { consumerId = '' }, body: { consumer } }) => {
      const changed = await consumerUpdate(context, consumerId, consumer);
      return { status: 200, body: { consumer: consumerView(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'consumers.delete',
      method: 'DELETE',
      path: `${listPath}/:consumerId`,
      rule: 'identity:delete_consumer',
      reply: { 204: null },
      summary: 'Delete a consumer of OAuth1, and what was lent to it',
    },
    async (context, { params: { consumerId = '' } }) => {
      await consumerDelete(context, consumerId);
      return noContent;
    },
  ),
];

const signedBy = (
  { baseUrl }: IdentityContext,
  { headers, query, path }: { headers: IncomingHttpHeaders; query: URLSearchParams; path: string },
) => oauthRequired(oauthRequest(headers, { baseUrl, path, query }));

const formReply = (token: Pick<AccessToken, 'id' | 'secret' | 'expiresAtMs'>): Reply => ({
  status: 201,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  bytes: formOf(token, isoMicroseconds(token.expiresAtMs)),
});

const requestPath = '/v3/OS-OAUTH1/request_token';
const accessPath = '/v3/OS-OAUTH1/access_token';

const exchangeRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'oauth1.requestToken',
      method: 'POST',
      path: requestPath,
      rule: null,
      auth: 'none',
      reply: { 201: null },
      summary: 'A consumer asks for a request token',
    },
    async (context, { headers, query }) => {
      const projectId = headers['requested-project-id'];
      const token = await requestTokenCreate(
        context,
        signedBy(context, { headers, query, path: requestPath }),
        typeof projectId === 'string' ? projectId : null,
      );
      return formReply(token);
    },
  ),
  endpoint(
    {
      id: 'oauth1.authorize',
      method: 'PUT',
      path: '/v3/OS-OAUTH1/authorize/:requestTokenId',
      rule: 'identity:authorize_request_token',
      body: AuthorizeBody,
      reply: { 200: Type.Object({ token: Type.Object({ oauth_verifier: Type.String() }) }) },
      summary: 'Lend roles to the consumer that asked',
    },
    async (context, { params: { requestTokenId: id = '' }, headers, body }) => {
      const { claims } = await requestToken(context, headers);
      const verifier = await requestTokenAuthorize(context, { id, claims }, body.roles);
      return { status: 200, body: { token: { oauth_verifier: verifier } } };
    },
  ),
  endpoint(
    {
      id: 'oauth1.accessToken',
      method: 'POST',
      path: accessPath,
      rule: null,
      auth: 'none',
      reply: { 201: null },
      summary: 'A consumer exchanges an authorized request token',
    },
    async (context, { headers, query }) =>
      formReply(
        await accessTokenCreate(context, signedBy(context, { headers, query, path: accessPath })),
      ),
  ),
];

const tokensPath = '/v3/users/:userId/OS-OAUTH1/access_tokens';

function tokenView(context: IdentityContext, token: AccessToken) {
  const path = `/users/${token.userId}/OS-OAUTH1/access_tokens/${token.id}`;
  return {
    id: token.id,
    consumer_id: token.consumerId,
    authorizing_user_id: token.userId,
    project_id: token.projectId,
    expires_at: isoMicroseconds(token.expiresAtMs),
    links: { self: linkTo(context, path), roles: linkTo(context, `${path}/roles`) },
  };
}

const accessTokenRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'accessTokens.list',
      method: 'GET',
      path: tokensPath,
      rule: 'identity:list_access_tokens',
      reply: { 200: ListReply('access_tokens', AccessTokenReply) },
      summary: 'What a user has lent through OAuth1',
    },
    async (context, { params: { userId = '' }, headers, query }) => {
      const { claims } = await requestToken(context, headers);
      return listReply(context, {
        key: 'access_tokens',
        path: `/users/${userId}/OS-OAUTH1/access_tokens`,
        query,
        page: wholePage(await accessTokenList(context, { userId, claims })),
        view: (token) => tokenView(context, token),
      });
    },
  ),
  endpoint(
    {
      id: 'accessTokens.get',
      method: 'GET',
      path: `${tokensPath}/:accessTokenId`,
      rule: 'identity:get_access_token',
      reply: { 200: Type.Object({ access_token: AccessTokenReply }) },
      summary: 'Show an access token of OAuth1',
    },
    async (context, { params: { userId = '', accessTokenId: id = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      const found = await accessTokenGet(context, { userId, id, claims });
      return { status: 200, body: { access_token: tokenView(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'accessTokens.delete',
      method: 'DELETE',
      path: `${tokensPath}/:accessTokenId`,
      rule: 'identity:delete_access_token',
      reply: { 204: null },
      summary: 'Take back what was lent through OAuth1',
    },
    async (context, { params: { userId = '', accessTokenId: id = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      await accessTokenDelete(context, { userId, id, claims });
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'accessTokens.roles',
      method: 'GET',
      path: `${tokensPath}/:accessTokenId/roles`,
      rule: 'identity:list_access_token_roles',
      reply: { 200: ListReply('roles', RoleReply) },
      summary: 'Roles lent through OAuth1',
    },
    async (context, { params: { userId = '', accessTokenId: id = '' }, headers, query }) => {
      const { claims } = await requestToken(context, headers);
      const rule = 'identity:list_access_token_roles';
      const { roleIds } = await accessTokenGet(context, { userId, id, claims }, rule);
      return listReply(context, {
        key: 'roles',
        path: `/users/${userId}/OS-OAUTH1/access_tokens/${id}/roles`,
        query,
        page: wholePage(await context.world.db.read((tx) => roleListByIds(tx, roleIds))),
        view: (role) => roleView(context, role),
      });
    },
  ),
  endpoint(
    {
      id: 'accessTokens.role',
      method: 'GET',
      path: `${tokensPath}/:accessTokenId/roles/:roleId`,
      rule: 'identity:get_access_token_role',
      reply: { 200: Type.Object({ role: RoleReply }) },
      summary: 'A role lent through OAuth1',
    },
    async (context, { params: { userId = '', accessTokenId: id = '', roleId = '' }, headers }) => {
      const { claims } = await requestToken(context, headers);
      const rule = 'identity:get_access_token_role';
      const token = await accessTokenGet(context, { userId, id, claims }, rule);
      roleLentCheck(token, roleId);
      const [role] = await context.world.db.read((tx) => roleListByIds(tx, [roleId]));
      return { status: 200, body: { role: role === undefined ? null : roleView(context, role) } };
    },
  ),
];

export const oauth1Routes: readonly Endpoint<IdentityWorld>[] = [
  ...consumerRoutes,
  ...exchangeRoutes,
  ...accessTokenRoutes,
];
