import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JWTPayload } from 'jose';
import { oidcProvider } from '../../src/engines/oidc/provider.ts';
import { client, openIdPeerStart, type OpenIdPeer } from '../support/openid.ts';
import { seed, type Answer } from './support.ts';
import { base, tokenIn, ada, companyOpen, roleGive } from './provider-company.ts';

test('memberships outlive the token for as long as the provider may say, then they end by themselves', async () => {
  await using company = await companyOpen({ authorization_ttl: 60 });
  const { cloud, groupId } = company;
  await roleGive(company);
  const first = await company.logIn();
  const userId: string = first.json.token.user.id;
  const scope = { project: { id: cloud.adminProjectId } };
  const scoped = await company.rescope(tokenIn(first), scope);
  const made = await cloud.call('POST', `/v3/users/${userId}/application_credentials`, {
    token: tokenIn(scoped),
    body: { application_credential: { name: 'ci' } },
  });
  assert.equal(made.status, 201, made.text);
  const { id, secret } = made.json.application_credential;
  const logIn = () =>
    cloud.call('POST', '/v3/auth/tokens', {
      token: null,
      body: {
        auth: {
          identity: { methods: ['application_credential'], application_credential: { id, secret } },
        },
      },
    });
  cloud.clock.pass(59 * 60_000);
  const lasting = await logIn();
  assert.equal(lasting.status, 201, lasting.text);
  const groups = async () => {
    const token = await cloud.freshAdmin();
    return (await cloud.call('GET', `/v3/users/${userId}/groups`, { token })).json.groups;
  };
  /** Who is in the group, by each way to ask. */
  const members = async () => {
    const token = await cloud.freshAdmin();
    const ask = (path: string) => cloud.call('GET', path, { token });
    const { users } = (await ask(`/v3/groups/${groupId}/users`)).json;
    const own = await cloud.call('HEAD', `/v3/groups/${groupId}/users/${userId}`, { token });
    const { role_assignments } = (await ask('/v3/role_assignments?effective=true')).json;
    const given = role_assignments.map(({ user }: { user: { id: string } }) => user.id);
    assert.equal(own.status, users.length === 1 ? 204 : 404);
    assert.equal(given.includes(userId), users.length === 1);
    return users.map(({ id: one }: { id: string }) => one);
  };
  assert.deepEqual(await members(), [userId]);
  const [group] = await groups();
  assert.equal(group.id, groupId);
  assert.match(group.membership_expires_at, /^\d{4}-/);
  cloud.clock.pass(60_000);
  const worth = await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(lasting) });
  assert.equal(worth.status, 401, 'a token ends with the membership that it rests on');
  assert.equal((await logIn()).status, 401);
  assert.deepEqual([await groups(), await members()], [[], []]);

  assert.equal((await company.logIn()).status, 201);
  assert.equal((await logIn()).status, 201);
  // The provider does not say it any more.
  assert.equal((await company.logIn({ ...ada, groups: [] })).status, 201);
  assert.equal((await logIn()).status, 401);
  assert.equal((await company.logIn()).status, 201);
  cloud.clock.pass(2 * 60_000);
  const token = await cloud.freshAdmin();
  await cloud.call('PATCH', `${base}/identity_providers/company`, {
    token,
    body: { identity_provider: { authorization_ttl: 1 } },
  });
  assert.equal((await logIn()).status, 401);
});

test('projects and roles are made as the mapping says, and a role that is not there refuses all of it', async () => {
  const projects = [{ name: 'home of {0}', roles: [{ name: 'member' }] }];
  const mapping = [
    {
      local: [{ user: { name: '{0}' } }, { projects }],
      remote: [{ type: 'OIDC-preferred_username' }],
    },
  ];
  await using company = await companyOpen({}, mapping);
  const { cloud, patch } = company;
  const first = await company.logIn();
  assert.equal(first.status, 201, first.text);
  const places = async (answer: Answer) =>
    (await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(answer) })).json.projects;
  const [home] = await places(first);
  assert.equal(home.name, 'home of ada');
  assert.equal(home.domain_id, first.json.token.user.domain.id);
  assert.deepEqual(await places(await company.logIn()), [home]);
  const scoped = await company.rescope(tokenIn(first), { project: { id: home.id } });
  assert.equal(scoped.status, 201);

  const [local] = mapping;
  const wrong = [{ ...local, local: [{ projects: [{ name: 'x', roles: [{ name: 'boss' }] }] }] }];
  await patch(`${base}/mappings/people`, { mapping: { rules: wrong } });
  const refused = await company.logIn();
  assert.equal(refused.status, 404);
  assert.equal(refused.json.error.message, 'Could not find role: boss.');
  const all = (await cloud.call('GET', `/v3/projects?domain_id=${home.domain_id}`)).json.projects;
  assert.equal(all.length, 1);
});

