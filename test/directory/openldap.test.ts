import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ldapDirectory } from '../../src/engines/ldap/directory.ts';
import { directoryUsersFollow } from '../../src/identity/directory-read.ts';
import { DirectoryRegistry } from '../../src/identity/directory-registry.ts';
import { directoryDomainsEnsure } from '../../src/identity/directory-seed.ts';
import { cloudOpen, directories, type Answer, type TestCloud } from '../identity/support.ts';
import { base, openLdapStart, peopleCount, person, reader, type OpenLdap } from './openldap.ts';

let ldap: OpenLdap;
let cloud: TestCloud;
let domainId: string;

before(async () => {
  ldap = await openLdapStart();
  cloud = await directoryCloud({
    corp: {
      ou: base,
      user_tree_dn: `ou=people,${base}`,
      group_tree_dn: `ou=groups,${base}`,
      url: ldap.url,
      user: reader.dn,
      password: reader.password,
      use_tls: true,
      tls_cacertfile: ldap.ca,
      page_size: 90,
    },
    // Nobody is there.
    lost: { ou: base, url: 'ldap://127.0.0.1:1' },
  });
  domainId = await domainIdOf('corp');
});
after(async () => {
  await cloud[Symbol.asyncDispose]();
  await ldap[Symbol.asyncDispose]();
});

async function directoryCloud(
  configured: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Promise<TestCloud> {
  directories.make = (clock) =>
    new DirectoryRegistry(
      (options) => ldapDirectory(options, { now: () => clock.now() }),
      new Map(Object.entries(configured)),
    );
  const opened = await cloudOpen();
  await directoryDomainsEnsure(opened.world);
  return opened;
}

async function domainIdOf(name: string): Promise<string> {
  const { json } = await cloud.call('GET', `/v3/domains?name=${name}`);
  return json.domains[0].id;
}

const logIn = (user: unknown, scope?: unknown): Promise<Answer> =>
  cloud.call('POST', '/v3/auth/tokens', {
    token: null,
    body: {
      auth: {
        identity: { methods: ['password'], password: { user } },
        ...(scope !== undefined && { scope }),
      },
    },
  });
const corp = (name: string, password = `${name}pw`, scope?: unknown): Promise<Answer> =>
  logIn({ name, password, domain: { name: 'corp' } }, scope);

const lastWhy = (): string =>
  cloud.events.findLast(({ action }) => action === 'authenticate')?.reason?.reasonType ?? '';

const admin = async (): Promise<{ token: string }> => ({ token: await cloud.freshAdmin() });

async function roleId(name: string): Promise<string> {
  return (await cloud.call('GET', `/v3/roles?name=${name}`, await admin())).json.roles[0].id;
}

async function groupId(name: string): Promise<string> {
  const { json } = await cloud.call(
    'GET',
    `/v3/groups?domain_id=${domainId}&name=${name}`,
    await admin(),
  );
  return json.groups[0].id;
}

test('a role given to a group reaches who is in a group in a group of it', async () => {
  const project = await cloud.create('/v3/projects', {
    project: { name: 'web', domain_id: domainId },
  });
  const everyone = await groupId('everyone');
  const path = `/v3/projects/${project.id}/groups/${everyone}/roles/${await roleId('member')}`;
  assert.equal((await cloud.call('PUT', path)).status, 204);
  const answer = await corp('alice', 'alicepw', { project: { id: project.id } });
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(
    answer.json.token.roles.map(({ name }: { name: string }) => name),
    ['member', 'reader'],
  );
  assert.equal(answer.json.token.user.domain.name, 'corp');
  assert.match(answer.json.token.user.id, /^[0-9a-f]{64}$/);
  const stranger = await corp('dave', 'davepw', { project: { id: project.id } });
  assert.equal(stranger.status, 401);
});

test('who has left a group loses its roles, in tokens that are out as well', async () => {
  const project = await cloud.create('/v3/projects', {
    project: { name: 'short', domain_id: domainId },
  });
  const dev = await groupId('dev');
  const path = `/v3/projects/${project.id}/groups/${dev}/roles/${await roleId('member')}`;
  assert.equal((await cloud.call('PUT', path, await admin())).status, 204);
  ldap.modify(
    `dn: cn=dev,ou=groups,${base}\nchangetype: modify\nadd: member\nmember: ${person('user0001')}\n`,
  );
  const answer = await corp('user0001', 'user0001pw', { project: { id: project.id } });
  assert.equal(answer.status, 201, answer.text);
  const token = answer.headers.get('x-subject-token') ?? '';
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 200);
  ldap.modify(
    `dn: cn=dev,ou=groups,${base}\nchangetype: modify\ndelete: member\nmember: ${person('user0001')}\n`,
  );
  cloud.clock.pass(301_000);
  await directoryUsersFollow(cloud.world);
  assert.equal((await cloud.call('GET', '/v3/auth/projects', { token })).status, 401);
});

