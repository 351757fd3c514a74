/** A company's OpenID provider, and its people at the stock client. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';
import { client, openIdPeerStart, type OpenIdPeer } from '../support/openid.ts';

let cloud: Cloud;
let peer: OpenIdPeer;
const folder = mkdtempSync(join(tmpdir(), 'federation-'));

/** What Keystone's guide makes for people of a company. */
const rules = [
  {
    local: [
      { user: { name: '{0}' } },
      { groups: '{1}', domain: { name: 'Default' } },
      { projects: [{ name: 'home of {0}', roles: [{ name: 'member' }] }] },
    ],
    remote: [
      { type: 'HTTP_OIDC_PREFERRED_USERNAME' },
      { type: 'HTTP_OIDC_GROUPS', whitelist: ['watchers'] },
      { type: 'HTTP_OIDC_ISS', any_one_of: ['^http://127\\.0\\.0\\.1:'], regex: true },
    ],
  },
];

const dashboard = 'https://dashboard.example/auth/websso/';

const asAdmin = (...words: string[]) => cloud.openstack('welkin', ...words);

/** The words with which somebody comes from the provider. */
const from = (type: string, ...words: string[]): string[] => [
  ...['--os-auth-type', type, '--os-auth-url', `${cloud.apiUrl}/identity/v3`],
  ...['--os-identity-provider', 'company', '--os-protocol', 'openid'],
  ...words,
];
const asClient = (secret: string = client.secret): string[] => [
  ...['--os-client-id', client.id, '--os-client-secret', secret],
  ...['--os-discovery-endpoint', `${peer.issuer}/.well-known/openid-configuration`],
];
const inProject = (name: string, domainId = 'default'): string[] => [
  ...['--os-project-name', name, '--os-project-domain-id', domainId],
];

before(async () => {
  peer = await openIdPeerStart();
  peer.people.set('ada', { sub: '1', preferred_username: 'ada', groups: ['watchers', 'x'] });
  peer.people.set(client.id, { sub: '2', preferred_username: 'robot', groups: ['watchers'] });
  cloud = await cloudUse(
    () =>
      `identity.trusted_dashboard = ["${dashboard}"]\n[identity.oidc.sso]\nissuer = "${peer.issuer}"\n` +
      `client_id = "${client.id}"\nclient_secret = "${client.secret}"\n`,
  );
  writeFileSync(join(folder, 'rules.json'), JSON.stringify(rules));
  await asAdmin('identity', 'provider', 'create', '--remote-id', peer.issuer, 'company');
  await asAdmin('mapping', 'create', '--rules', join(folder, 'rules.json'), 'people');
  const ofCompany = ['--identity-provider', 'company', '--mapping', 'people'];
  await asAdmin('federation', 'protocol', 'create', ...ofCompany, 'openid');
  await asAdmin('group', 'create', 'watchers');
  await asAdmin('role', 'add', '--group', 'watchers', '--project', 'demo', 'reader');
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  await peer?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('people log in with the password they have at the provider, and do what their groups may', async () => {
  const words = from('v3oidcpassword', '--os-username', 'ada', '--os-password', 'p', ...asClient());
  const ada = (...more: string[]) => cloud.openstack('', ...words, ...more);
  const inDemo = await ada(...inProject('demo'), 'network', 'list', '-f', 'json');
  assert(Array.isArray(inDemo));
  await assert.rejects(ada(...inProject('demo'), 'network', 'create', 'n'), /403|not allowed/i);
  await assert.rejects(ada(...inProject('admin'), 'network', 'list'), /401|authentication/);
  const projects = await ada('federation', 'project', 'list', '-f', 'json');
  assert.deepEqual(projects.map(({ Name }: { Name: string }) => Name).toSorted(), [
    'demo',
    'home of ada',
  ]);
  const idp = await asAdmin('identity', 'provider', 'show', 'company', '-f', 'json');
  await ada(...inProject('home of ada', idp.domain_id), 'network', 'create', 'own');
  await ada(...inProject('home of ada', idp.domain_id), 'network', 'delete', 'own');
});

test('a program logs in as a client of the provider', async () => {
  const robot = (secret?: string) => [...from('v3oidcclientcredentials', ...asClient(secret))];
  const issued = await cloud.openstack(
    '',
    ...robot(),
    ...inProject('demo'),
    ...['token', 'issue', '-f', 'json'],
  );
  const user = await asAdmin('user', 'show', issued.user_id, '-f', 'json');
  assert.equal(user.name, 'robot');
  await assert.rejects(
    cloud.openstack('', ...robot('wrong'), 'token', 'issue'),
    /401|access_token/,
  );
});

test('an access token from elsewhere opens the cloud while it is good', async () => {
  const come = (token: string) =>
    cloud.openstack(
      '',
      ...from('v3oidcaccesstoken', '--os-access-token', token, ...inProject('demo')),
      ...['token', 'issue', '-f', 'json'],
    );
  const claims = peer.people.get('ada') ?? {};
  assert.equal(typeof (await come(await peer.token(claims))).user_id, 'string');
  await assert.rejects(come(await peer.token({ ...claims, aud: 'another' })), /401/);
  await assert.rejects(come('x.y.z'), /401/);
});

test('a code that somebody brings from the provider opens the cloud once', async () => {
  const back = 'http://127.0.0.1:1/back';
  const asked = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: back,
    tenant: '1',
  });
  peer.atBrowser = 'ada';
  const sent = await fetch(`${peer.issuer}/authorize?${asked.toString()}`, { redirect: 'manual' });
  const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? '';
  const come = () =>
    cloud.openstack(
      '',
      ...from('v3oidcauthcode', '--os-code', code, '--os-redirect-uri', back, ...asClient()),
      ...[...inProject('demo'), 'token', 'issue', '-f', 'json'],
    );
  assert.equal(typeof (await come()).user_id, 'string');
  await assert.rejects(come(), /400|401|access_token/);
});

