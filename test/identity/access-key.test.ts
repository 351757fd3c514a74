import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isEc2Signed, isS3Signed } from '../../src/identity/access-signature.ts';
import { identityPort } from '../../src/identity/port.ts';
import { cloudOpen, seed, type TestCloud } from './support.ts';

// The examples of Amazon's own documents.
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

test('the signatures of the documents of EC2 and S3 are met, and no others', () => {
  const v2 = {
    signature: 'i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=',
    verb: 'GET',
    host: 'elasticmapreduce.amazonaws.com',
    path: '/',
    params: {
      AWSAccessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      Action: 'DescribeJobFlows',
      SignatureMethod: 'HmacSHA256',
      SignatureVersion: '2',
      Timestamp: '2011-10-03T15:19:30',
      Version: '2009-03-31',
    },
    headers: {},
    bodyHash: '',
  };
  assert(isEc2Signed(secret, v2));
  assert(isEc2Signed(secret, { ...v2, host: `${v2.host}:443` }), 'the port may be left out');
  assert(!isEc2Signed(secret, { ...v2, path: '/x' }));
  assert(!isEc2Signed('other', v2));
  for (const version of ['0', '1', '3']) {
    assert(!isEc2Signed(secret, { ...v2, params: { ...v2.params, SignatureVersion: version } }));
  }
  const v4 = {
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    verb: 'GET',
    host: 'example.amazonaws.com',
    path: '/',
    params: {},
    headers: {
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa0',
    },
    bodyHash: createHash('sha256').digest('hex'),
  };
  const secretV4 = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
  assert(isEc2Signed(secretV4, v4));
  assert(!isEc2Signed(secretV4, { ...v4, verb: 'POST' }));
  assert(!isEc2Signed(secretV4, { ...v4, headers: {} }));

  const s3 = Buffer.from(
    'GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg',
  );
  const signature = 'qgk2+6Sv9/oM7G3qLEjTH1a1l1g=';
  assert(isS3Signed(secret, s3, signature));
  assert(!isS3Signed(secret, s3, `${signature}=`));
  const scoped = (scope: string): Buffer =>
    Buffer.from(`AWS4-HMAC-SHA256\n20150830T123600Z\n${scope}\n${'0'.repeat(64)}`);
  assert(!isS3Signed(secret, scoped('20150830/us-east-1/ec2/aws4_request'), 'x'));
  assert(!isS3Signed(secret, scoped('20150830'), 'x'));
});

const sha = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

interface Key {
  readonly access: string;
  readonly secret: string;
}

const s3Signed = ({ access, secret: of }: Key) => {
  const toSign = `AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/r/s3/aws4_request\n${'0'.repeat(64)}`;
  const key = sha(sha(sha(sha(`AWS4${of}`, '20150830'), 'r'), 's3'), 'aws4_request');
  const signature = sha(key, toSign).toString('hex');
  return { credentials: { access, signature, token: Buffer.from(toSign).toString('base64url') } };
};

const ec2Signed = ({ access, secret: of }: Key, timestamp: string) => {
  const params = { AWSAccessKeyId: access, SignatureVersion: '2', Timestamp: timestamp };
  const query = `AWSAccessKeyId=${access}&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=${encodeURIComponent(timestamp)}`;
  const signature = createHmac('sha256', of)
    .update(`GET\nec2:8773\n/services/Cloud\n${query}`)
    .digest('base64');
  const at = { host: 'ec2:8773', verb: 'GET', path: '/services/Cloud' };
  return { ec2Credentials: { access, signature, params, ...at } };
};

async function demoKey(
  cloud: TestCloud,
): Promise<Key & { userId: string; projectId: string; token: string }> {
  const login = await cloud.logIn('demo', seed.demoPassword);
  const { user, project } = login.json.token;
  const token = login.headers.get('x-subject-token') ?? '';
  const made = await cloud.call('POST', `/v3/users/${user.id}/credentials/OS-EC2`, {
    token,
    body: { tenant_id: project.id },
  });
  assert.equal(made.status, 201, made.text);
  return { ...made.json.credential, userId: user.id, projectId: project.id, token };
}

test('a signed request is made a token of its user and project, for services and operators only', async () => {
  await using cloud = await cloudOpen();
  const key = await demoKey(cloud);
  const now = new Date(cloud.clock.now()).toISOString();
  const ec2 = await cloud.call('POST', '/v3/ec2tokens', { body: ec2Signed(key, now) });
  assert.equal(ec2.status, 200, ec2.text);
  assert.deepEqual(ec2.json.token.methods, ['ec2credential']);
  assert.equal(ec2.json.token.project.id, key.projectId);
  assert(ec2.json.token.catalog.length > 0);
  const issued = ec2.headers.get('x-subject-token') ?? '';
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token: issued })).status, 200);
  const mine = `/v3/users/${key.userId}/credentials/OS-EC2`;
  assert.equal(
    (await cloud.call('GET', mine, { token: issued })).status,
    403,
    'no way to the keys',
  );

  const s3 = await cloud.call('POST', '/v3/s3tokens', { body: s3Signed(key) });
  assert.equal(s3.status, 200, s3.text);
  assert.equal(s3.json.token.user.id, key.userId);
  assert.equal(s3.headers.get('x-subject-token'), null);

  const asDemo = await cloud.call('POST', '/v3/s3tokens', {
    token: key.token,
    body: s3Signed(key),
  });
  assert.equal(asDemo.status, 403);
  for (const path of ['/v3/ec2tokens', '/v3/s3tokens']) {
    assert.equal((await cloud.call('GET', path)).status, 405);
  }
});

