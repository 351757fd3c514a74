import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identitySeed } from '../../src/identity/identity.seed.ts';
import { secretKey } from '../../src/identity/secret-box.ts';
import { tokenDecode, tokenEncode } from '../../src/identity/token.codec.ts';
import type { TokenClaims } from '../../src/identity/token.model.ts';
import { tokenResolve } from '../../src/identity/token-state.ts';
import { cloudOpen, refusedSoon, seed, tokenKey, worldMake } from './support.ts';

const claims: TokenClaims = {
  methods: ['password', 'token'],
  userId: 'a'.repeat(32),
  scope: { kind: 'project', id: 'b'.repeat(32) },
  issuedAtMs: 1_700_000_000_123,
  expiresAtMs: 1_700_003_600_123,
  auditIds: [Buffer.alloc(16, 1).toString('base64url'), Buffer.alloc(16, 2).toString('base64url')],
  trustId: null,
  applicationCredentialId: null,
  accessTokenId: null,
  assertionId: null,
};
const sealing = { nowMs: claims.issuedAtMs, iv: Buffer.alloc(16, 9) };

test('a token says what was put into it, is short, and looks like a Fernet token', () => {
  const variants: TokenClaims[] = [
    claims,
    { ...claims, scope: { kind: 'system' }, auditIds: claims.auditIds.slice(0, 1) },
    { ...claims, scope: { kind: 'domain', id: 'default' } },
    { ...claims, userId: 'c'.repeat(64), applicationCredentialId: 'd'.repeat(32) },
    { ...claims, scope: { kind: 'unscoped' }, trustId: 'e'.repeat(32) },
    { ...claims, accessTokenId: 'f'.repeat(32) },
  ];
  for (const variant of variants) {
    const text = tokenEncode(tokenKey, variant, sealing);
    assert.deepEqual(tokenDecode([tokenKey], text), variant);
    assert(text.length < 255, `${text.length} characters`);
    assert.match(text, /^gAAAA[\w-]+$/);
  }
});

test('a token that was cut, changed, padded with junk or signed by another key is nothing', () => {
  const text = tokenEncode(tokenKey, claims, sealing);
  const other = secretKey(Buffer.alloc(32, 8));
  assert.equal(tokenDecode([other], text), null);
  assert.notEqual(tokenDecode([other, tokenKey], text), null);
  const changed = `${text.slice(0, 60)}${text[60] === 'A' ? 'B' : 'A'}${text.slice(61)}`;
  const bad = [text.slice(0, -1), text.slice(0, 40), changed, `${text}!`, `${text}\n`, '', 'gAAAA'];
  for (const wrong of bad) assert.equal(tokenDecode([tokenKey], wrong), null, wrong);
});

test('a token is worth nothing when it is missing, foreign, truncated, expired or revoked', async () => {
  await using cloud = await cloudOpen();
  const { world, admin, clock } = cloud;
  const foreign = await worldMake(cloud.engine, clock, { key: secretKey(Buffer.alloc(32, 1)) });
  const [userId] = [(await tokenResolve(world, admin))?.claims.userId ?? ''];
  const [key] = foreign.tokenKeys;
  assert(key !== undefined);
  const forged = tokenEncode(key, { ...claims, userId, expiresAtMs: clock.now() + 1e6 }, sealing);
  for (const token of [null, '', 'x', forged, admin.slice(0, -2)]) {
    const { status, headers, json } = await cloud.call('GET', '/v3/users', { token });
    assert.equal(status, 401, String(token));
    assert.match(headers.get('www-authenticate') ?? '', /^Keystone uri="/);
    assert.equal(json.error.title, 'Unauthorized');
    assert.equal(json.error.message, 'The request you have made requires authentication.');
  }
  const revoked = await cloud.tokenOf('admin', seed.adminPassword);
  const ended = await cloud.call('DELETE', '/v3/auth/tokens', {
    headers: { 'X-Subject-Token': revoked },
  });
  assert.equal(ended.status, 204);
  assert.equal((await cloud.call('GET', '/v3/users', { token: revoked })).status, 401);
  assert.equal((await cloud.call('GET', '/v3/users')).status, 200);
  clock.pass(world.settings.tokenLifeMs);
  assert.equal((await cloud.call('GET', '/v3/users')).status, 401);
});

test('an expired token can still be validated by a service that says it accepts that', async () => {
  await using cloud = await cloudOpen();
  const { world, clock } = cloud;
  const old = await cloud.tokenOf('demo', seed.demoPassword);
  clock.pass(world.settings.tokenLifeMs + 1);
  const token = await cloud.tokenOf('admin', seed.adminPassword);
  const headers = { 'X-Subject-Token': old };
  const strict = await cloud.call('GET', '/v3/auth/tokens', { token, headers });
  assert.equal(strict.status, 404);
  const lenient = await cloud.call('GET', '/v3/auth/tokens?allow_expired=1', { token, headers });
  assert.equal(lenient.status, 200);
  assert.equal(lenient.json.token.user.name, 'demo');
  clock.pass(world.settings.allowExpiredMs);
  const later = await cloud.tokenOf('admin', seed.adminPassword);
  const gone = await cloud.call('GET', '/v3/auth/tokens?allow_expired=1', {
    token: later,
    headers,
  });
  assert.equal(gone.status, 404);
});

test('validation shows the token with roles and catalog, or without the catalog', async () => {
  await using cloud = await cloudOpen();
  const subject = await cloud.tokenOf('demo', seed.demoPassword);
  const headers = { 'X-Subject-Token': subject };
  const { status, json, headers: got } = await cloud.call('GET', '/v3/auth/tokens', { headers });
  assert.equal(status, 200);
  assert.equal(got.get('x-subject-token'), subject);
  assert.equal(got.get('vary'), 'X-Auth-Token');
  assert.deepEqual(
    json.token.roles.map(({ name }: { name: string }) => name),
    ['member', 'reader'],
  );
  const swift = json.token.catalog.find(({ type }: { type: string }) => type === 'object-store');
  assert.equal(swift.endpoints[0].url, `http://cloud:8080/v1/AUTH_${json.token.project.id}`);
  assert.equal(swift.endpoints.length, 3);
  const brief = await cloud.call('GET', '/v3/auth/tokens?nocatalog', { headers });
  assert.equal(brief.json.token.catalog, undefined);
  assert.equal((await cloud.call('HEAD', '/v3/auth/tokens', { headers })).status, 200);
});

test('a member can look at and end the own tokens, not those of others', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  const second = await cloud.tokenOf('demo', seed.demoPassword);
  const ask = async (method: string, subject: string): Promise<number> => {
    const headers = { 'X-Subject-Token': subject };
    return (await cloud.call(method, '/v3/auth/tokens', { token, headers })).status;
  };
  assert.equal(await ask('GET', second), 200);
  assert.equal(await ask('GET', cloud.admin), 403);
  assert.equal(await ask('DELETE', cloud.admin), 403);
  assert.equal(await ask('DELETE', second), 204);
  assert.equal(await ask('GET', second), 404);
});

