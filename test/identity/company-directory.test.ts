/** What identity makes of a directory, whatever the directory is. The drivers have a suite of their own with real servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directoryUsersFollow } from '../../src/identity/directory-read.ts';
import { DirectoryRegistry } from '../../src/identity/directory-registry.ts';
import { directoryDomainsEnsure } from '../../src/identity/directory-seed.ts';
import {
  DirectoryUnavailable,
  type Directory,
  type DirectoryGroup,
  type DirectoryUser,
} from '../../src/identity/directory.model.ts';
import { cloudOpen, directories, type Answer, type TestCloud } from './support.ts';

/** People in memory: whose password is their name. */
class Company implements Directory {
  readonly users = new Map<string, DirectoryUser>();
  readonly groups = new Map<string, { group: DirectoryGroup; members: Set<string> }>();
  isDown = false;
  asked = 0;

  user(localId: string, name: string, isEnabled = true): void {
    const extra = { email: `${name}@corp` };
    const dn = `cn=${localId}`;
    const defaultProjectId = null;
    const description = '';
    this.users.set(localId, { localId, dn, name, description, extra, isEnabled, defaultProjectId });
  }
  group(localId: string, ...members: string[]): void {
    const group = { localId, dn: `cn=${localId}`, name: localId, description: '', extra: {} };
    this.groups.set(localId, { group, members: new Set(members) });
  }
  #ask(): void {
    this.asked++;
    if (this.isDown) throw new DirectoryUnavailable('no server answers');
  }
  async logIn(who: { name: string } | { localId: string }, password: string) {
    this.#ask();
    const user = 'name' in who ? await this.userFind(who.name) : await this.userGet(who.localId);
    if (user === null) return { why: 'no such user', localId: null };
    if (password !== user.name) return { why: 'the password is wrong', localId: user.localId };
    return { user, groups: await this.groupsOf(user) };
  }
  isReadable = () => Promise.resolve(true);
  async userFind(name: string) {
    this.#ask();
    return [...this.users.values()].find((user) => user.name === name) ?? null;
  }
  async userGet(localId: string) {
    this.#ask();
    return this.users.get(localId) ?? null;
  }
  async groupFind(name: string) {
    return [...this.groups.values()].find(({ group }) => group.name === name)?.group ?? null;
  }
  groupGet = async (localId: string) => this.groups.get(localId)?.group ?? null;
  async *userPages() {
    this.#ask();
    yield [...this.users.values()];
  }
  async *groupPages() {
    yield [...this.groups.values()].map(({ group }) => group);
  }
  groupsOf = async ({ localId }: DirectoryUser) =>
    [...this.groups.values()]
      .filter(({ members }) => members.has(localId))
      .map(({ group }) => group);
  membersOf = async ({ localId }: DirectoryGroup) =>
    [...(this.groups.get(localId)?.members ?? [])].flatMap((id) => this.users.get(id) ?? []);
  close = () => Promise.resolve();
}

interface House extends AsyncDisposable {
  readonly cloud: TestCloud;
  readonly company: Company;
  readonly domainId: string;
  readonly logIn: (name: string, password?: string, scope?: unknown) => Promise<Answer>;
  readonly get: (path: string) => Promise<Answer>;
}

async function house(): Promise<House> {
  const company = new Company();
  const { make } = directories;
  directories.make = () =>
    new DirectoryRegistry(() => company, new Map([['corp', { ou: 'dc=x' }]]));
  const cloud = await cloudOpen();
  // Other tests of this process have none.
  directories.make = make;
  await directoryDomainsEnsure(cloud.world);
  const get = async (path: string) => cloud.call('GET', path, { token: await cloud.freshAdmin() });
  const domainId = (await get('/v3/domains?name=corp')).json.domains[0].id;
  return {
    cloud,
    company,
    domainId,
    get,
    logIn: (name, password = name, scope) =>
      cloud.call('POST', '/v3/auth/tokens', {
        token: null,
        body: {
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name, password, domain: { name: 'corp' } } },
            },
            ...(scope !== undefined && { scope }),
          },
        },
      }),
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  };
}

test('two people who exchange their names keep their ids', async () => {
  await using home = await house();
  const { company, domainId, cloud, get } = home;
  company.user('1', 'ann');
  company.user('2', 'ben');
  const ids = async () =>
    Object.fromEntries(
      (await get(`/v3/users?domain_id=${domainId}`)).json.users.map(
        ({ id, name }: { id: string; name: string }) => [name, id],
      ),
    );
  const before = await ids();
  company.user('1', 'ben');
  company.user('2', 'ann');
  cloud.clock.pass(61_000);
  assert.deepEqual(await ids(), { ann: before['ben'], ben: before['ann'] });
});

test('whoever is disabled there loses the tokens that are out, and gets new ones when enabled again', async () => {
  await using home = await house();
  const { company, cloud, logIn } = home;
  company.user('1', 'ann');
  const token = (await logIn('ann')).headers.get('x-subject-token') ?? '';
  const works = async () => (await cloud.call('GET', '/v3/auth/projects', { token })).status;
  assert.equal(await works(), 200);
  company.user('1', 'ann', false);
  cloud.clock.pass(301_000);
  await directoryUsersFollow(cloud.world);
  assert.equal(await works(), 401);
  assert.equal((await logIn('ann')).status, 401);
  company.user('1', 'ann');
  cloud.clock.pass(10);
  assert.equal((await logIn('ann')).status, 201);
  assert.equal(await works(), 401);
});

test('an account of the cloud keeps its name and its password in a domain with a directory', async () => {
  await using home = await house();
  const { company, cloud, domainId } = home;
  company.user('1', 'admin');
  const { id } = await cloud.world.db.write(async (tx) => {
    const row = { id: 'f'.repeat(32), domain_id: domainId, name: 'admin', enabled: 1 as const };
    const rest = { default_project_id: null, options: '{}', extra: '{}', created_at: 0 };
    await tx
      .insertInto('identity_user')
      .values({ ...row, ...rest })
      .execute();
    return row;
  });
  assert.equal((await home.logIn('admin', 'admin')).status, 401);
  const { json } = await home.get(`/v3/users?domain_id=${domainId}`);
  assert.deepEqual(
    json.users.map((user: { id: string }) => user.id),
    [id],
  );
});

test('a list is read once a minute, and a directory that is down is a 503 without its reason', async () => {
  await using home = await house();
  const { company, cloud, domainId, get } = home;
  company.user('1', 'ann');
  await get(`/v3/users?domain_id=${domainId}`);
  const { asked } = company;
  await get(`/v3/users?domain_id=${domainId}`);
  assert.equal(company.asked, asked);
  company.isDown = true;
  cloud.clock.pass(61_000);
  const answer = await get(`/v3/users?domain_id=${domainId}`);
  assert.equal(answer.status, 503);
  assert.doesNotMatch(answer.text, /no server answers/);
  assert.equal((await home.logIn('ann')).status, 503);
  assert.equal((await get('/v3/users')).status, 200);
});
