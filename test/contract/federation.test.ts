/** A company's OpenID provider, and its people at the stock client. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cloudUse, type Cloud } from '../support/cloud.ts';
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
    () => `[identity.oidc.sso]\nissuer = "${peer.issuer}"\nclient_id = "${client.id}"\n`,
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
