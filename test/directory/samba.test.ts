import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ldapDirectory } from '../../src/engines/ldap/directory.ts';
import { DirectoryRegistry } from '../../src/identity/directory-registry.ts';
import { directoryDomainsEnsure } from '../../src/identity/directory-seed.ts';
import { cloudOpen, directories, type Answer, type TestCloud } from '../identity/support.ts';
import { address, administrator, realmBase, sambaStart, type Samba } from './samba.ts';

let samba: Samba;
let cloud: TestCloud;
const asked: string[] = [];

before(async () => {
  samba = await sambaStart();
  const ca = { tls_cacertfile: samba.ca };
  const configured = {
    // The one key; where the CA is not one of the system's, that too.
    one: { ou: `OU=Cloud,${realmBase}`, ...ca },
    full: { ou: `OU=Cloud,${realmBase}`, url: samba.url, use_tls: true, ...administrator, ...ca },
    secure: { ou: `OU=Cloud,${realmBase}`, url: `ldaps://${address}`, ...administrator, ...ca },
    bare: { ou: `OU=Cloud,${realmBase}`, url: samba.url, use_tls: false, ...administrator },
  };
  // What DNS of a company answers; this controller runs without its own.
  const resolve = async (name: string) => {
    asked.push(name);
    return [
      { name: '127.0.0.54', port: 389, priority: 0, weight: 100 },
      { name: address, port: 389, priority: 10, weight: 100 },
    ];
  };
  directories.make = (clock) =>
    new DirectoryRegistry(
      (options) => ldapDirectory(options, { now: () => clock.now(), resolve }),
      new Map(Object.entries(configured)),
    );
  cloud = await cloudOpen();
  await directoryDomainsEnsure(cloud.world);
});
after(async () => {
  await cloud[Symbol.asyncDispose]();
  await samba[Symbol.asyncDispose]();
});

const logIn = (domain: string, name: string, password: string, scope?: unknown): Promise<Answer> =>
  cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    body: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name, password, domain: { name: domain } } },
        },
        ...(scope !== undefined && { scope }),
      },
    },
  });
const why = (): string =>
  cloud.events.findLast(({ action }) => action === 'authenticate')?.reason?.reasonType ?? '';
const domainIdOf = async (name: string): Promise<string> =>
  (await cloud.call('GET', `/v3/domains?name=${name}`)).json.domains[0].id;
const namesOf = (things: readonly { name: string }[]): string[] =>
  things.map(({ name }) => name).toSorted();

test('with the base alone people log in as themselves, on a server that DNS names', async () => {
  const answer = await logIn('one', 'alice', 'alicepw1');
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.json.token.user.name, 'alice');
  assert.ok(asked.includes('_ldap._tcp.dc._msdcs.example.test'));
  const { json } = await cloud.call('GET', `/v3/users/${answer.json.token.user.id}/groups`);
  assert.deepEqual(namesOf(json.groups), ['CloudAdmins', 'Everyone', 'Ops']);
  const id = await domainIdOf('one');
  const listed = await cloud.call('GET', `/v3/users?domain_id=${id}`);
  assert.deepEqual(namesOf(listed.json.users), ['alice']);
  assert.equal((await logIn('one', 'alice', 'wrong')).status, 401);
  assert.equal((await logIn('one', 'alice', '')).status, 401);
  assert.equal((await logIn('one', 'Administrator', administrator.password)).status, 401);
  assert.equal(why(), 'the user is not in the part of the directory that is used');
});

test('a user is known by account name, principal name and domain name, and is one user', async () => {
  const ids = new Set<string>();
  for (const name of ['carol', 'CAROL', 'carol@example.test', 'EXAMPLE\\carol']) {
    const answer = await logIn('full', name, 'carolpw1');
    assert.equal(answer.status, 201, `${name}: ${answer.text}`);
    ids.add(answer.json.token.user.id);
  }
  assert.equal(ids.size, 1);
});

test('disabled, expired and unready accounts are refused, and the audit trail says why', async () => {
  for (const domain of ['full', 'one']) {
    for (const [name, password, reason] of [
      ['alice', 'wrong', 'the password is wrong'],
      ['dave', 'davepw1', 'the account is disabled'],
      ['erin', 'erinpw1', 'the password must be changed first'],
      ['frank', 'frankpw1', 'the account has expired'],
    ] as const) {
      const answer = await logIn(domain, name, password);
      assert.equal(answer.status, 401, `${name}: ${answer.text}`);
      assert.equal(why(), reason, `${domain} ${name}`);
    }
  }
  for (let tries = 0; tries < 3; tries++) await logIn('full', 'grace', 'wrong');
  assert.equal((await logIn('full', 'grace', 'gracepw1')).status, 401);
  assert.equal(why(), 'the account is locked');
});

test('lists show the whole directory, who is disabled, and the groups in groups', async () => {
  const id = await domainIdOf('secure');
  const { json } = await cloud.call('GET', `/v3/users?domain_id=${id}`);
  assert.deepEqual(namesOf(json.users), [
    'alice',
    'bob',
    'carol',
    'dave',
    'erin',
    'frank',
    'grace',
  ]);
  const disabled = json.users.filter(({ enabled }: { enabled: boolean }) => !enabled);
  assert.deepEqual(namesOf(disabled), ['dave', 'frank']);
  const groups = await cloud.call('GET', `/v3/groups?domain_id=${id}`);
  assert.deepEqual(namesOf(groups.json.groups), ['CloudAdmins', 'Everyone', 'Ops']);
  const everyone = groups.json.groups.find(({ name }: { name: string }) => name === 'Everyone');
  const members = await cloud.call('GET', `/v3/groups/${everyone.id}/users`);
  assert.deepEqual(namesOf(members.json.users), ['alice', 'bob', 'carol']);
});

test('a user who gets another account name stays the same user', async () => {
  const before = await logIn('full', 'bob', 'bobpw1');
  samba.tool('user', 'rename', 'bob', '--samaccountname=robert', '--force-new-cn=Robert');
  const after = await logIn('full', 'robert', 'bobpw1');
  assert.equal(after.status, 201, after.text);
  assert.equal(after.json.token.user.id, before.json.token.user.id);
});

test('passwords do not go bare to a server that wants encryption: 503, not a log-in', async () => {
  assert.equal((await logIn('bare', 'alice', 'alicepw1')).status, 503);
});
