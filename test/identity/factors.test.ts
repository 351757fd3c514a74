import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { base32Decode, passcodeOf } from '../../src/identity/totp.ts';
import { cloudOpen, seed, type Answer, type TestCloud } from './support.ts';

const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);

interface Signer {
  readonly consumer: { readonly id: string; readonly secret: string };
  readonly token?: { readonly id: string; readonly secret: string };
  readonly verifier?: string;
}

/** A client of RFC 5849. */
function signed(cloud: TestCloud, path: string, { consumer, token, verifier }: Signer): string {
  const values: Record<string, string> = {
    oauth_consumer_key: consumer.id,
    oauth_nonce: randomBytes(8).toString('hex'),
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(Math.floor(cloud.clock.now() / 1000)),
    oauth_version: '1.0',
    ...(token && { oauth_token: token.id }),
    ...(verifier !== undefined && { oauth_verifier: verifier }),
  };
  const pairs = Object.entries(values)
    .map(([name, value]) => `${name}=${escape(value)}`)
    .toSorted();
  const text = `POST&${escape(cloud.url + path)}&${escape(pairs.join('&'))}`;
  const key = `${consumer.secret}&${token?.secret ?? ''}`;
  const signature = createHmac('sha1', key).update(text).digest('base64');
  const all = [...pairs, `oauth_signature=${escape(signature)}`];
  return `OAuth ${all.map((pair) => pair.replace('=', '="') + '"').join(', ')}`;
}

const formOf = ({ text }: Answer) => {
  const form = new URLSearchParams(text);
  return { id: form.get('oauth_token') ?? '', secret: form.get('oauth_token_secret') ?? '' };
};

const oauthLogIn = (cloud: TestCloud, signer: Signer, scope?: unknown): Promise<Answer> =>
  oauthSend(cloud, signed(cloud, '/v3/auth/tokens', signer), scope);

async function oauthSend(
  cloud: TestCloud,
  authorization: string,
  scope?: unknown,
): Promise<Answer> {
  return await cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    headers: { Authorization: authorization },
    body: {
      auth: {
        identity: { methods: ['oauth1'], oauth1: {} },
        ...(scope !== undefined && { scope }),
      },
    },
  });
}