test('wrong, empty and crafted passwords and names are all the same 401', async () => {
  const texts = new Set<string>();
  for (const [name, password] of [
    ['alice', 'wrong'],
    ['alice', ''],
    ['nobody', 'wrong'],
    ['*', 'alicepw'],
    ['alice)(uid=*', 'alicepw'],
    ['alice\\2a', 'alicepw'],
    ['', 'alicepw'],
  ] as const) {
    const answer = await corp(name, password);
    assert.equal(answer.status, 401, `${name}: ${answer.text}`);
    texts.add(answer.text);
  }
  assert.equal(texts.size, 1);
  assert.equal((await corp('alice', '')).status, 401);
  assert.equal(lastWhy(), 'the password is empty');
});

test('a locked account is refused with the right password, and the audit trail says why', async () => {
  for (let tries = 0; tries < 3; tries++) assert.equal((await corp('dave', 'wrong')).status, 401);
  assert.equal((await corp('dave')).status, 401);
  assert.equal(lastWhy(), 'the account is locked');
});

test('an expired account is refused, though its password is right', async () => {
  ldap.modify(
    `dn: ${person('user0007')}\nchangetype: modify\nreplace: shadowExpire\nshadowExpire: 100\n`,
  );
  assert.equal((await corp('user0007')).status, 401);
  assert.equal(lastWhy(), 'the account has expired');
});

test('all users of the directory are listed page by page, though its server gives out a hundred', async () => {
  const { json } = await cloud.call('GET', `/v3/users?domain_id=${domainId}`, await admin());
  assert.equal(json.users.length, peopleCount);
  const first = await cloud.call('GET', `/v3/users?domain_id=${domainId}&limit=10`, await admin());
  assert.equal(first.json.users.length, 10);
  assert.match(first.json.links.next, /marker=/);
  const alice = json.users.find(({ name }: { name: string }) => name === 'alice');
  assert.equal(alice.email, 'alice@example.test');
  assert.equal(alice.password_expires_at, null);
});

test('the users of a group are those of the groups in it too', async () => {
  const id = await groupId('everyone');
  const { json } = await cloud.call('GET', `/v3/groups/${id}/users`, await admin());
  assert.deepEqual(json.users.map(({ name }: { name: string }) => name).toSorted(), [
    'alice',
    'bob',
    'carol',
    'user0000',
  ]);
});

test('a user who is renamed stays the same user, with what was given', async () => {
  const old = await corp('user0002');
  ldap.rename(person('user0002'), 'uid=renamed');
  const answer = await corp('renamed', 'user0002pw');
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.json.token.user.id, old.json.token.user.id);
  assert.equal((await corp('user0002')).status, 401);
});

