import type { Route } from '../kernel/http/endpoint.ts';

const relations = 'https://docs.openstack.org/api/openstack-identity/3';

/** Names that do not follow from the path. */
const named: Readonly<Record<string, string>> = {
  '/users/:userId/password': 'rel/user_change_password',
  '/users/:userId/application_credentials': 'rel/application_credentials',
  '/users/:userId/application_credentials/:applicationCredentialId': 'rel/application_credential',
  '/users/:userId/access_rules': 'rel/access_rules',
  '/users/:userId/access_rules/:accessRuleId': 'rel/access_rule',
  '/roles/:priorRoleId/implies/:impliedRoleId': 'rel/implied_role',
  '/roles/:priorRoleId/implies': 'rel/implied_roles',
  '/limits/model': 'rel/limit_model',
  '/domains/:domainId/config': 'rel/domain_config',
  '/domains/:domainId/config/:group': 'rel/domain_config_group',
  '/domains/:domainId/config/:group/:option': 'rel/domain_config_option',
  '/domains/config/default': 'rel/domain_config_default',
  '/domains/config/:group/default': 'rel/domain_config_default_group',
  '/domains/config/:group/:option/default': 'rel/domain_config_default_option',
  '/ec2tokens': 'ext/OS-EC2/1.0/rel/ec2tokens',
  '/s3tokens': 'ext/s3tokens/1.0/rel/s3tokens',
  '/OS-OAUTH1/request_token': 'ext/OS-OAUTH1/1.0/rel/request_tokens',
  '/OS-OAUTH1/access_token': 'ext/OS-OAUTH1/1.0/rel/access_tokens',
  '/OS-OAUTH1/authorize/:requestTokenId': 'ext/OS-OAUTH1/1.0/rel/authorize_request_token',
  '/OS-EP-FILTER/endpoint_groups/:endpointGroupId/projects/:projectId':
    'ext/OS-EP-FILTER/1.0/rel/endpoint_group_to_project_association',
  '/OS-EP-FILTER/endpoint_groups/:endpointGroupId/endpoints':
    'ext/OS-EP-FILTER/1.0/rel/endpoints_in_endpoint_group',
  '/OS-EP-FILTER/endpoint_groups/:endpointGroupId/projects':
    'ext/OS-EP-FILTER/1.0/rel/projects_associated_with_endpoint_group',
  '/auth/OS-FEDERATION/websso/:protocolId': 'ext/OS-FEDERATION/1.0/rel/websso',
  '/auth/OS-FEDERATION/identity_providers/:idpId/protocols/:protocolId/websso':
    'ext/OS-FEDERATION/1.0/rel/identity_providers_websso',
  '/policies/:policyId/OS-ENDPOINT-POLICY/endpoints/:endpointId':
    'ext/OS-ENDPOINT-POLICY/1.0/rel/endpoint_policy_association',
  '/policies/:policyId/OS-ENDPOINT-POLICY/services/:serviceId':
    'ext/OS-ENDPOINT-POLICY/1.0/rel/service_policy_association',
  '/policies/:policyId/OS-ENDPOINT-POLICY/services/:serviceId/regions/:regionId':
    'ext/OS-ENDPOINT-POLICY/1.0/rel/region_and_service_policy_association',
};

/** Parameters that belong to an extension. */
const parameterExtensions: Readonly<Record<string, string>> = {
  endpointGroupId: 'OS-EP-FILTER',
  trustId: 'OS-TRUST',
  consumerId: 'OS-OAUTH1',
  requestTokenId: 'OS-OAUTH1',
  accessTokenId: 'OS-OAUTH1',
  idpId: 'OS-FEDERATION',
  protocolId: 'OS-FEDERATION',
  mappingId: 'OS-FEDERATION',
  spId: 'OS-FEDERATION',
};

/** Parameters whose relation has another name. */
const parameterNames: Readonly<Record<string, string>> = {
  group: 'config_group',
  option: 'config_option',
  priorRoleId: 'role_id',
  impliedRoleId: 'role_id',
};

const isExperimental = (path: string): boolean => /^\/(registered_)?limits/.test(path);

/** The JSON home document (draft-nottingham-json-home-03): each path of the API by its relation. */
export function jsonHome(
  routes: readonly Pick<Route, 'path'>[],
  prefix: string,
): { resources: Record<string, unknown> } {
  const resources: Record<string, unknown> = {};
  for (const { path } of routes) {
    const below = path.replace(/^\/v3/, '');
    const relation = `${relations}/${relationPath(below)}`;
    const hints = isExperimental(below) ? { hints: { status: 'experimental' } } : {};
    const parameters = [...below.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
    if (parameters.length === 0) {
      resources[relation] = { href: prefix + below, ...hints };
      continue;
    }
    resources[relation] = {
      'href-template': prefix + below.replace(/:(\w+)/g, (_, name: string) => `{${snake(name)}}`),
      'href-vars': Object.fromEntries(
        parameters.map((name) => [snake(name), parameterRelation(name)]),
      ),
      ...hints,
    };
  }
  return { resources };
}

function parameterRelation(name: string): string {
  const extension = parameterExtensions[name];
  const folder = extension === undefined ? '' : `/ext/${extension}/1.0`;
  return `${relations}${folder}/param/${parameterNames[name] ?? snake(name)}`;
}

const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `/projects/:projectId/tags` is `rel/project_tags`; extensions have a folder of their own. */
function relationPath(path: string): string {
  const known = named[path];
  if (known !== undefined) return known;
  const parts = path.split('/').filter((part) => part !== '');
  const extension = parts.find((part) => part.startsWith('OS-'));
  const words = parts.filter((part) => part !== extension);
  const name = words
    .flatMap((part, index) =>
      part.startsWith(':') ? [] : [words[index + 1]?.startsWith(':') === true ? one(part) : part],
    )
    .join('_');
  return extension === undefined ? `rel/${name}` : `ext/${extension}/1.0/rel/${name}`;
}

const one = (plural: string): string => plural.replace(/ies$/, 'y').replace(/s$/, '');