test('a consumer is lent roles and logs in with them until they are taken back', async () => {
  await using cloud = await cloudOpen();
  const consumer = await cloud.create('/v3/OS-OAUTH1/consumers', {
    consumer: { description: 'robot' },
  });
  const requestPath = '/v3/OS-OAUTH1/request_token';
  const ask = (signer: Signer): Promise<Answer> =>
    cloud.call('POST', requestPath, {
      token: null,
      headers: {
        Authorization: signed(cloud, requestPath, signer),
        'Requested-Project-Id': cloud.adminProjectId,
      },
    });
  assert.equal((await ask({ consumer: { ...consumer, secret: 'x' } })).status, 401);
  assert.equal((await ask({ consumer: { id: 'unknown', secret: 'x' } })).status, 401);
  assert.equal((await cloud.call('POST', requestPath, { token: null })).status, 400);
  const asked = await ask({ consumer });
  assert.equal(asked.status, 201, asked.text);
  const request = formOf(asked);

  const accessPath = '/v3/OS-OAUTH1/access_token';
  const exchange = (verifier: string): Promise<Answer> =>
    cloud.call('POST', accessPath, {
      token: null,
      headers: {
        Authorization: signed(cloud, accessPath, { consumer, token: request, verifier }),
      },
    });
  assert.equal((await exchange('early')).status, 401, 'nobody has authorized it');
  const authorize = (roles: object[]) =>
    cloud.call('PUT', `/v3/OS-OAUTH1/authorize/${request.id}`, { body: { roles } });
  assert.equal((await authorize([{ name: 'service' }])).status, 401, 'not held');
  const authorized = await authorize([{ name: 'member' }]);
  assert.equal(authorized.status, 200, authorized.text);
  const verifier = authorized.json.token.oauth_verifier;
  assert.equal((await exchange('wrong')).status, 401);
  const exchanged = await exchange(verifier);
  assert.equal(exchanged.status, 201, exchanged.text);
  assert.equal((await exchange(verifier)).status, 404, 'once');
  const token = formOf(exchanged);

  const login = await oauthLogIn(cloud, { consumer, token });
  assert.equal(login.status, 201, login.text);
  const shown = login.json.token;
  assert.deepEqual(shown.methods, ['oauth1']);
  assert.equal(shown.project.id, cloud.adminProjectId);
  assert.deepEqual(
    shown.roles.map(({ name }: { name: string }) => name),
    ['member', 'reader'],
  );
  assert.deepEqual(shown['OS-OAUTH1'], { access_token_id: token.id, consumer_id: consumer.id });
  assert.equal(
    (await oauthLogIn(cloud, { consumer, token: { ...token, secret: 'x' } })).status,
    401,
  );
  const overheard = signed(cloud, '/v3/auth/tokens', { consumer, token });
  assert.equal((await oauthSend(cloud, overheard)).status, 201);
  assert.equal((await oauthSend(cloud, overheard)).status, 401, 'a request counts once');
  const elsewhere = { domain: { id: 'default' } };
  assert.equal((await oauthLogIn(cloud, { consumer, token }, elsewhere)).status, 401);
  const issued = login.headers.get('x-subject-token') ?? '';
  const again = await cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    body: { auth: { identity: { methods: ['token'], token: { id: issued } } } },
  });
  assert.equal(again.status, 403, 'what was lent is not handed on');

  const mine = `/v3/users/${shown.user.id}/OS-OAUTH1/access_tokens`;
  const { access_tokens: held } = (await cloud.call('GET', mine)).json;
  assert.equal(held[0].id, token.id);
  assert.equal((await cloud.call('GET', `${mine}/${token.id}`)).json.access_token.id, token.id);
  const { roles } = (await cloud.call('GET', `${mine}/${token.id}/roles`)).json;
  assert.equal(roles[0].name, 'member');
  const one = await cloud.call('GET', `${mine}/${token.id}/roles/${roles[0].id}`);
  assert.equal(one.json.role.name, 'member');
  assert.equal((await cloud.call('GET', `${mine}/${token.id}/roles/none`)).status, 404);
  assert.equal((await cloud.call('GET', `${mine}/none`)).status, 404);
  const isAlive = async () =>
    (await cloud.call('GET', '/v3/auth/projects', { token: issued })).status === 200;
  assert(await isAlive());
  assert.equal((await cloud.call('DELETE', `${mine}/${token.id}`)).status, 204);
  assert(!(await isAlive()));
  assert.equal((await oauthLogIn(cloud, { consumer, token })).status, 401);
});

test('requests of OAuth1 age, and tokens end with their consumer', async () => {
  await using cloud = await cloudOpen();
  const consumer = await cloud.create('/v3/OS-OAUTH1/consumers', { consumer: {} });
  const path = `/v3/OS-OAUTH1/consumers/${consumer.id}`;
  assert.equal((await cloud.call('GET', path)).json.consumer.secret, undefined);
  const renamed = await cloud.call('PATCH', path, { body: { consumer: { description: 'x' } } });
  assert.equal(renamed.json.consumer.description, 'x');
  const stolen = await cloud.call('PATCH', path, { body: { consumer: { secret: 'x' } } });
  assert.equal(stolen.status, 403);
  const requestPath = '/v3/OS-OAUTH1/request_token';
  const Authorization = signed(cloud, requestPath, { consumer });
  const ask = () =>
    cloud.call('POST', requestPath, {
      token: null,
      headers: { Authorization, 'Requested-Project-Id': cloud.adminProjectId },
    });
  const request = formOf(await ask());
  cloud.clock.pass(11 * 60_000);
  assert.equal((await ask()).status, 401, 'too old');
  await cloud.call('DELETE', path);
  const authorize = await cloud.call('PUT', `/v3/OS-OAUTH1/authorize/${request.id}`, {
    body: { roles: [{ name: 'member' }] },
  });
  assert.equal(authorize.status, 404);
});

