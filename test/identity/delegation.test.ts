import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRuleMet } from '../../src/identity/application-credential.model.ts';
import { cloudOpen, seed, type Answer, type TestCloud } from './support.ts';

const logInWith = (cloud: TestCloud, application_credential: unknown, scope?: unknown) =>
  cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    body: {
      auth: {
        identity: { methods: ['application_credential'], application_credential },
        ...(scope !== undefined && { scope }),
      },
    },
  });

const tokenIn = ({ headers }: Answer): string => headers.get('x-subject-token') ?? '';

async function demoOf(cloud: TestCloud) {
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  const { json } = await cloud.call('GET', '/v3/auth/tokens', {
    headers: { 'X-Subject-Token': token },
  });
  const { user, project } = json.token;
  const path = `/v3/users/${user.id}/application_credentials`;
  const make = (wanted: object, as = token) =>
    cloud.call('POST', path, {
      token: as,
      body: { application_credential: { name: 'ci', ...wanted } },
    });
  return { token, userId: user.id as string, projectId: project.id as string, path, make };
}

test('an application credential opens its project with its roles, and only by its secret', async () => {
  await using cloud = await cloudOpen();
  const { make, userId, projectId, path, token } = await demoOf(cloud);
  const made = await make({ roles: [{ name: 'reader' }] });
  assert.equal(made.status, 201);
  const { id, secret, name } = made.json.application_credential;
  const shown = await cloud.call('GET', `${path}/${id}`, { token });
  assert.equal(shown.json.application_credential.secret, undefined);
  const byId = await logInWith(cloud, { id, secret });
  assert.equal(byId.status, 201);
  assert.equal(byId.json.token.project.id, projectId);
  assert.deepEqual(byId.json.token.application_credential, { id, name, restricted: true });
  assert.deepEqual(
    byId.json.token.roles.map((role: { name: string }) => role.name),
    ['reader'],
  );
  const user = { name: 'demo', domain: { name: 'Default' } };
  assert.equal((await logInWith(cloud, { name, user, secret })).status, 201);
  assert.equal((await logInWith(cloud, { name, user: { id: userId }, secret })).status, 201);
  assert.equal((await logInWith(cloud, { id, secret: 'wrong' })).status, 401);
  assert.equal((await logInWith(cloud, { id: 'f'.repeat(32), secret })).status, 401);
  const scope = { project: { id: projectId } };
  assert.equal((await logInWith(cloud, { id, secret }, scope)).status, 401);
  assert.equal((await make({})).status, 409);
  assert.equal((await make({ name: 'x', roles: [{ name: 'admin' }] })).status, 400);
  assert.equal((await make({ name: 'x', expires_at: '2001-01-01T00:00:00' })).status, 400);
  assert.equal((await cloud.call('DELETE', `${path}/${id}`, { token })).status, 204);
  const after = await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(byId) });
  assert.equal(after.status, 401);
});

test('an application credential ends with its time, its role or its user', async () => {
  await using cloud = await cloudOpen();
  const { make, userId, projectId } = await demoOf(cloud);
  const expires_at = new Date(cloud.clock.now() + 60_000).toISOString().replace('Z', '456');
  const brief = (await make({ expires_at })).json.application_credential;
  assert.equal(brief.expires_at, expires_at);
  const token = tokenIn(await logInWith(cloud, { id: brief.id, secret: brief.secret }));
  const lasting = (await make({ name: 'lasting' })).json.application_credential;
  cloud.clock.pass(60_001);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 401);
  assert.equal((await logInWith(cloud, { id: brief.id, secret: brief.secret })).status, 401);

  const open = () => logInWith(cloud, { id: lasting.id, secret: lasting.secret });
  assert.equal((await open()).status, 201);
  const [role] = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  await cloud.call('DELETE', `/v3/projects/${projectId}/users/${userId}/roles/${role.id}`);
  assert.equal((await open()).status, 401);
  await cloud.call('DELETE', `/v3/users/${userId}`);
  assert.equal((await open()).status, 401);
});

