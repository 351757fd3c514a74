import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { keystoneSourceOpen } from '../../src/engines/keystone/source.ts';
import { keystoneImport, type ImportOptions } from '../../src/identity/keystone-import.ts';
import { keystoneRowsRead } from '../../src/identity/keystone-rows.ts';
import { secretKey, type SecretKey } from '../../src/identity/secret-box.ts';
import { cloudOpen, type TestCloud } from '../identity/support.ts';
import { postgresStart } from '../support/postgres.ts';
import { mariaDbStart } from './mariadb.ts';

interface Theirs extends AsyncDisposable {
  /** For SQLAlchemy, and for us: the same address. */
  readonly url: string;
}

const servers = {
  async mariadb(): Promise<Theirs> {
    const server = await mariaDbStart();
    const url = `mysql+pymysql://root@localhost/keystone?unix_socket=${server.socket}`;
    return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  async postgresql(): Promise<Theirs> {
    const server = await postgresStart();
    const url = server.url.replace('postgres://', 'postgresql+psycopg2://').replace(/%2F/gi, '/');
    return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
};

for (const [name, start] of Object.entries(servers)) {
  describe(`a Keystone on ${name}`, () => {
    let theirs: Theirs;
    let keys: SecretKey[];
    const dir = mkdtempSync(join(tmpdir(), 'keystone-'));

    before(async () => {
      theirs = await start();
      const config = join(dir, 'keystone.conf');
      const keyDir = join(dir, 'credential-keys');
      writeFileSync(
        config,
        `[database]\nconnection = ${theirs.url}\n[fernet_tokens]\nkey_repository = ${dir}/fernet\n`,
      );
      execFileSync(
        '/usr/bin/python3',
        [join(import.meta.dirname, 'keystone.py'), config, theirs.url, keyDir],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      const text = readFileSync(join(keyDir, '1'), 'utf8').trim();
      keys = [secretKey(Buffer.from(text, 'base64url'))];
    });
    after(async () => {
      await theirs[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    });

    async function run(cloud: TestCloud, options: ImportOptions, given = keys) {
      const source = await keystoneSourceOpen(theirs.url);
      try {
        return await keystoneImport(
          cloud.world,
          await keystoneRowsRead(source, cloud.world, given),
          options,
        );
      } finally {
        await source.close();
      }
    }
    const usersOf = async (cloud: TestCloud): Promise<number> =>
      (await cloud.call('GET', '/v3/users', { token: await cloud.freshAdmin() })).json.users.length;

    test('names that are taken are conflicts, and nothing is written', async () => {
      await using cloud = await cloudOpen();
      const report = await run(cloud, { apply: true, merge: false });
      assert.equal(report.applied, false);
      assert.equal(report.conflicts.length, 2, report.conflicts.join('\n'));
      assert.match(report.conflicts.join('\n'), /users: admin is /);
      assert.equal(await usersOf(cloud), 2);
    });

    test('a dry run tells what would come and leaves nothing', async () => {
      await using cloud = await cloudOpen();
      const report = await run(cloud, { apply: false, merge: true });
      const users = report.counts.find(({ what }) => what === 'users');
      assert.deepEqual(users, { what: 'users', found: 6, present: 0, merged: 1, added: 5 });
      assert.deepEqual(report.dangling, ['1 x assignment with a project that is not there']);
      assert.equal(await usersOf(cloud), 2);
    });

    test('credentials that cannot be opened stop everything', async () => {
      await using cloud = await cloudOpen();
      const wrong = [secretKey(Buffer.alloc(32, 9))];
      await assert.rejects(run(cloud, { apply: true, merge: true }, wrong), /cannot be decrypted/);
      assert.equal(await usersOf(cloud), 2);
    });

    test('ids, roles, hashes, secrets and tags are what they were', async () => {
      await using cloud = await cloudOpen();
      const report = await run(cloud, { apply: true, merge: true });
      assert.equal(report.applied, true);
      const rolesOf = async (userId: string, projectId: string): Promise<string[]> => {
        const query = `effective&include_names&user.id=${userId}&scope.project.id=${projectId}`;
        const listed = await cloud.call('GET', `/v3/role_assignments?${query}`, {
          token: await cloud.freshAdmin(),
        });
        const found: { role: { name: string } }[] = listed.json.role_assignments;
        return found.map(({ role }) => role.name).toSorted();
      };
      const [ann, ben] = ['1'.padStart(32, '0'), '2'.padStart(32, '0')];
      assert.deepEqual(await rolesOf(ann, '1'.repeat(32)), ['auditor', 'reader']);
      assert.deepEqual(await rolesOf(ben, '0'.repeat(32)), ['member', 'reader']);
      const hashes = await cloud.world.db.read((tx) =>
        tx.selectFrom('identity_password').select('hash').where('hash', 'like', '$%').execute(),
      );
      const kinds = hashes
        .map(({ hash }) => hash.split('$')[1] ?? '')
        .toSorted((a, b) => a.localeCompare(b));
      assert.deepEqual(kinds, [
        '2b',
        '6',
        'argon2id',
        'argon2id',
        'bcrypt-sha256',
        'pbkdf2-sha512',
        'scrypt',
      ]);
      const token = await cloud.freshAdmin();
      const { json } = await cloud.call('GET', `/v3/credentials/${'c'.repeat(64)}`, { token });
      assert.equal(JSON.parse(json.credential.blob).secret, 'secret1');
      const shown = await cloud.call('GET', `/v3/projects/${'1'.repeat(32)}`, { token });
      assert.deepEqual(
        [shown.json.project.tags, shown.json.project.cost, shown.json.project.description],
        [['red'], 'x', 'Web'],
      );
      const logIn = (name: string, password: string) =>
        cloud.call('POST', '/v3/auth/tokens', {
          token: null,
          body: {
            auth: {
              identity: {
                methods: ['password'],
                password: { user: { name, domain: { name: 'corp' }, password } },
              },
            },
          },
        });
      // Nobody needs a new password: with whatever hash, and again when ours has taken its place.
      for (const name of ['ann', 'ben', 'cid', 'dan', 'eli']) {
        assert.equal((await logIn(name, `${name}-no`)).status, 401, name);
        for (const _ of [1, 2]) assert.equal((await logIn(name, `${name}-pw`)).status, 201, name);
      }
      const [fay, namesake] = ['1'.padStart(64, '0'), '2'.padStart(64, '0')];
      const shownUser = async (id: string) =>
        (await cloud.call('GET', `/v3/users/${id}`, { token: await cloud.freshAdmin() })).json.user;
      assert.deepEqual(
        [(await shownUser(fay)).name, (await shownUser(namesake)).name],
        ['fay', namesake],
      );
      assert.deepEqual((await shownUser(fay)).federated, [
        { idp_id: 'sso', protocols: [{ protocol_id: 'openid', unique_id: 'u1' }] },
      ]);
      assert.deepEqual(await rolesOf(fay, '1'.repeat(32)), ['member', 'reader']);
      const idp = await cloud.call('GET', '/v3/OS-FEDERATION/identity_providers/sso', { token });
      assert.deepEqual(idp.json.identity_provider.remote_ids, ['https://sso.corp.test']);
      const people = await cloud.call('GET', '/v3/OS-FEDERATION/mappings/people', { token });
      assert.deepEqual(people.json.mapping.rules[0].local, [{ user: { name: '{0}' } }]);
      const own = { id: 'b'.repeat(32), secret: 'ci-pw' };
      const byCredential = await cloud.call('POST', '/v3/auth/tokens', {
        token: null,
        body: {
          auth: {
            identity: { methods: ['application_credential'], application_credential: own },
          },
        },
      });
      assert.equal(byCredential.status, 201, byCredential.text);
      const again = await run(cloud, { apply: true, merge: true });
      assert.ok(
        again.counts.every(({ added }) => added === 0),
        JSON.stringify(again.counts),
      );
    });
  });
}