test('a user who is gone is not found, and comes back with the same id', async () => {
  const list = async () =>
    (await cloud.call('GET', `/v3/users?domain_id=${domainId}`, await admin())).json.users;
  const { id } = (await list()).find(({ name }: { name: string }) => name === 'user0003');
  ldap.rename(person('user0003'), 'uid=zz-user0003');
  ldap.modify(
    `dn: uid=zz-user0003,ou=people,${base}\nchangetype: modrdn\nnewrdn: uid=zz-user0003\ndeleteoldrdn: 0\nnewsuperior: ou=system,${base}\n`,
  );
  cloud.clock.pass(301_000);
  assert.equal((await list()).length, peopleCount - 1);
  assert.equal((await cloud.call('GET', `/v3/users/${id}`, await admin())).status, 404);
  ldap.modify(
    `dn: uid=zz-user0003,ou=system,${base}\nchangetype: modrdn\nnewrdn: uid=user0003\ndeleteoldrdn: 1\nnewsuperior: ou=people,${base}\n`,
  );
  cloud.clock.pass(301_000);
  assert.equal((await list()).length, peopleCount);
  assert.equal(
    (await cloud.call('GET', `/v3/users/${id}`, await admin())).json.user.name,
    'user0003',
  );
});

test('the directory is never written', async () => {
  const [user, group] = [(await corp('alice')).json.token.user.id, await groupId('ops')];
  for (const [method, path, body] of [
    ['POST', '/v3/users', { user: { name: 'new', domain_id: domainId } }],
    ['PATCH', `/v3/users/${user}`, { user: { enabled: false } }],
    ['DELETE', `/v3/users/${user}`, undefined],
    ['POST', '/v3/groups', { group: { name: 'new', domain_id: domainId } }],
    ['PATCH', `/v3/groups/${group}`, { group: { name: 'new' } }],
    ['DELETE', `/v3/groups/${group}`, undefined],
    ['PUT', `/v3/groups/${group}/users/${user}`, undefined],
    ['DELETE', `/v3/groups/${group}/users/${user}`, undefined],
  ] as const) {
    const answer = await cloud.call(method, path, { ...(await admin()), body });
    assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
    assert.match(answer.text, /LDAP does not support write operations/);
  }
});

test('a directory that does not answer is a 503 for its domain and for no other', async () => {
  const lostId = await domainIdOf('lost');
  const answer = await logIn({ name: 'alice', password: 'x', domain: { name: 'lost' } });
  assert.equal(answer.status, 503);
  assert.match(answer.text, /The directory of the domain lost cannot be asked/);
  assert.doesNotMatch(answer.text, /127\.0\.0\.1/);
  assert.equal(
    (await cloud.call('GET', `/v3/users?domain_id=${lostId}`, await admin())).status,
    503,
  );
  assert.equal((await cloud.call('GET', '/v3/users', await admin())).status, 200);
  assert.equal((await corp('alice')).status, 201);
  assert.equal((await cloud.logIn('admin', 'admin-secret')).status, 201);
});

test('the configuration of a domain makes a directory by the names that Keystone has', async () => {
  const domain = await cloud.create('/v3/domains', { domain: { name: 'byapi' } });
  const config = {
    identity: { driver: 'ldap' },
    ldap: {
      url: `ldap://127.0.0.1:1,${ldap.secureUrl}`,
      user: reader.dn,
      password: reader.password,
      suffix: base,
      user_tree_dn: `ou=people,${base}`,
      group_tree_dn: `ou=groups,${base}`,
      user_id_attribute: 'uid',
      user_name_attribute: 'uid',
      group_name_attribute: 'cn',
      tls_cacertfile: ldap.ca,
    },
  };
  const path = `/v3/domains/${domain.id}/config`;
  const put = await cloud.call('PUT', path, { ...(await admin()), body: { config } });
  assert.equal(put.status, 201, put.text);
  const answer = await logIn({ name: 'bob', password: 'bobpw', domain: { id: domain.id } });
  assert.equal(answer.status, 201, answer.text);
  const groups = await cloud.call(
    'GET',
    `/v3/users/${answer.json.token.user.id}/groups`,
    await admin(),
  );
  assert.deepEqual(
    groups.json.groups.map(({ name }: { name: string }) => name),
    ['dev'],
  );
  const byId = await logIn({ id: answer.json.token.user.id, password: 'bobpw' });
  assert.equal(byId.status, 201, byId.text);
  // A certificate of somebody else's CA.
  const wrong = { config: { ldap: { tls_cacertfile: '/etc/ssl/certs/ca-certificates.crt' } } };
  await cloud.call('PATCH', path, { ...(await admin()), body: wrong });
  cloud.clock.pass(3_000);
  const refused = await logIn({ name: 'bob', password: 'bobpw', domain: { id: domain.id } });
  assert.equal(refused.status, 503, refused.text);
});