test('an application credential is the client of OAuth 2.0', async () => {
  await using cloud = await cloudOpen();
  const { make } = await demoOf(cloud);
  const { id, secret } = (await make({ name: 'robot' })).json.application_credential;
  const ask = async (authorization: string, form: string) => {
    const response = await fetch(`${cloud.url}/v3/OS-OAUTH2/token`, {
      method: 'POST',
      headers: {
        ...(authorization !== '' && { Authorization: authorization }),
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: form,
    });
    return { status: response.status, json: JSON.parse(await response.text()) };
  };
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  const grant = 'grant_type=client_credentials';
  const { status, json } = await ask(basic(`${id}:${secret}`), grant);
  assert.equal(status, 200);
  assert.equal(json.token_type, 'Bearer');
  assert.equal(json.expires_in, 3600);
  const token = json.access_token;
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 200);
  for (const [authorization, form, error] of [
    [basic(`${id}:wrong`), grant, 'invalid_client'],
    [basic(id), grant, 'invalid_client'],
    ['', grant, 'invalid_client'],
    ['Bearer x', grant, 'invalid_client'],
    [basic(`${id}:${secret}`), '', 'invalid_request'],
    [basic(`${id}:${secret}`), 'grant_type=password', 'unsupported_grant_type'],
  ] as const) {
    assert.equal((await ask(authorization, form)).json.error, error);
  }
});

test('a restricted credential makes no others, an unrestricted one does, and neither reaches keys', async () => {
  await using cloud = await cloudOpen();
  const { make, userId } = await demoOf(cloud);
  const open = async (wanted: object): Promise<string> => {
    const { id, secret } = (await make(wanted)).json.application_credential;
    return tokenIn(await logInWith(cloud, { id, secret }));
  };
  const restricted = await open({ name: 'restricted' });
  const unrestricted = await open({ name: 'unrestricted', unrestricted: true });
  assert.equal((await make({ name: 'a' }, restricted)).status, 403);
  assert.equal((await make({ name: 'a' }, unrestricted)).status, 201);
  for (const token of [restricted, unrestricted]) {
    const ec2 = await cloud.call('GET', `/v3/users/${userId}/credentials/OS-EC2`, { token });
    assert.equal(ec2.status, 403);
    assert.equal((await cloud.call('GET', '/v3/credentials', { token })).status, 403);
    const again = await cloud.call('POST', '/v3/auth/tokens', {
      token: null,
      body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope: 'unscoped' } },
    });
    assert.equal(again.status, 403);
  }
});

test('somebody else cannot see, use up or delete a credential by naming it under the own path', async () => {
  await using cloud = await cloudOpen();
  const { make } = await demoOf(cloud);
  const { id } = (await make({})).json.application_credential;
  const eve = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const token = await cloud.tokenOf('eve', 'pw');
  for (const method of ['GET', 'DELETE']) {
    const path = `/v3/users/${eve.id}/application_credentials/${id}`;
    assert.equal((await cloud.call(method, path, { token })).status, 403);
  }
});

test('access rules bound a credential to what they name', async () => {
  await using cloud = await cloudOpen();
  const { make, userId, token } = await demoOf(cloud);
  const access_rules = [{ service: 'identity', method: 'GET', path: '/v3/users/{user_id}' }];
  const {
    id,
    secret,
    access_rules: rules,
  } = (await make({ access_rules })).json.application_credential;
  const bound = tokenIn(await logInWith(cloud, { id, secret }));
  assert.equal((await cloud.call('GET', `/v3/users/${userId}`, { token: bound })).status, 200);
  assert.equal(
    (await cloud.call('GET', `/identity/v3/users/${userId}`, { token: bound })).status,
    200,
  );
  assert.equal(
    (await cloud.call('GET', `/v3/users/${userId}/groups`, { token: bound })).status,
    401,
  );
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token: bound })).status, 200);
  const headers = { 'X-Subject-Token': bound };
  assert.equal((await cloud.call('GET', '/v3/auth/tokens', { headers })).status, 404);
  const minding = { ...headers, 'OpenStack-Identity-Access-Rules': '1.0' };
  assert.equal((await cloud.call('GET', '/v3/auth/tokens', { headers: minding })).status, 200);
  const rulePath = `/v3/users/${userId}/access_rules/${rules[0].id}`;
  assert.equal((await cloud.call('DELETE', rulePath, { token })).status, 403);
  const again = await make({ name: 'second', access_rules: [{ id: rules[0].id }] });
  assert.deepEqual(again.json.application_credential.access_rules, rules);
});