test('a wrong, unknown, old or unsigned request is the same 401, and the reason is in the audit trail', async () => {
  await using cloud = await cloudOpen();
  const key = await demoKey(cloud);
  const now = new Date(cloud.clock.now()).toISOString();
  const old = new Date(cloud.clock.now() - 16 * 60_000).toISOString();
  const other = { ...key, secret: 'other' };
  const unknown = { ...key, access: 'f'.repeat(32) };
  const bodies = [
    ['/v3/ec2tokens', ec2Signed(other, now), 'the signature is wrong'],
    ['/v3/ec2tokens', ec2Signed(key, old), 'the signed request is too old'],
    ['/v3/ec2tokens', ec2Signed(key, 'yesterday'), 'the time of the request cannot be read'],
    ['/v3/ec2tokens', { credentials: { access: key.access } }, 'the signature is wrong'],
    ['/v3/ec2tokens', {}, 'no access key'],
    ['/v3/s3tokens', s3Signed(other), 'the signature is wrong'],
    [
      '/v3/s3tokens',
      s3Signed(unknown),
      'no such access key, or its user, project or roles are gone',
    ],
  ] as const;
  for (const [path, body, why] of bodies) {
    const answer = await cloud.call('POST', path, { body });
    assert.equal(answer.status, 401, `${why}: ${answer.text}`);
    assert.equal(answer.json.error.message, 'The request you have made requires authentication.');
    const event = cloud.events.findLast(({ action }) => action === 'authenticate');
    assert.equal(event?.reason?.reasonType, why);
    assert(!JSON.stringify(cloud.events).includes(key.secret));
  }
  assert.equal((await cloud.call('POST', '/v3/s3tokens', { body: [] })).status, 400);
});

test('an access key that is taken away while it is read is not remembered', async () => {
  await using cloud = await cloudOpen();
  const key = await demoKey(cloud);
  const port = identityPort(cloud.world);
  const ask = (access: string) => port.accessKeyGet(access, 'object-store');
  assert.equal(await ask('f'.repeat(32)), null);
  const { db } = cloud.world;
  const read = db.read.bind(db);
  db.read = async (work) => {
    db.read = read;
    const seen = await read(work);
    const path = `/v3/users/${key.userId}/credentials/OS-EC2/${key.access}`;
    assert.equal((await cloud.call('DELETE', path, { token: key.token })).status, 204);
    return seen;
  };
  await ask(key.access);
  assert.equal(await ask(key.access), null);
});

test('the port answers an access key from memory until something is taken away', async () => {
  await using cloud = await cloudOpen();
  const key = await demoKey(cloud);
  const port = identityPort(cloud.world);
  const ask = () => port.accessKeyGet(key.access, 'object-store');
  const found = await ask();
  assert.equal(found?.secret, key.secret);
  assert.equal(found.actor.userId, key.userId);
  assert.deepEqual(
    found.actor.scope.kind === 'project' && found.actor.scope.projectId,
    key.projectId,
  );
  assert.deepEqual(found.actor.roles, ['member', 'reader']);
  assert.equal((await ask())?.actor, found.actor, 'not read again');
  assert.equal(await port.accessKeyGet('unknown', 'object-store'), null);

  const disable = (enabled: boolean) =>
    cloud.call('PATCH', `/v3/users/${key.userId}`, { body: { user: { enabled } } });
  await disable(false);
  assert.equal(await ask(), null);
  cloud.clock.pass(10);
  await disable(true);
  assert.equal((await ask())?.secret, key.secret, 'a key is no log-in that ended');
  const [role] = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  const grant = `/v3/projects/${key.projectId}/users/${key.userId}/roles/${role.id}`;
  await cloud.call('DELETE', grant);
  assert.equal(await ask(), null);
  await cloud.call('PUT', grant);
  assert.notEqual(await ask(), null);
  await cloud.call('DELETE', `/v3/users/${key.userId}/credentials/OS-EC2/${key.access}`);
  assert.equal(await ask(), null);
});

test('a role bound to one service is that role there, and none elsewhere', async () => {
  await using cloud = await cloudOpen();
  const key = await demoKey(cloud);
  const role = await cloud.create('/v3/roles', { role: { name: 'object-store:admin' } });
  await cloud.call('PUT', `/v3/projects/${key.projectId}/users/${key.userId}/roles/${role.id}`);
  const port = identityPort(cloud.world);
  const rolesIn = async (service: string) =>
    (await port.accessKeyGet(key.access, service))?.actor.roles.toSorted();
  const all = ['admin', 'manager', 'member', 'object-store:admin', 'reader'];
  assert.deepEqual(await rolesIn('object-store'), all);
  assert.deepEqual(await rolesIn('compute'), ['member', 'object-store:admin', 'reader']);
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  assert.equal((await cloud.call('GET', '/v3/users', { token })).status, 403);
  const asked = { method: 'GET', path: '/v1' };
  const actor = await port.tokenActor(token, { serviceType: 'object-store', ...asked });
  assert.deepEqual(actor?.roles.toSorted(), all);
  const [own] = (await cloud.call('GET', '/v3/roles?name=object-store:admin')).json.roles;
  assert.equal(own.id, role.id);

  const identity = await cloud.create('/v3/roles', { role: { name: 'identity:admin' } });
  await cloud.call('PUT', `/v3/projects/${key.projectId}/users/${key.userId}/roles/${identity.id}`);
  assert.equal((await cloud.call('GET', '/v3/users', { token })).status, 200);
});