test('what is taken away is taken from tokens at once', async () => {
  await using cloud = await cloudOpen();
  const user = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const project = await cloud.create('/v3/projects', { project: { name: 'lab' } });
  const roles = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  const grant = `/v3/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`;
  assert.equal((await cloud.call('PUT', grant)).status, 204);
  const scope = { project: { id: project.id } };
  const isAlive = async (token: string): Promise<boolean> =>
    (await cloud.call('GET', '/v3/auth/projects', { token })).status === 200;
  const changes: readonly (readonly [
    name: string,
    change: () => Promise<unknown>,
    back: () => Promise<unknown>,
  ])[] = [
    ['role', () => cloud.call('DELETE', grant), () => cloud.call('PUT', grant)],
    [
      'project disabled',
      () =>
        cloud.call('PATCH', `/v3/projects/${project.id}`, {
          body: { project: { enabled: false } },
        }),
      () =>
        cloud.call('PATCH', `/v3/projects/${project.id}`, { body: { project: { enabled: true } } }),
    ],
    [
      'user disabled',
      () => cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { enabled: false } } }),
      () => cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { enabled: true } } }),
    ],
    [
      'password changed',
      () => cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { password: 'new' } } }),
      () => cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { password: 'pw' } } }),
    ],
  ];
  for (const [name, change, back] of changes) {
    cloud.clock.pass(10);
    const token = await cloud.tokenOf('eve', 'pw', scope);
    assert.equal(await isAlive(token), true, name);
    await change();
    assert.equal(await isAlive(token), false, name);
    await back();
    cloud.clock.pass(10);
    // A role given again is worth what it was; the rest was meant to end what was logged in.
    assert.equal(await isAlive(token), name === 'role', `${name}, undone`);
  }
  const token = await cloud.tokenOf('eve', 'pw', scope);
  assert.equal((await cloud.call('DELETE', `/v3/users/${user.id}`)).status, 204);
  assert.equal(await isAlive(token), false);
});

test('a restarted process remembers revocations, and another process sees them', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  const sibling = await worldMake(cloud.engine, cloud.clock);
  assert.notEqual(await tokenResolve(sibling, token), null);
  await cloud.call('DELETE', '/v3/auth/tokens', { headers: { 'X-Subject-Token': token } });
  await refusedSoon(cloud.engine, async () => (await tokenResolve(sibling, token)) === null);
  const restarted = await worldMake(cloud.engine, cloud.clock);
  await identitySeed(restarted, seed);
  assert.equal(await tokenResolve(restarted, token), null);
  assert.notEqual(await tokenResolve(restarted, cloud.admin), null);
});

test('a token is validated without the database until the directory changes', async () => {
  await using cloud = await cloudOpen();
  const { world, admin } = cloud;
  const seen = await tokenResolve(world, admin);
  assert.equal(await tokenResolve(world, admin), seen);
  await cloud.create('/v3/users', { user: { name: 'new' } });
  assert.equal(await tokenResolve(world, admin), seen, 'a new user changes no token');
  await cloud.create('/v3/roles', { role: { name: 'auditor' } });
  assert.notEqual(await tokenResolve(world, admin), seen);
});
