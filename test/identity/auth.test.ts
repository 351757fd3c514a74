import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloudOpen, seed, type TestCloud } from './support.ts';

const tokensPath = '/v3/auth/tokens';

const rescope = (cloud: TestCloud, token: string, scope?: unknown) =>
  cloud.call('POST', tokensPath, {
    token: null,
    body: {
      auth: {
        identity: { methods: ['token'], token: { id: token } },
        ...(scope !== undefined && { scope }),
      },
    },
  });

/** How many password hashes were computed since. */
function hashesCount({ world: { memory } }: TestCloud): () => number {
  let count = 0;
  const enter = memory.gate.enter.bind(memory.gate);
  memory.gate.enter = async (limit) => {
    count++;
    await enter(limit);
  };
  return () => count;
}

test('an unknown user, a wrong password, a disabled user and a scope without a role are told the same', async () => {
  await using cloud = await cloudOpen();
  await cloud.create('/v3/users', { user: { name: 'off', password: 'x', enabled: false } });
  const answers = [
    await cloud.logIn('nobody', 'x'),
    await cloud.logIn('admin', 'wrong'),
    await cloud.logIn('admin', ''),
    await cloud.logIn('off', 'x'),
    await cloud.logIn('demo', seed.demoPassword, { project: { id: cloud.adminProjectId } }),
    await cloud.logIn('demo', seed.demoPassword, { project: { id: 'f'.repeat(32) } }),
    await cloud.logIn('demo', seed.demoPassword, { domain: { name: 'nowhere' } }),
    await cloud.logIn('demo', seed.demoPassword, { system: { all: true } }),
  ];
  for (const { status, text } of answers) {
    assert.equal(status, 401);
    assert.equal(text, answers[0]?.text);
  }
});

test('an unknown user costs a hash like a known one', async () => {
  await using cloud = await cloudOpen();
  const hashes = hashesCount(cloud);
  await cloud.logIn('nobody', 'x');
  assert.equal(hashes(), 1);
  await cloud.logIn('demo', 'wrong');
  assert.equal(hashes(), 2);
});

test('a client that logs in on each call is answered from memory until the password changes', async () => {
  await using cloud = await cloudOpen();
  await cloud.tokenOf('demo', seed.demoPassword);
  const hashes = hashesCount(cloud);
  await cloud.tokenOf('demo', seed.demoPassword);
  assert.equal(hashes(), 0);
  assert.equal((await cloud.logIn('demo', `${seed.demoPassword}x`)).status, 401);
  const [user] = (await cloud.call('GET', '/v3/users?name=demo')).json.users;
  await cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { password: 'other' } } });
  assert.equal((await cloud.logIn('demo', seed.demoPassword)).status, 401);
});

test('every scope can be had by whoever holds a role there', async () => {
  await using cloud = await cloudOpen();
  const byDefault = await cloud.logIn('admin', seed.adminPassword);
  assert.equal(byDefault.json.token.project.name, 'admin');
  assert.deepEqual(byDefault.json.token.methods, ['password']);
  const system = await cloud.logIn('admin', seed.adminPassword, { system: { all: true } });
  assert.deepEqual(system.json.token.system, { all: true });
  const bare = await cloud.logIn('admin', seed.adminPassword, 'unscoped');
  assert.equal(bare.json.token.catalog, undefined);
  assert.equal(bare.json.token.roles, undefined);
  const older = await cloud.logIn('admin', seed.adminPassword, { unscoped: {} });
  assert.equal(older.json.token.project, undefined);
  const byName = { project: { name: 'demo', domain: { name: 'Default' } } };
  const demo = await cloud.logIn('demo', seed.demoPassword, byName);
  assert.equal(demo.json.token.project.domain.id, 'default');
  const [user] = (await cloud.call('GET', '/v3/users?name=demo')).json.users;
  const [role] = (await cloud.call('GET', '/v3/roles?name=reader')).json.roles;
  await cloud.call('PUT', `/v3/domains/default/users/${user.id}/roles/${role.id}`);
  const domain = await cloud.logIn('demo', seed.demoPassword, { domain: { id: 'default' } });
  assert.deepEqual(domain.json.token.domain, { id: 'default', name: 'Default' });
});

