/** Every route by every persona on what is its own and what is not: asked of the running service, over HTTP. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { identityEndpoints } from '../../src/identity/identity.api.ts';
import { Failure } from '../../src/kernel/errors.ts';
import type { Route } from '../../src/kernel/http/endpoint.ts';
import { sampleOf, type Values } from './sample.ts';
import { cloudOpen, type TestCloud } from '../identity/support.ts';

const roles = ['admin', 'manager', 'member', 'reader'] as const;
const path = 'test/expected/identity-routes.txt';

/** A domain and one of everything in it, by the names that paths and bodies have for them. */
async function cornerOf(cloud: TestCloud, name: string, shared: Values): Promise<Values> {
  const domain = await cloud.create('/v3/domains', { domain: { name } });
  const of = { domain_id: domain.id };
  const user = await cloud.create('/v3/users', {
    user: { name: 'someone', password: 'pw', ...of },
  });
  const other = await cloud.create('/v3/users', { user: { name: 'other', ...of } });
  const project = await cloud.create('/v3/projects', { project: { name: 'p', ...of } });
  const group = await cloud.create('/v3/groups', { group: { name: 'g', ...of } });
  return {
    ...shared,
    domainId: domain.id,
    domain_id: domain.id,
    userId: user.id,
    user_id: user.id,
    trustor_user_id: user.id,
    trustee_user_id: other.id,
    projectId: project.id,
    project_id: project.id,
    tenant_id: project.id,
    groupId: group.id,
  };
}

async function sharedOf(cloud: TestCloud): Promise<Values> {
  const first = async (key: string, more = ''): Promise<string> =>
    (await cloud.call('GET', `/v3/${key}${more}`)).json[key][0].id;
  const member = await first('roles', '?name=member');
  const serviceId = await first('services');
  return {
    roleId: member,
    priorRoleId: member,
    impliedRoleId: await first('roles', '?name=reader'),
    serviceId,
    service_id: serviceId,
    endpointId: await first('endpoints'),
    regionId: 'RegionOne',
    region_id: 'RegionOne',
    group: 'identity',
    option: 'driver',
    interface: 'public',
    url: 'http://sample/',
    auth_url: 'http://sample/',
    sp_url: 'http://sample/',
    name: 'sample',
    tag: 'sample',
  };
}

interface Persona {
  readonly name: string;
  readonly token: string;
}

/** All of them in the own corner: only the scope differs, and the role in it. */
async function personasOf(cloud: TestCloud, own: Values): Promise<Persona[]> {
  const { roles: all } = (await cloud.call('GET', '/v3/roles')).json;
  const idOf = (name: string): string =>
    all.find((role: { name: string }) => role.name === name).id;
  const personas: Persona[] = [];
  const scopes = {
    system: { path: '/v3/system', scope: { system: { all: true } } },
    domain: { path: `/v3/domains/${own['domainId']}`, scope: { domain: { id: own['domainId'] } } },
    project: {
      path: `/v3/projects/${own['projectId']}`,
      scope: { project: { id: own['projectId'] } },
    },
  };
  for (const [kind, { path: at, scope }] of Object.entries(scopes)) {
    for (const role of kind === 'project' ? [...roles, 'service'] : roles) {
      const name = `${kind} ${role}`;
      const user = await cloud.create('/v3/users', { user: { name, password: 'pw' } });
      await cloud.call('PUT', `${at}/users/${user.id}/roles/${idOf(role)}`);
      personas.push({ name, token: await cloud.tokenOf(name, 'pw', scope) });
    }
  }
  const domain = { id: own['domainId'] };
  const login = await cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    body: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'someone', domain, password: 'pw' } },
        },
      },
    },
  });
  const token = login.headers.get('x-subject-token') ?? '';
  return [...personas, { name: 'the user', token }];
}

/** What the rules let through ends here: nothing is changed, so every cell is asked of the same cloud. */
const letThrough = new Failure('not_implemented', 'let through');

function cellOf(status: number): string {
  if (status === 403) return '.';
  if (status === 404) return '-';
  if (status === 401) return '!';
  assert(status < 500 || status === 501, `answered ${status}`);
  return 'A';
}

const bodyOf = ({ body }: Route, values: Values): unknown =>
  body === undefined || body === 'stream' || 'from' in body ? undefined : sampleOf(body, values);

test('what every persona may do with every route is what was reviewed', async () => {
  await using cloud = await cloudOpen();
  const shared = await sharedOf(cloud);
  const own = await cornerOf(cloud, 'own', shared);
  const foreign = await cornerOf(cloud, 'foreign', shared);
  const personas = await personasOf(cloud, own);
  cloud.refuseWrites(letThrough);
  const routes = identityEndpoints.filter(({ route }) => route.auth !== 'none');
  const lines: string[] = [];
  for (const { route } of routes) {
    const cells: string[] = [];
    for (const { token } of personas) {
      const pair: string[] = [];
      for (const corner of [own, foreign]) {
        const place = route.path.replace(/:(\w+)/g, (_, name: string) => corner[name] ?? 'none');
        const body = bodyOf(route, corner);
        const answer = await cloud.call(route.method, place, {
          token,
          ...(body !== undefined && { body }),
          // Only the token routes read it: a token of somebody in that corner.
          headers: { 'X-Subject-Token': token },
        });
        pair.push(cellOf(answer.status));
      }
      cells.push(pair.join(''));
    }
    lines.push(` ${cells.join(' ')}  ${route.method} ${route.path}`);
  }
  const head = [
    'What each persona may do in its own domain and project (first sign) and in a foreign one (second):',
    'A let through, . forbidden (403), - not found (404), ! not authenticated (401).',
    '',
    ...personas.map(({ name }, index) => ` ${' | '.repeat(index)} ${name}`),
    '',
  ];
  const actual = `${[...head, ...lines.toSorted((a, b) => (a.slice(44) < b.slice(44) ? -1 : 1))].join('\n')}\n`;
  if (process.env['UPDATE_EXPECTED'] !== undefined) writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, 'utf8'));
});
