import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { AccessRule } from './application-credential.model.ts';
import {
  AccessRuleReply,
  ApplicationCredentialBody,
  ApplicationCredentialReply,
} from './application-credential.schema.ts';
import {
  accessRuleDelete,
  accessRuleGet,
  accessRuleList,
  applicationCredentialCreate,
  applicationCredentialDelete,
  applicationCredentialGet,
  applicationCredentialList,
  type ShownCredential,
} from './application-credential.ts';
import { requestToken } from './delegation.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';
import { timeText } from './time-text.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ application_credential: ApplicationCredentialReply });
const listPath = '/v3/users/:userId/application_credentials';
const onePath = `${listPath}/:applicationCredentialId`;

const view = (context: IdentityContext, { credential, roles }: ShownCredential) => ({
  id: credential.id,
  name: credential.name,
  description: credential.description,
  project_id: credential.projectId,
  expires_at: credential.expiresAtUs === null ? null : timeText(credential.expiresAtUs),
  unrestricted: credential.isUnrestricted,
  roles: roles.map(({ id, name, domainId }) => ({ id, name, domain_id: domainId })),
  ...(credential.accessRules.length > 0 && { access_rules: credential.accessRules }),
  links: selfLink(context, `/users/${credential.userId}/application_credentials/${credential.id}`),
});

export const applicationCredentialRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'applicationCredentials.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_application_credentials',
      query: ['name', 'limit', 'marker'],
      reply: { 200: ListReply('application_credentials', ApplicationCredentialReply) },
      summary: 'List the application credentials of a user',
    },
    async (context, { params: { userId = '' }, query, headers }) => {
      const caller = await requestToken(context, headers);
      const { page, roles } = await applicationCredentialList(context, { userId, caller }, query);
      return listReply(context, {
        key: 'application_credentials',
        path: `/users/${userId}/application_credentials`,
        query,
        page,
        view: (credential) =>
          view(context, {
            credential,
            roles: credential.roleIds.flatMap((id) => roles.get(id) ?? []),
          }),
      });
    },
  ),
  endpoint(
    {
      id: 'applicationCredentials.create',
      method: 'POST',
      path: listPath,
      rule: 'identity:create_application_credential',
      body: ApplicationCredentialBody,
      reply: { 201: One },
      summary: 'Make a secret that opens the project of the token',
    },
    async (context, { params: { userId = '' }, body, headers }) => {
      const caller = await requestToken(context, headers);
      const wanted = body.application_credential;
      const made = await applicationCredentialCreate(context, { userId, caller }, wanted);
      const application_credential = { ...view(context, made), secret: made.secret };
      return { status: 201, body: { application_credential } };
    },
  ),
  endpoint(
    {
      id: 'applicationCredentials.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_application_credential',
      reply: { 200: One },
      summary: 'Show an application credential',
    },
    async (context, { params: { userId = '', applicationCredentialId: id = '' }, headers }) => {
      const caller = await requestToken(context, headers);
      const found = await applicationCredentialGet(context, { userId, id, caller });
      return { status: 200, body: { application_credential: view(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'applicationCredentials.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_application_credential',
      reply: { 204: null },
      summary: 'Delete an application credential',
    },
    async (context, { params: { userId = '', applicationCredentialId: id = '' }, headers }) => {
      const caller = await requestToken(context, headers);
      await applicationCredentialDelete(context, { userId, id, caller });
      return noContent;
    },
  ),
];

const rulesPath = '/v3/users/:userId/access_rules';
const OneRule = Type.Object({ access_rule: AccessRuleReply });

const ruleView = (context: IdentityContext, userId: string, rule: AccessRule) => ({
  ...rule,
  links: selfLink(context, `/users/${userId}/access_rules/${rule.id}`),
});

export const accessRuleRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'accessRules.list',
      method: 'GET',
      path: rulesPath,
      rule: 'identity:list_access_rules',
      query: ['service', 'path', 'method', 'limit', 'marker'],
      reply: { 200: ListReply('access_rules', AccessRuleReply) },
      summary: 'List the access rules of a user',
    },
    async (context, { params: { userId = '' }, query, headers }) => {
      const caller = await requestToken(context, headers);
      return listReply(context, {
        key: 'access_rules',
        path: `/users/${userId}/access_rules`,
        query,
        page: await accessRuleList(context, { userId, caller }, query),
        view: (rule) => ruleView(context, userId, rule),
      });
    },
  ),
  endpoint(
    {
      id: 'accessRules.get',
      method: 'GET',
      path: `${rulesPath}/:accessRuleId`,
      rule: 'identity:get_access_rule',
      reply: { 200: OneRule },
      summary: 'Show an access rule',
    },
    async (context, { params: { userId = '', accessRuleId: id = '' }, headers }) => {
      const caller = await requestToken(context, headers);
      const rule = await accessRuleGet(context, { userId, id, caller });
      return { status: 200, body: { access_rule: ruleView(context, userId, rule) } };
    },
  ),
  endpoint(
    {
      id: 'accessRules.delete',
      method: 'DELETE',
      path: `${rulesPath}/:accessRuleId`,
      rule: 'identity:delete_access_rule',
      reply: { 204: null },
      summary: 'Delete an access rule that no credential uses',
    },
    async (context, { params: { userId = '', accessRuleId: id = '' }, headers }) => {
      const caller = await requestToken(context, headers);
      await accessRuleDelete(context, { userId, id, caller });
      return noContent;
    },
  ),
];
