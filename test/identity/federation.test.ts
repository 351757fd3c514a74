import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JWTPayload } from 'jose';
import { oidcProvider } from '../../src/engines/oidc/provider.ts';
import { client, openIdPeerStart, type OpenIdPeer } from '../support/openid.ts';
import { cloudOpen, seed, type Answer, type TestCloud } from './support.ts';

const base = '/v3/OS-FEDERATION';
const authPath = `${base}/identity_providers/company/protocols/openid/auth`;
const tokenIn = ({ headers }: Answer): string => headers.get('x-subject-token') ?? '';

/** People by their subject, groups of theirs that have the same name here. */
const rules = [
  {
    local: [{ user: { id: '{0}', name: '{1}', email: '{2}' } }],
    remote: [
      { type: 'HTTP_OIDC_SUB' },
      { type: 'OIDC-preferred_username' },
      { type: 'OIDC-email' },
    ],
  },
  {
    local: [{ groups: '{0}', domain: { id: 'default' } }],
    remote: [{ type: 'OIDC-groups' }],
  },
];

const ada: JWTPayload = {
  sub: 'ada/1',
  preferred_username: 'ada',
  email: 'ada@example.org',
  groups: ['ops', 'unknown here'],
};

interface Company extends AsyncDisposable {
  readonly cloud: TestCloud;
  readonly peer: OpenIdPeer;
  readonly groupId: string;
  /** Comes with these claims. */
  readonly logIn: (claims?: JWTPayload) => Promise<Answer>;
  readonly come: (authorization: string | null) => Promise<Answer>;
  readonly rescope: (token: string, scope: unknown) => Promise<Answer>;
  readonly patch: (path: string, body: unknown) => Promise<Answer>;
}

async function companyOpen(provider: object = {}, mapping: unknown = rules): Promise<Company> {
  const peer = await openIdPeerStart();
  const cloud = await cloudOpen({}, (clock) => {
    const options = { issuer: peer.issuer, client_id: client.id };
    return new Map([['sso', oidcProvider(options, { now: () => clock.now() })]]);
  });
  const put = async (path: string, body: unknown): Promise<void> => {
    const answer = await cloud.call('PUT', `${base}${path}`, { body });
    assert.equal(answer.status, 201, answer.text);
  };
  await put('/identity_providers/company', {
    identity_provider: { enabled: true, remote_ids: [peer.issuer], ...provider },
  });
  await put('/mappings/people', { mapping: { rules: mapping } });
  await put('/identity_providers/company/protocols/openid', {
    protocol: { mapping_id: 'people' },
  });
  const group = await cloud.create('/v3/groups', { group: { name: 'ops' } });
  const come = (authorization: string | null) =>
    cloud.call('POST', authPath, {
      token: null,
      ...(authorization !== null && { headers: { Authorization: authorization } }),
    });
  return {
    cloud,
    peer,
    groupId: group.id,
    come,
    logIn: async (claims = ada) => {
      const exp = Math.floor(cloud.clock.now() / 1000) + 300;
      return await come(`Bearer ${await peer.token({ exp, ...claims })}`);
    },
    rescope: (token, scope) =>
      cloud.call('POST', '/v3/auth/tokens', {
        token: null,
        body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope } },
      }),
    patch: (path, body) => cloud.call('PATCH', path, { body }),
    async [Symbol.asyncDispose]() {
      await cloud[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    },
  };
}

async function roleGive({ cloud, groupId }: Company): Promise<string> {
  const [role] = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  const path = `/v3/projects/${cloud.adminProjectId}/groups/${groupId}/roles/${role.id}`;
  assert.equal((await cloud.call('PUT', path)).status, 204);
  return path;
}

test('somebody of a provider comes in with its token, is the same at each log-in, and has a place by a group', async () => {
  await using company = await companyOpen();
  const { cloud, groupId, rescope } = company;
  await roleGive(company);
  const first = await company.logIn();
  assert.equal(first.status, 201, first.text);
  const { user, methods, project, roles } = first.json.token;
  assert.deepEqual([methods, project, roles], [['openid'], undefined, undefined]);
  assert.equal(user.name, 'ada');
  assert.equal('password_expires_at' in user, false);
  assert.deepEqual(user['OS-FEDERATION'], {
    groups: [{ id: groupId }],
    identity_provider: { id: 'company' },
    protocol: { id: 'openid' },
  });
  assert.equal((await company.logIn()).json.token.user.id, user.id);
  assert(tokenIn(first).length < 255);

  const projects = await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(first) });
  assert.deepEqual(
    projects.json.projects.map(({ id }: { id: string }) => id),
    [cloud.adminProjectId],
  );
  const old = await cloud.call('GET', `${base}/projects`, { token: tokenIn(first) });
  assert.deepEqual(old.json.projects, projects.json.projects);
  assert.equal((await cloud.call('GET', `${base}/domains`, { token: tokenIn(first) })).status, 200);

  const scoped = await rescope(tokenIn(first), { project: { id: cloud.adminProjectId } });
  assert.equal(scoped.status, 201, scoped.text);
  const { token } = scoped.json;
  assert.deepEqual(token.methods.toSorted(), ['openid', 'token']);
  assert.deepEqual(token.user, user);
  assert.equal(token.expires_at, first.json.token.expires_at);
  assert(token.roles.some(({ name }: { name: string }) => name === 'member'));
  assert(tokenIn(scoped).length < 255);
  const headers = { 'X-Subject-Token': tokenIn(scoped) };
  assert.deepEqual((await cloud.call('GET', '/v3/auth/tokens', { headers })).json.token, token);

  const shown = (await cloud.call('GET', `/v3/users/${user.id}`)).json.user;
  assert.equal(shown.email, 'ada@example.org');
  const [idp] = (await cloud.call('GET', `${base}/identity_providers`)).json.identity_providers;
  assert.equal(shown.domain_id, idp.domain_id);
  assert.deepEqual(shown.federated, [
    { idp_id: 'company', protocols: [{ protocol_id: 'openid', unique_id: 'ada/1' }] },
  ]);
  for (const [query, count] of [
    ['idp_id=company&unique_id=ada/1', 1],
    ['protocol_id=saml2', 0],
  ] as const) {
    const { users } = (await cloud.call('GET', `/v3/users?${query}`)).json;
    assert.equal(users.length, count);
  }
  // The user of a provider has no password here.
  const byPassword = await cloud.logIn('ada', '');
  assert.equal(byPassword.status, 401);
});