test('a new scope keeps the expiry, joins the methods and carries the audit id of the chain', async () => {
  await using cloud = await cloudOpen();
  const first = await cloud.logIn('admin', seed.adminPassword, 'unscoped');
  const token = first.headers.get('x-subject-token') ?? '';
  cloud.clock.pass(60_000);
  const second = await rescope(cloud, token, { project: { id: cloud.adminProjectId } });
  assert.equal(second.status, 201);
  assert.equal(second.json.token.expires_at, first.json.token.expires_at);
  assert.notEqual(second.json.token.issued_at, first.json.token.issued_at);
  assert.deepEqual(second.json.token.methods, ['password', 'token']);
  assert.equal(second.json.token.audit_ids.length, 2);
  assert.equal(second.json.token.audit_ids[1], first.json.token.audit_ids[0]);
  const third = await rescope(cloud, second.headers.get('x-subject-token') ?? '', 'unscoped');
  assert.equal(third.json.token.audit_ids[1], first.json.token.audit_ids[0]);
  assert.equal((await rescope(cloud, 'gAAAA', 'unscoped')).status, 404);
  const system = await rescope(cloud, cloud.systemAdmin, { project: { id: cloud.adminProjectId } });
  assert.equal(system.status, 403);
});

test('malformed log-ins are refused with what is missing, never with a fault', async () => {
  await using cloud = await cloudOpen();
  const identity = (value: unknown) => ({ auth: { identity: value } });
  const user = { name: 'demo', domain: { id: 'default' }, password: seed.demoPassword };
  const bad: readonly (readonly [number, unknown])[] = [
    [400, {}],
    [400, { auth: null }],
    [400, identity({})],
    [400, identity({ methods: [] })],
    [400, identity({ methods: ['password'] })],
    [400, identity({ methods: ['password'], password: {} })],
    [400, identity({ methods: ['password'], password: { user: { name: 'demo', password: 'x' } } })],
    [400, identity({ methods: ['password'], password: { user: { id: 'demo' } } })],
    [400, identity({ methods: ['password'], password: { user: { password: 'x' } } })],
    [400, identity({ methods: ['password'], password: { user: { id: 7, password: 'x' } } })],
    [401, identity({ methods: ['carrier-pigeon'], 'carrier-pigeon': {} })],
    [400, identity({ methods: ['password', 'token'], password: { user } })],
    [400, { auth: { identity: { methods: ['password'], password: { user } }, scope: {} } }],
    [400, { auth: { identity: { methods: ['password'], password: { user } }, scope: 'all' } }],
    [
      400,
      {
        auth: {
          identity: { methods: ['password'], password: { user } },
          scope: { system: { all: true }, domain: { id: 'default' } },
        },
      },
    ],
    [
      400,
      { auth: { identity: { methods: ['password'], password: { user } }, scope: { project: {} } } },
    ],
  ];
  for (const [status, body] of bad) {
    const answer = await cloud.call('POST', tokensPath, { token: null, body });
    assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
  }
});

test('two methods must name one user', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  const log = (name: string, password: string) =>
    cloud.call('POST', tokensPath, {
      token: null,
      body: {
        auth: {
          identity: {
            methods: ['password', 'token'],
            token: { id: token },
            password: { user: { name, domain: { id: 'default' }, password } },
          },
        },
      },
    });
  assert.equal((await log('admin', seed.adminPassword)).status, 401);
  assert.equal((await log('demo', seed.demoPassword)).status, 201);
});

test('the scopes a user can choose from are those where a role is held', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword, 'unscoped');
  const names = async (path: string, key: string): Promise<string[]> =>
    (await cloud.call('GET', path, { token })).json[key].map(({ name }: { name: string }) => name);
  assert.deepEqual(await names('/v3/auth/projects', 'projects'), ['demo']);
  assert.deepEqual(await names('/v3/auth/domains', 'domains'), []);
  assert.deepEqual((await cloud.call('GET', '/v3/auth/system', { token })).json.system, []);
  assert.equal((await cloud.call('GET', '/v3/auth/catalog', { token })).status, 403);
  assert.deepEqual((await cloud.call('GET', '/v3/auth/system')).json.system, [{ all: true }]);
  assert.equal((await cloud.call('GET', '/v3/auth/catalog')).json.catalog.length, 3);
});