test('a browser that a dashboard has sent comes back to it with a token', async () => {
  const path = '/v3/auth/OS-FEDERATION/websso/openid';
  const start = (origin: string) =>
    fetch(`${cloud.apiUrl}/identity${path}?${new URLSearchParams({ origin }).toString()}`, {
      redirect: 'manual',
    });
  assert.equal((await start('https://evil.example/')).status, 401);
  const started = await start(dashboard);
  assert.equal(started.status, 303);
  const [cookie = ''] = (started.headers.get('set-cookie') ?? '').split(';');
  peer.atBrowser = 'ada';
  const sent = await fetch(started.headers.get('location') ?? '', { redirect: 'manual' });
  const back = await fetch(sent.headers.get('location') ?? '', { headers: { Cookie: cookie } });
  const page = await back.text();
  assert.equal(back.status, 200, page);
  assert(page.includes(`action="${dashboard}"`));
  const [, token = ''] = /name="token" value="([^"]+)"/.exec(page) ?? [];
  // What Horizon does with it.
  const shown = await cloud.openstack(
    '',
    ...['--os-auth-type', 'v3token', '--os-token', token],
    ...['--os-auth-url', `${cloud.apiUrl}/identity/v3`, ...inProject('demo')],
    ...['token', 'issue', '-f', 'json'],
  );
  assert.equal(shown.project_id, (await asAdmin('project', 'show', 'demo', '-f', 'json')).id);
  const code =
    new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? assert.fail();
  for (const path of ['log/control.log', 'control/audit.log']) {
    const text = readFileSync(join(cloud.stateDir, path), 'utf8');
    assert(text.includes('websso') || text.includes('authenticate'), path);
    for (const secret of [token, client.secret, code, encodeURIComponent(code)]) {
      assert(!text.includes(secret), path);
    }
  }
});

test('the object store serves somebody of the provider, by token and by key, until he is sent away', async () => {
  const words = from('v3oidcpassword', '--os-username', 'ada', '--os-password', 'p', ...asClient());
  const idp = await asAdmin('identity', 'provider', 'show', 'company', '-f', 'json');
  const ada = (...more: string[]) =>
    cloud.openstack('', ...words, ...inProject('home of ada', idp.domain_id), ...more);
  const file = join(folder, 'poem.txt');
  writeFileSync(file, 'analytical');
  await ada('container', 'create', 'engine');
  await ada('object', 'create', 'engine', file, '--name', 'poem');
  const issued = await ada('token', 'issue', '-f', 'json');
  const key = await ada('ec2', 'credentials', 'create', '-f', 'json');
  const { url } = (await ada('catalog', 'show', 'object-store', '-f', 'json')).endpoints.find(
    (one: { interface: string }) => one.interface === 'public',
  ) as { url: string };
  const client3 = new S3Client({
    endpoint: new URL(url).origin,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: key.access, secretAccessKey: key.secret },
  });
  const got = await client3.send(new GetObjectCommand({ Bucket: 'engine', Key: 'poem' }));
  assert.equal(await got.Body?.transformToString(), 'analytical');
  await client3.send(new CreateBucketCommand({ Bucket: 'own-bucket' }));
  await client3.send(new PutObjectCommand({ Bucket: 'own-bucket', Key: 'k', Body: 'by key' }));
  const status = async (at = `${url}/engine/poem`) =>
    (await fetch(at, { headers: { 'X-Auth-Token': issued.id } })).status;
  assert.equal(await status(`${url}/own-bucket/k`), 200);
  // As a reader of another project, by the group that the provider told of, who may not write.
  const demo = (await asAdmin('project', 'show', 'demo', '-f', 'json')).id;
  const inDemo = url.replace(/AUTH_.*/, `AUTH_${demo}`);
  assert.equal(await status(inDemo), 403);

  await asAdmin('identity', 'provider', 'set', '--disable', 'company');
  await until('the object store refuses the token', async () => (await status()) === 401);
  await asAdmin('identity', 'provider', 'set', '--enable', 'company');
  await asAdmin('user', 'set', '--disable', issued.user_id);
  await until('the object store refuses the key', async () => {
    const answer = client3.send(new GetObjectCommand({ Bucket: 'engine', Key: 'poem' }));
    return await answer.then(
      () => false,
      (error: Error) => error.name === 'AccessDenied' || error.name === 'InvalidAccessKeyId',
    );
  });
  await asAdmin('user', 'set', '--enable', issued.user_id);
});