test('one-time passwords are those of RFC 6238', () => {
  const secret = Buffer.from('12345678901234567890');
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [2_000_000_000, '279037'],
  ] as const) {
    assert.equal(passcodeOf(secret, Math.floor(seconds / 30)), code);
  }
  assert.deepEqual(base32Decode('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), secret);
  assert.deepEqual(base32Decode('mzxw6yq='), Buffer.from('foob'));
  assert.equal(base32Decode('not base32!'), null);
  assert.equal(base32Decode(''), null);
});

test('a user with rules logs in with all the factors one of them names, at once or one after another', async () => {
  await using cloud = await cloudOpen();
  const login = await cloud.logIn('demo', seed.demoPassword);
  const { user } = login.json.token;
  const token = login.headers.get('x-subject-token') ?? '';
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  await cloud.call('POST', '/v3/credentials', {
    token,
    body: { credential: { type: 'totp', blob: secret, user_id: user.id } },
  });
  const code = (step = 0): string =>
    passcodeOf(Buffer.from('12345678901234567890'), Math.floor(cloud.clock.now() / 30_000) + step);
  const named = { name: 'demo', domain: { id: 'default' } };
  const attempt = (factors: object, receipt?: string): Promise<Answer> =>
    cloud.call('POST', '/v3/auth/tokens', {
      token: null,
      headers: receipt === undefined ? {} : { 'Openstack-Auth-Receipt': receipt },
      body: { auth: { identity: { methods: Object.keys(factors), ...factors } } },
    });
  const password = { user: { ...named, password: seed.demoPassword } };
  const totp = (passcode: string) => ({ user: { ...named, passcode } });

  assert.equal((await attempt({ totp: totp('000000') })).status, 401);
  const first = await attempt({ totp: totp(code()) });
  assert.equal(first.status, 201, first.text);
  assert.deepEqual(first.json.token.methods, ['totp']);
  assert.equal((await attempt({ totp: totp(code()) })).status, 401, 'each counts once');
  assert.equal((await attempt({ totp: totp(code(-1)) })).status, 201, 'the half minute before');
  assert.equal((await attempt({ totp: totp(code(-2)) })).status, 401);

  const options = {
    multi_factor_auth_enabled: true,
    multi_factor_auth_rules: [['password', 'totp']],
  };
  await cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { options } } });
  cloud.clock.pass(60_000);
  const half = await attempt({ password });
  assert.equal(half.status, 401);
  assert.deepEqual(half.json.required_auth_methods, [['password', 'totp']]);
  assert.deepEqual(half.json.receipt.methods, ['password']);
  assert.equal(half.json.receipt.user.id, user.id);
  const receipt = half.headers.get('openstack-auth-receipt') ?? '';
  assert.equal((await attempt({ totp: totp('000000') }, receipt)).status, 401);
  const whole = await attempt({ totp: totp(code()) }, receipt);
  assert.equal(whole.status, 201, whole.text);
  assert.deepEqual(whole.json.token.methods, ['password', 'totp']);
  cloud.clock.pass(60_000);
  assert.equal((await attempt({ password, totp: totp(code()) })).status, 201, 'both at once');

  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token: receipt })).status, 401);
  assert.equal((await attempt({ totp: totp(code(1)) }, `${receipt.slice(0, -4)}AAAA`)).status, 401);
  assert.equal((await attempt({ totp: totp(code(1)) }, cloud.admin)).status, 401, 'no receipt');
  cloud.clock.pass(301_000);
  assert.equal((await attempt({ totp: totp(code()) }, receipt)).status, 401, 'too late');
  const unknown = { multi_factor_auth_rules: [['password', 'retina']] };
  await cloud.call('PATCH', `/v3/users/${user.id}`, { body: { user: { options: unknown } } });
  assert.equal((await attempt({ password })).status, 201, 'rules with unknown words count not');
});