test('a mapping may name users of this cloud, and they come in as at any log-in', async () => {
  const mapping = (user: object) => [
    { local: [{ user: { type: 'local', ...user } }], remote: [{ type: 'OIDC-email' }] },
  ];
  const named = mapping({ name: 'demo', domain: { name: 'Default' } });
  await using company = await companyOpen({}, named);
  const { patch } = company;
  const answer = await company.logIn();
  assert.equal(answer.status, 201, answer.text);
  const { user, project, methods } = answer.json.token;
  assert.deepEqual([user.name, project.name, methods], ['demo', 'demo', ['openid']]);
  assert.equal(user['OS-FEDERATION'], undefined);
  const token = tokenIn(answer);
  const headers = { 'X-Subject-Token': token };
  const shown = await company.cloud.call('GET', '/v3/auth/tokens', { headers });
  assert.deepEqual(shown.json.token, answer.json.token);
  const again = await company.rescope(token, undefined);
  assert.equal(again.json.token.project.name, 'demo');
  const worth = async () =>
    (await company.cloud.call('GET', '/v3/auth/projects', { token })).status;
  assert.equal(await worth(), 200);
  const enable = (enabled: boolean) =>
    patch(`${base}/identity_providers/company`, { identity_provider: { enabled } });
  await enable(false);
  assert.equal(await worth(), 401, 'an account does not outlive the provider it was opened by');
  await enable(true);
  const use = (rules: unknown) => patch(`${base}/mappings/people`, { mapping: { rules } });
  await use(mapping({ id: user.id }));
  assert.equal((await company.logIn()).json.token.user.id, user.id);
  for (const nobody of [{ name: 'demo' }, { id: 'f'.repeat(32) }, {}]) {
    await use(mapping(nobody));
    assert.equal((await company.logIn()).status, 401);
  }
  await use(mapping({ id: user.id }));
  await patch(`/v3/users/${user.id}`, { user: { enabled: false } });
  assert.equal((await company.logIn()).status, 401);
});

test('an account of the cloud may be what somebody of a provider logs in to', async () => {
  await using company = await companyOpen();
  const { cloud, patch } = company;
  const federated = (unique_id: string, protocol_id = 'openid', idp_id = 'company') => [
    { idp_id, protocols: [{ protocol_id, unique_id }] },
  ];
  const user = await cloud.create('/v3/users', {
    user: { name: 'x', federated: federated('ada/1') },
  });
  assert.deepEqual(user.federated, federated('ada/1'));
  assert.equal((await company.logIn()).json.token.user.id, user.id);
  assert.equal((await cloud.call('GET', `/v3/users/${user.id}`)).json.user.name, 'x');
  const moved = await patch(`/v3/users/${user.id}`, { user: { federated: federated('bob') } });
  assert.deepEqual(moved.json.user.federated, federated('bob'));
  assert.notEqual((await company.logIn()).json.token.user.id, user.id);
  const other = { user: { name: 'y', federated: federated('bob') } };
  assert.equal((await cloud.call('POST', '/v3/users', { body: other })).status, 409);
  for (const wrong of [federated('y', 'saml2'), federated('y', 'openid', 'none'), [{}]]) {
    const body = { user: { name: 'y', federated: wrong } };
    assert.equal((await cloud.call('POST', '/v3/users', { body })).status, 400);
  }
});

test('nobody of a provider is taken for somebody who was here before', async () => {
  await using company = await companyOpen({ domain_id: 'default' });
  const { cloud, peer } = company;
  const namesake = await company.logIn({ ...ada, preferred_username: 'demo' });
  assert.equal(namesake.status, 201, namesake.text);
  const { user } = namesake.json.token;
  assert.deepEqual([user.name, user.domain.id], [user.id, 'default']);
  assert.equal((await cloud.logIn('demo', seed.demoPassword)).status, 201);
  // A second provider of the same domain says to have the same person.
  const path = `${base}/identity_providers/second`;
  await using second = await openIdPeerStart();
  (cloud.world.oidc as Map<string, unknown>).set(
    'second',
    oidcProvider({ issuer: second.issuer, client_id: client.id }, { now: () => cloud.clock.now() }),
  );
  const body = { identity_provider: { enabled: true, domain_id: 'default' } };
  assert.equal((await cloud.call('PUT', path, { body })).status, 201);
  const protocol = { body: { protocol: { mapping_id: 'people' } } };
  assert.equal((await cloud.call('PUT', `${path}/protocols/openid`, protocol)).status, 201);
  const come = async (from: OpenIdPeer, claims: JWTPayload) =>
    await cloud.call('POST', `${path}/protocols/openid/auth`, {
      token: null,
      headers: { Authorization: `Bearer ${await from.token(claims)}` },
    });
  assert.equal((await come(second, ada)).status, 401);
  assert.equal((await come(second, { ...ada, sub: 'bob' })).status, 201);
  assert.equal((await come(peer, { ...ada, sub: 'bob' })).status, 401);
});

test('log-ins of one new person at one time make one user', async () => {
  await using company = await companyOpen();
  const answers = await Promise.all(Array.from({ length: 8 }, () => company.logIn()));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  assert.equal(new Set(answers.map(({ json }) => json.token.user.id)).size, 1);
});
