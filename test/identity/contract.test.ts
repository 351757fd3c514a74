import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { identityApi, identityEndpoints } from '../../src/identity/identity.api.ts';
import { jsonHome } from '../../src/identity/json-home.ts';
import { identityPolicies } from '../../src/identity/identity.policy.ts';
import { secretKey } from '../../src/identity/secret-box.ts';
import { tokenIssue } from '../../src/identity/token.ts';
import { tokenResolve } from '../../src/identity/token-state.ts';
import { cloudOpen, seed, worldMake } from './support.ts';

const pathOf = (template: string): string => template.replace(/:\w+/g, 'f'.repeat(32));

test('every endpoint but those that log in is 401 without a token, or with one that is worth nothing', async () => {
  await using cloud = await cloudOpen();
  const { endpoints } = identityApi(cloud.world);
  const open = endpoints.filter(({ route }) => route.auth === 'none').map(({ route }) => route.id);
  assert.deepEqual(open, [
    'versions.list',
    'versions.get',
    'tokens.create',
    'federation.logInByGet',
    'federation.logIn',
    'websso.startByProtocol',
    'websso.startByProtocolPosted',
    'websso.start',
    'websso.startPosted',
    'users.password',
    'oauth2.token',
    'oauth1.requestToken',
    'oauth1.accessToken',
  ]);
  const expired = await cloud.tokenOf('demo', seed.demoPassword);
  const cut = cloud.admin.slice(0, -6);
  cloud.clock.pass(3_600_001);
  const admin = await cloud.freshAdmin();
  const revoked = await cloud.tokenOf('demo', seed.demoPassword);
  const headers = { 'X-Subject-Token': revoked };
  assert.equal(
    (await cloud.call('DELETE', '/v3/auth/tokens', { token: admin, headers })).status,
    204,
  );
  const stranger = await worldMake(cloud.engine, cloud.clock, {
    key: secretKey(Buffer.alloc(32, 1)),
  });
  const { claims } = (await tokenResolve(cloud.world, admin)) ?? assert.fail();
  const foreign = (await tokenIssue(stranger, claims))?.text ?? assert.fail();
  const worthless = Object.entries({
    none: null,
    junk: 'gAAAAfake',
    expired,
    revoked,
    cut,
    foreign,
  });
  for (const { route } of identityEndpoints) {
    if (route.auth === 'none') continue;
    for (const [name, token] of worthless) {
      const answer = await cloud.call(route.method, pathOf(route.path), { token });
      assert.equal(answer.status, 401, `${route.id} with ${name}`);
    }
  }
});

test('every rule that is asked is declared, and every rule declared is asked', async () => {
  const asked = new Set(identityEndpoints.flatMap(({ route }) => route.rule ?? []));
  for (const rule of asked) assert(rule in identityPolicies, rule);
  const byRoute = new Set(asked);
  // Asked beside the rule of the route, by what the request says.
  for (const more of [
    'list_domain_roles',
    'get_domain_role',
    'create_domain_role',
    'update_domain_role',
    'delete_domain_role',
    'get_security_compliance_domain_config',
    'list_role_assignments_for_tree',
    'list_trusts_for_trustor',
    'list_trusts_for_trustee',
  ]) {
    byRoute.add(`identity:${more}`);
  }
  const unused = Object.keys(identityPolicies).filter(
    (rule) => rule.startsWith('identity:') && !byRoute.has(rule),
  );
  assert.deepEqual(unused, []);
});

test('every endpoint has an id of its own, a summary and declared answers', () => {
  const ids = identityEndpoints.map(({ route }) => route.id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { route } of identityEndpoints) {
    assert(route.summary !== undefined && Object.keys(route.reply).length > 0, route.id);
  }
});

test('discovery needs no token and names the mount that was asked', async () => {
  await using cloud = await cloudOpen();
  for (const mount of ['', '/identity']) {
    const root = await cloud.call('GET', `${mount}/`, { token: null });
    assert.equal(root.status, 300);
    const [version] = root.json.versions.values;
    assert.equal(version.id, 'v3.14');
    assert.match(version.links[0].href, new RegExp(`^http://127.0.0.1:\\d+${mount}/v3/$`));
    assert.equal(root.headers.get('location'), version.links[0].href);
    const one = await cloud.call('GET', `${mount}/v3`, { token: null });
    assert.deepEqual(one.json.version, version);
    assert.equal((await cloud.call('GET', `${mount}/v3/`, { token: null })).status, 200);
  }
});

test('the JSON home document tells where things are', async () => {
  await using cloud = await cloudOpen();
  const headers = { Accept: 'application/json-home' };
  const { json, headers: got } = await cloud.call('GET', '/v3', { token: null, headers });
  assert.equal(got.get('content-type'), 'application/json-home');
  const at = (name: string) =>
    json.resources[`https://docs.openstack.org/api/openstack-identity/3/${name}`];
  assert.deepEqual(at('rel/users'), { href: '/users' });
  assert.equal(at('rel/user')['href-template'], '/users/{user_id}');
  assert.equal(at('rel/auth_tokens').href, '/auth/tokens');
  assert.equal(at('rel/user_change_password')['href-template'], '/users/{user_id}/password');
  assert.equal(
    at('rel/project_user_role')['href-template'],
    '/projects/{project_id}/users/{user_id}/roles/{role_id}',
  );
  assert.equal(at('ext/OS-TRUST/1.0/rel/trusts').href, '/OS-TRUST/trusts');
});

test('the JSON home document is the one that was held against Keystone', async () => {
  const path = 'test/expected/identity-home.txt';
  const { resources } = jsonHome(
    identityEndpoints.map(({ route }) => route),
    '/v3',
  );
  const lines = Object.entries(resources).map(([relation, place]) =>
    `${relation} ${JSON.stringify(place)}`.replaceAll(
      'https://docs.openstack.org/api/openstack-identity/3/',
      '',
    ),
  );
  const actual = `${lines.toSorted().join('\n')}\n`;
  if (process.env['UPDATE_EXPECTED'] !== undefined) writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, 'utf8'));
});

test('unknown paths and wrong methods are told in the envelope of the API', async () => {
  await using cloud = await cloudOpen();
  const missing = await cloud.call('GET', '/v3/nothing');
  assert.equal(missing.status, 404);
  assert.deepEqual(missing.json.error.code, 404);
  const wrong = await cloud.call('PUT', '/v3/users');
  assert.equal(wrong.status, 405);
  assert.equal(wrong.json.error.title, 'Method Not Allowed');
  const bad = await cloud.call('POST', '/v3/users', { body: { user: { name: 7 } } });
  assert.equal(bad.status, 400);
});
