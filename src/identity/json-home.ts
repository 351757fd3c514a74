import type { Route } from '../kernel/http/endpoint.ts';

const relations = 'https://docs.openstack.org/api/openstack-identity/3';

/** Names that do not follow from the path. */
const named: Readonly<Record<string, string>> = {
  '/users/:userId/password': 'user_change_password',
  '/users/:userId/application_credentials': 'application_credentials',
  '/users/:userId/application_credentials/:applicationCredentialId': 'application_credential',
  '/users/:userId/access_rules': 'access_rules',
  '/users/:userId/access_rules/:accessRuleId': 'access_rule',
  '/roles/:roleId/implies/:impliedRoleId': 'implied_role',
  '/roles/:roleId/implies': 'implied_roles',
};

/** The JSON home document (draft-nottingham-json-home-03): each path of the API by its relation. */
export function jsonHome(
  routes: readonly Pick<Route, 'path'>[],
  prefix: string,
): { resources: Record<string, unknown> } {
  const resources: Record<string, unknown> = {};
  for (const { path } of routes) {
    const below = path.replace(/^\/v3/, '');
    const relation = `${relations}/${relationPath(below)}`;
    const parameters = [...below.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
    if (parameters.length === 0) {
      resources[relation] = { href: prefix + below };
      continue;
    }
    resources[relation] = {
      'href-template': prefix + below.replace(/:(\w+)/g, (_, name: string) => `{${snake(name)}}`),
      'href-vars': Object.fromEntries(
        parameters.map((name) => [snake(name), `${relations}/param/${snake(name)}`]),
      ),
    };
  }
  return { resources };
}

const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `/projects/:projectId/tags` is `rel/project_tags`; extensions have a folder of their own. */
function relationPath(path: string): string {
  const known = named[path];
  if (known !== undefined) return `rel/${known}`;
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