test('users change their own password by the old one, which ends what was logged in', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  const [{ id }] = (await cloud.call('GET', '/v3/users?name=demo')).json.users;
  const change = (original_password: string, password: string) =>
    cloud.call('POST', `/v3/users/${id}/password`, {
      token,
      body: { user: { original_password, password } },
    });
  assert.equal((await change('wrong', 'next')).status, 401);
  assert.equal((await change(seed.demoPassword, '')).status, 400);
  assert.equal((await change(seed.demoPassword, 'next')).status, 204);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 401);
  assert.equal((await cloud.logIn('demo', seed.demoPassword)).status, 401);
  cloud.clock.pass(10);
  const after = await cloud.tokenOf('demo', 'next');
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token: after })).status, 200);
});

for (const [when, nth] of [
  ['before it is held against what was given', 1],
  ['after that', 2],
] as const) {
  test(`a log-in whose password is changed ${when} opens nothing`, async () => {
    await using cloud = await cloudOpen();
    const [{ id }] = (await cloud.call('GET', '/v3/users?name=demo')).json.users;
    const { db } = cloud.world;
    const read = db.read.bind(db);
    let reads = 0;
    db.read = async (work) => {
      const seen = await read(work);
      if (!isAccount(seen) || ++reads !== nth) return seen;
      const body = { user: { password: 'another' } };
      assert.equal((await cloud.call('PATCH', `/v3/users/${id}`, { body })).status, 200);
      cloud.clock.pass(10);
      return seen;
    };
    assert.equal((await cloud.logIn('demo', seed.demoPassword)).status, 401);
    assert.equal((await cloud.logIn('demo', 'another')).status, 201);
  });
}

const isAccount = (seen: unknown): boolean =>
  typeof seen === 'object' && seen !== null && 'passwordHash' in seen;

test('each log-in is an audit event that says who, how it ended and why, and never a secret', async () => {
  await using cloud = await cloudOpen();
  await cloud.logIn('demo', 'wrong-secret');
  await cloud.logIn('nobody', 'wrong-secret');
  const attempts = cloud.events.filter(({ action }) => action === 'authenticate');
  const [good, , wrong, unknown] = attempts;
  assert.equal(good?.outcome, 'success');
  assert.equal(good?.initiator.name, 'admin');
  assert.equal(wrong?.outcome, 'failure');
  assert.equal(wrong?.reason?.reasonCode, '401');
  assert.notEqual(wrong?.target.id, 'unknown');
  assert.equal(unknown?.target.id, 'unknown');
  assert.doesNotMatch(JSON.stringify(cloud.events), /secret/);
});

test('seeding again changes nothing but moved addresses', async () => {
  await using cloud = await cloudOpen();
  const { identitySeed } = await import('../../src/identity/identity.seed.ts');
  const before = await cloud.call('GET', '/v3/projects');
  await cloud.call(
    'DELETE',
    `/v3/users/${(await cloud.call('GET', '/v3/users?name=demo')).json.users[0].id}`,
  );
  const moved = seed.endpoints.map((endpoint) => ({ ...endpoint, url: `${endpoint.url}/moved` }));
  await identitySeed(cloud.world, { ...seed, adminPassword: 'other', endpoints: moved });
  assert.deepEqual((await cloud.call('GET', '/v3/projects')).json, before.json);
  assert.equal((await cloud.call('GET', '/v3/users?name=demo')).json.users.length, 0);
  assert.equal((await cloud.logIn('admin', seed.adminPassword)).status, 201);
  const { endpoints } = (await cloud.call('GET', '/v3/endpoints')).json;
  assert.equal(endpoints.length, 9);
  assert(endpoints.every(({ url }: { url: string }) => url.endsWith('/moved')));
});