test('whatever is taken away is gone from the tokens of those who came from a provider', async () => {
  await using company = await companyOpen();
  const { cloud, rescope, patch } = company;
  const grant = await roleGive(company);
  const unscoped = tokenIn(await company.logIn());
  const scope = { project: { id: cloud.adminProjectId } };
  const scoped = async () => tokenIn(await rescope(unscoped, scope));
  const worth = async (token: string) =>
    (await cloud.call('GET', '/v3/auth/projects', { token })).status;

  let token = await scoped();
  assert.equal(await worth(token), 200);
  await cloud.call('DELETE', grant);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 200]);
  await roleGive(company);
  token = await scoped();

  const path = `${base}/identity_providers/company`;
  const enable = (enabled: boolean) => patch(path, { identity_provider: { enabled } });
  await enable(false);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 401]);
  const refused = await company.logIn();
  assert.equal(refused.status, 403);
  assert.equal(refused.json.error.message, 'Identity Provider company is disabled');
  await enable(true);
  token = await scoped();
  assert.equal(await worth(token), 200);
  await cloud.call('DELETE', `${path}/protocols/openid`);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 401]);
  const gone = await company.logIn();
  assert.equal(gone.status, 404);
  assert.match(gone.json.error.message, /federated protocol openid for Identity Provider: company/);
  await cloud.call('PUT', `${path}/protocols/openid`, {
    body: { protocol: { mapping_id: 'people' } },
  });
  const again = await company.logIn();
  assert.equal(again.status, 201, 'the same person as before');
  await cloud.call('DELETE', `/v3/groups/${company.groupId}`);
  assert.deepEqual(
    (await company.logIn()).json.token.user['OS-FEDERATION'].groups,
    [],
    'a group that is not there any more is nobody of',
  );
  await cloud.call('DELETE', path);
  assert.equal(await worth(tokenIn(again)), 401);
  assert.equal((await company.logIn()).status, 404);
});

test('no token but a good one of the right provider comes in, and the answer does not say why', async () => {
  await using company = await companyOpen();
  await using stranger = await openIdPeerStart();
  const { peer, cloud } = company;
  const good = await peer.token(ada);
  const events = () => cloud.events.filter(({ action }) => action === 'authenticate');
  const told = [
    null,
    '',
    'Bearer',
    `Basic ${good}`,
    'Bearer x',
    'Bearer a.b.c',
    `Bearer ${good}x`,
    `Bearer ${'x'.repeat(12_289)}`,
    `Bearer ${await peer.token({ ...ada, aud: 'another' })}`,
    `Bearer ${await peer.token({ ...ada, exp: 1 })}`,
    `Bearer ${await stranger.token(ada)}`,
    `Bearer ${await stranger.token({ ...ada, iss: peer.issuer })}`,
  ];
  for (const authorization of told) {
    const before = events().length;
    const answer = await company.come(authorization);
    assert.equal(answer.status, 401, String(authorization));
    assert.equal(answer.json.error.message, 'The request you have made requires authentication.');
    const event = events()[before];
    assert.equal(event?.outcome, 'failure');
    assert(!JSON.stringify(event).includes(good), 'the audit trail has no token');
  }
  const unmapped = await company.logIn({ sub: 'x' });
  assert.equal(unmapped.status, 401);
  assert.match(JSON.stringify(events().at(-1)), /no rule of the mapping fits/);
  assert.deepEqual((await company.logIn()).status, 201);
  assert.equal(events().at(-1)?.outcome, 'success');
  // Another identity provider of this cloud does not take them.
  const path = `${base}/identity_providers/other`;
  const body = { identity_provider: { enabled: true, remote_ids: ['https://other'] } };
  assert.equal((await cloud.call('PUT', path, { body })).status, 201);
  const protocol = { body: { protocol: { mapping_id: 'people' } } };
  assert.equal((await cloud.call('PUT', `${path}/protocols/openid`, protocol)).status, 201);
  const there = await cloud.call('GET', `${path}/protocols/openid/auth`, {
    token: null,
    headers: { Authorization: `Bearer ${good}` },
  });
  assert.equal(there.status, 401);
});

test('a provider that cannot be asked is a 503 and no bug', async () => {
  await using company = await companyOpen();
  const { peer } = company;
  peer.trouble = { status: 500, text: '' };
  const answer = await company.logIn();
  assert.equal(answer.status, 503);
  assert(!answer.text.includes(peer.issuer));
  peer.trouble = null;
  assert.equal((await company.logIn()).status, 201);
});

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
  const [group] = await groups();
  assert.equal(group.id, groupId);
  assert.match(group.membership_expires_at, /^\d{4}-/);
  cloud.clock.pass(60_000);
  const worth = await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(lasting) });
  assert.equal(worth.status, 401, 'a token ends with the membership that it rests on');
  assert.equal((await logIn()).status, 401);
  assert.deepEqual(await groups(), []);

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