test('groups of names, and users who are enabled by a group, as Keystone knows them', async () => {
  ldap.modify(
    [
      `dn: cn=unix,ou=groups,${base}`,
      'changetype: add',
      'objectClass: posixGroup',
      'cn: unix',
      'gidNumber: 20000',
      'memberUid: bob',
      'memberUid: carol',
      '',
      `dn: cn=enabled,ou=groups,${base}`,
      'changetype: add',
      'objectClass: groupOfNames',
      'cn: enabled',
      `member: ${person('bob')}`,
      '',
    ].join('\n'),
  );
  const domain = await cloud.create('/v3/domains', { domain: { name: 'unix' } });
  const config = {
    identity: { driver: 'ldap' },
    ldap: {
      url: ldap.url,
      user: reader.dn,
      password: reader.password,
      suffix: base,
      user_tree_dn: `ou=people,${base}`,
      user_id_attribute: 'uid',
      user_name_attribute: 'uid',
      user_enabled_emulation: true,
      user_enabled_emulation_dn: `cn=enabled,ou=groups,${base}`,
      user_filter: '(!(uid=user*))',
      user_enabled_emulation_use_group_config: false,
      user_additional_attribute_mapping: ['homeDirectory:home'],
      group_tree_dn: `ou=groups,${base}`,
      group_objectclass: 'posixGroup',
      group_name_attribute: 'cn',
      group_member_attribute: 'memberUid',
      group_members_are_ids: true,
    },
  };
  const path = `/v3/domains/${domain.id}/config`;
  const put = await cloud.call('PUT', path, { ...(await admin()), body: { config } });
  assert.equal(put.status, 201, put.text);
  const { json } = await cloud.call('GET', `/v3/users?domain_id=${domain.id}`, await admin());
  const enabled = json.users.filter((user: { enabled: boolean }) => user.enabled);
  assert.deepEqual(
    [
      json.users.length,
      enabled.map(({ name, home }: { name: string; home: string }) => [name, home]),
    ],
    [5, [['bob', '/home/bob']]],
  );
  const bob = await logIn({ name: 'bob', password: 'bobpw', domain: { id: domain.id } });
  assert.equal(bob.status, 201, bob.text);
  const groups = await cloud.call(
    'GET',
    `/v3/users/${bob.json.token.user.id}/groups`,
    await admin(),
  );
  assert.deepEqual(
    groups.json.groups.map(({ name }: { name: string }) => name),
    ['unix'],
  );
  const members = await cloud.call(
    'GET',
    `/v3/groups/${groups.json.groups[0].id}/users`,
    await admin(),
  );
  assert.deepEqual(members.json.users.map(({ name }: { name: string }) => name).toSorted(), [
    'bob',
    'carol',
  ]);
  const carol = await logIn({ name: 'carol', password: 'carolpw', domain: { id: domain.id } });
  assert.equal(carol.status, 401);
  assert.equal(lastWhy(), 'the account is disabled');
});

test('after its server was away the directory is asked again, on new connections', async () => {
  await ldap.stop();
  assert.equal((await corp('alice')).status, 503);
  await ldap.start();
  cloud.clock.pass(3_000);
  const answer = await corp('alice');
  assert.equal(answer.status, 201, answer.text);
});