test('the stars of access rules stand for one part of a path, two for any number', () => {
  const meets = (path: string, asked: string): boolean =>
    isRuleMet([{ id: '', service: 'compute', method: 'GET', path }], {
      services: ['compute'],
      method: 'GET',
      path: asked,
    });
  assert(meets('/v2.1/servers/*/ips', '/v2.1/servers/1/ips'));
  assert(!meets('/v2.1/servers/*', '/v2.1/servers/1/ips'));
  assert(meets('/v2.1/**', '/v2.1/servers/1/ips'));
  assert(meets('/v2.1/servers/{id}', '/v2.1/servers/1'));
  assert(!meets('/v2.1/servers', '/v2x1/servers'));
  assert(!meets('/v2.1/servers', '/v2.1/servers/1'));
});

async function trustsOf(cloud: TestCloud) {
  const demo = await demoOf(cloud);
  const eve = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const give = (wanted: object, token = demo.token) =>
    cloud.call('POST', '/v3/OS-TRUST/trusts', {
      token,
      body: {
        trust: {
          trustor_user_id: demo.userId,
          trustee_user_id: eve.id,
          impersonation: false,
          project_id: demo.projectId,
          roles: [{ name: 'member' }],
          ...wanted,
        },
      },
    });
  const use = (id: string) => cloud.logIn('eve', 'pw', { 'OS-TRUST:trust': { id } });
  return { ...demo, eveId: eve.id as string, give, use };
}

test('a trust lets the trustee act on the project, as himself or as the trustor', async () => {
  await using cloud = await cloudOpen();
  const { give, use, userId, eveId, projectId } = await trustsOf(cloud);
  const plain = (await give({})).json.trust;
  const asSelf = await use(plain.id);
  assert.equal(asSelf.status, 201, asSelf.text);
  assert.equal(asSelf.json.token.user.id, eveId);
  assert.equal(asSelf.json.token.project.id, projectId);
  assert.equal(asSelf.json.token['OS-TRUST:trust'].trustor_user.id, userId);
  const speaking = (await give({ impersonation: true })).json.trust;
  const asTrustor = await use(speaking.id);
  assert.equal(asTrustor.json.token.user.id, userId);
  assert.equal((await give({ roles: [{ name: 'admin' }] })).status, 404);
  assert.equal((await give({ roles: [] })).status, 403);
  const token = tokenIn(asTrustor);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 200);
  await cloud.call('DELETE', `/v3/OS-TRUST/trusts/${speaking.id}`);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 401);
});

test('a trust is used as often as it says, until its time, by its trustee alone', async () => {
  await using cloud = await cloudOpen();
  const { give, use } = await trustsOf(cloud);
  const once = (await give({ remaining_uses: 1 })).json.trust;
  assert.equal((await use(once.id)).status, 201);
  assert.equal((await use(once.id)).status, 403);
  const expires_at = new Date(cloud.clock.now() + 60_000).toISOString();
  const brief = (await give({ expires_at })).json.trust;
  const scope = { 'OS-TRUST:trust': { id: brief.id } };
  assert.equal((await cloud.logIn('admin', seed.adminPassword, scope)).status, 403);
  const token = tokenIn(await use(brief.id));
  cloud.clock.pass(60_001);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 401);
  assert.equal((await use(brief.id)).status, 404);
});

test('a trust handed on gives no more than it was given, and ends with it', async () => {
  await using cloud = await cloudOpen();
  const { give, use, eveId } = await trustsOf(cloud);
  const bob = await cloud.create('/v3/users', { user: { name: 'bob', password: 'pw' } });
  const source = (await give({ allow_redelegation: true, roles: [{ name: 'reader' }] })).json.trust;
  assert.equal(source.redelegation_count, 3);
  const token = tokenIn(await use(source.id));
  const onwards = { trustor_user_id: eveId, trustee_user_id: bob.id, allow_redelegation: true };
  assert.equal((await give({ ...onwards, roles: [{ name: 'member' }] }, token)).status, 403);
  const wanted = { ...onwards, roles: [{ name: 'reader' }] };
  assert.equal((await give({ ...wanted, impersonation: true }, token)).status, 403);
  const next = await give(wanted, token);
  assert.equal(next.status, 201, next.text);
  assert.equal(next.json.trust.redelegation_count, 2);
  const scope = { 'OS-TRUST:trust': { id: next.json.trust.id } };
  assert.equal((await cloud.logIn('bob', 'pw', scope)).status, 201);
  await cloud.call('DELETE', `/v3/OS-TRUST/trusts/${source.id}`);
  assert.equal((await cloud.logIn('bob', 'pw', scope)).status, 404);
});

test('secrets of credentials are sealed in the database', async () => {
  await using cloud = await cloudOpen();
  const { userId, projectId, token } = await demoOf(cloud);
  const made = await cloud.call('POST', `/v3/users/${userId}/credentials/OS-EC2`, {
    token,
    body: { tenant_id: projectId },
  });
  assert.equal(made.status, 201, made.text);
  const { access, secret } = made.json.credential;
  const rows = await cloud.world.db.read((tx) =>
    tx.selectFrom('identity_credential').selectAll().execute(),
  );
  assert.equal(rows.length, 1);
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(`${access}|${secret}`));
  const shown = await cloud.call('GET', `/v3/users/${userId}/credentials/OS-EC2/${access}`, {
    token,
  });
  assert.equal(shown.json.credential.secret, secret);
});

test('a credential keeps its owner, and an EC2 key its access', async () => {
  await using cloud = await cloudOpen();
  const { userId, projectId, token } = await demoOf(cloud);
  const make = (credential: object) =>
    cloud.call('POST', '/v3/credentials', { token, body: { credential } });
  const plain = await make({ type: 'cert', blob: 'x', user_id: userId });
  assert.equal(plain.status, 201);
  assert.equal((await make({ type: 'cert', blob: 'x', user_id: 'f'.repeat(32) })).status, 403);
  assert.equal((await make({ type: 'ec2', blob: '{}', user_id: userId })).status, 400);
  assert.equal(
    (await make({ type: 'ec2', blob: 'no json', user_id: userId, project_id: projectId })).status,
    400,
  );
  const blob = JSON.stringify({ access: 'key', secret: 's' });
  const key = await make({ type: 'ec2', blob, user_id: userId, project_id: projectId });
  assert.equal(key.status, 201, key.text);
  const change = (id: string, credential: object) =>
    cloud.call('PATCH', `/v3/credentials/${id}`, { token, body: { credential } });
  const { id } = key.json.credential;
  assert.equal((await change(id, { blob: JSON.stringify({ access: 'other' }) })).status, 400);
  assert.equal((await change(id, { user_id: 'x' })).status, 400);
  const next = JSON.stringify({ access: 'key', secret: 't' });
  assert.equal((await change(id, { blob: next })).json.credential.blob, next);
  const { credentials } = (await cloud.call('GET', '/v3/credentials', { token })).json;
  assert.equal(credentials.length, 2);
  const eve = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const stranger = await cloud.tokenOf('eve', 'pw');
  const hidden = await cloud.call('GET', `/v3/credentials/${id}`, { token: stranger });
  assert.equal(hidden.status, 403);
  assert.equal(eve.name, 'eve');
  assert.deepEqual(
    (await cloud.call('GET', '/v3/credentials', { token: stranger })).json.credentials,
    [],
  );
});
