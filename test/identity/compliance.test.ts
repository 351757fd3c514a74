import assert from 'node:assert/strict';
import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { complianceDefaults, type Compliance } from '../../src/identity/compliance.model.ts';
import { passwordInsert } from '../../src/identity/user.store.ts';
import { cloudOpen, type TestCloud } from './support.ts';

const dayMs = 86_400_000;

const opened = (compliance: Partial<Compliance>): Promise<TestCloud> =>
  cloudOpen({ compliance: { ...complianceDefaults, ...compliance } });

interface Eve {
  readonly id: string;
  set(user: object): Promise<number>;
  logIn(password: string): Promise<number>;
  change(original: string, password: string): Promise<{ status: number; message: string }>;
}

async function eveOf(cloud: TestCloud, user: object = {}): Promise<Eve> {
  const { id } = await cloud.create('/v3/users', {
    user: { name: 'eve', password: 'first1', ...user },
  });
  return {
    id,
    set: async (changes) => {
      const token = await cloud.freshAdmin();
      const answer = await cloud.call('PATCH', `/v3/users/${id}`, {
        token,
        body: { user: changes },
      });
      return answer.status;
    },
    logIn: async (password) => (await cloud.logIn('eve', password)).status,
    change: async (original_password, password) => {
      const answer = await cloud.call('POST', `/v3/users/${id}/password`, {
        token: null,
        body: { user: { original_password, password } },
      });
      return { status: answer.status, message: answer.json?.error.message ?? '' };
    },
  };
}

test('an account is locked after wrong passwords in a row, and opens with time or by an administrator', async () => {
  await using cloud = await opened({ lockoutFailures: 3, lockoutMs: 60_000 });
  const eve = await eveOf(cloud);
  const fail = async (times: number): Promise<void> => {
    for (let turn = 0; turn < times; turn++) assert.equal(await eve.logIn('wrong'), 401);
  };
  await fail(2);
  assert.equal(await eve.logIn('first1'), 201);
  await fail(2);
  assert.equal(await eve.logIn('first1'), 201, 'a success begins anew');
  await fail(3);
  const locked = await cloud.logIn('eve', 'first1');
  assert.equal(locked.status, 401);
  assert.equal(locked.json.error.message, (await cloud.logIn('nobody', 'x')).json.error.message);
  const event = cloud.events.find(({ reason }) => reason?.reasonType.includes('locked'));
  assert.equal(event?.target.id, eve.id);
  assert.equal((await eve.change('first1', 'second2')).status, 401, 'the other way in is shut too');
  cloud.clock.pass(60_001);
  assert.equal(await eve.logIn('first1'), 201);
  await fail(3);
  assert.equal(await eve.set({ enabled: true }), 200);
  assert.equal(await eve.logIn('first1'), 201);
  await eve.set({ options: { ignore_lockout_failure_attempts: true } });
  await fail(5);
  assert.equal(await eve.logIn('first1'), 201);
});

test('failures at one time are all counted, and a right guess among them comes too late', async () => {
  await using cloud = await opened({ lockoutFailures: 3, lockoutMs: 0 });
  const eve = await eveOf(cloud);
  await Promise.all(Array.from({ length: 6 }, () => eve.logIn('wrong')));
  assert.equal(await eve.logIn('first1'), 401);
  cloud.clock.pass(365 * dayMs);
  assert.equal(await eve.logIn('first1'), 401, 'without a duration only an administrator opens it');
});

test('a password ends after its days, and its owner can still change it', async () => {
  await using cloud = await opened({ passwordExpiresDays: 30 });
  const eve = await eveOf(cloud);
  const shown = (await cloud.call('GET', `/v3/users/${eve.id}`)).json.user.password_expires_at;
  assert.match(shown, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/);
  cloud.clock.pass(31 * dayMs);
  const late = await cloud.logIn('eve', 'first1');
  assert.equal(late.status, 401);
  assert.match(late.json.error.message, new RegExp(`expired .* ${eve.id}`));
  assert.doesNotMatch((await cloud.logIn('eve', 'wrong')).json.error.message, /expired/);
  assert.equal((await eve.change('first1', 'second2')).status, 204);
  cloud.clock.pass(10);
  assert.equal(await eve.logIn('second2'), 201);
  cloud.clock.pass(31 * dayMs);
  await cloud.world.db.write((tx) =>
    tx
      .updateTable('identity_user')
      .set({ options: '{"ignore_password_expiry":true}' })
      .where('id', '=', eve.id)
      .execute(),
  );
  assert.equal(await eve.logIn('second2'), 201);
});

test('passwords differ from those before, are kept for a while, and look as they must', async () => {
  await using cloud = await opened({
    uniqueLastCount: 3,
    minimumAgeDays: 1,
    passwordPattern: '^(?=.*\\d).{6,}$',
    passwordPatternText: 'six signs, one of them a digit',
  });
  const eve = await eveOf(cloud);
  const weak = await eve.change('first1', 'weak');
  assert.equal(weak.status, 400);
  assert.match(weak.message, /six signs, one of them a digit/);
  assert.equal(await eve.set({ password: 'weak' }), 400);
  const created = await cloud.call('POST', '/v3/users', {
    body: { user: { name: 'x', password: 'weak' } },
  });
  assert.equal(created.status, 400);

  assert.match((await eve.change('first1', 'first1')).message, /previous password.* 3\./);
  assert.equal(
    (await eve.change('first1', 'second2')).status,
    204,
    'what was given may be changed',
  );
  assert.match((await eve.change('second2', 'third33')).message, /minimum password age.* 1 day/);
  cloud.clock.pass(dayMs);
  assert.equal((await eve.change('second2', 'third33')).status, 204);
  cloud.clock.pass(dayMs);
  assert.equal((await eve.change('third33', 'first1')).status, 400);
  assert.equal((await eve.change('third33', 'fourth4')).status, 204);
  cloud.clock.pass(dayMs);
  assert.equal((await eve.change('fourth4', 'first1')).status, 204, 'three others lie between');
  assert.equal(await eve.set({ password: 'first1' }), 200, 'an administrator is not held to it');
  assert.equal(await eve.set({ options: { lock_password: true } }), 200);
  assert.match((await eve.change('first1', 'seventh7')).message, /disallowing password changes/);
});

test('a password that was given must be changed before it logs in, unless the user is exempt', async () => {
  await using cloud = await opened({ changeUponFirstUse: true });
  const eve = await eveOf(cloud);
  assert.equal(await eve.logIn('first1'), 401);
  assert.equal((await eve.change('first1', 'second2')).status, 204);
  cloud.clock.pass(10);
  assert.equal(await eve.logIn('second2'), 201);
  await eve.set({ password: 'reset33' });
  assert.equal(await eve.logIn('reset33'), 401);
  await eve.set({ options: { ignore_change_password_upon_first_use: true } });
  await eve.set({ password: 'reset44' });
  cloud.clock.pass(10);
  assert.equal(await eve.logIn('reset44'), 201);
});

test('who was away for long is disabled, until an administrator enables the user', async () => {
  await using cloud = await opened({ inactiveDays: 10 });
  const eve = await eveOf(cloud);
  cloud.clock.pass(9 * dayMs);
  assert.equal(await eve.logIn('first1'), 201);
  cloud.clock.pass(9 * dayMs);
  assert.equal(await eve.logIn('first1'), 201);
  cloud.clock.pass(11 * dayMs);
  assert.equal(await eve.logIn('first1'), 401);
  const row = await cloud.world.db.read((tx) =>
    tx.selectFrom('identity_user').select('enabled').where('id', '=', eve.id).executeTakeFirst(),
  );
  assert.equal(row?.enabled, 0);
});

test('guesses from one address wait longer and longer, and forget it in time', async () => {
  await using cloud = await opened({ backOffFree: 2, backOffMaxMs: 120 });
  const waited: number[] = [];
  const { clock } = cloud;
  clock.onSleep = (ms) => void waited.push(ms);
  for (let turn = 0; turn < 6; turn++) await cloud.logIn(`nobody${turn}`, 'x');
  assert.deepEqual(waited, [50, 100, 120, 120]);
  assert.equal((await cloud.logIn('admin', 'admin-secret')).status, 201, 'delayed, not refused');
  assert.equal(waited.length, 5);
  clock.pass(600_001);
  await cloud.logIn('nobody', 'x');
  assert.equal(waited.length, 5);
});

test('hashes of an imported Keystone open their users, and are replaced when they do', async () => {
  await using cloud = await cloudOpen();
  const eve = await eveOf(cloud);
  const b64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  const ab64 = (bytes: Buffer): string => b64(bytes).replaceAll('+', '.');
  const salt = Buffer.from([250, 251, 252, 253, 254, 255, 0, 1]);
  const hashes = [
    `$pbkdf2-sha512$1000$${ab64(salt)}$${ab64(pbkdf2Sync('old', salt, 1000, 64, 'sha512'))}`,
    `$scrypt$ln=4,r=8,p=1$${b64(salt)}$${b64(scryptSync('old', salt, 32, { N: 16, r: 8, p: 1 }))}`,
    // made by passlib
    '$pbkdf2-sha512$1000$VwoBQAhBqPU.53zP.R.j1A$Oz50E0PYJyO8Bqb.bKMQ8bWS.qi9OQ5..6mPv3PxENIduCJ7KdKzUh4Jh4itPK2ahHkN5ymbTZ5wc.xP9mPBOQ',
    '$scrypt$ln=4,r=8,p=1$T4lRKgVgbK117l2LESKkNA$3hOUy9AbNXIhGZdIzgPO62XyHCL5hF3gRwkpjLRelE0',
    '$2b$04$x4r46LgmrFjRCzfWHAQeTOgloVQwyHgYSMkJnoJcxDVv7BJYcZo8K',
  ];
  const others = [
    '$6$rounds=1000$KRLNkiw2GbHLkeMe$BUcSCohA/CFQf3avqYXxvQZEynUKXtnIqJvi2OCLXLfL3HvsOdQBcHIMfP/gnG6VZllf1Q/NDhu1b.6ZVFKZv0',
    '$6$rounds=1000$ab$NFbzU2DQLl3OZu83FviV.Xe95BlJnKVpTXGpWdG43xDccgNCWBG4KN48j4r6lcjj1x1PMxNzglXZOJteT8I.P.',
    '$bcrypt-sha256$2b,4$XqJdVFSqQgg60dMiFKJgW.$IJEAPh7nf1P9/mFiIg3SEj2Fl/iFoly',
    '$bcrypt-sha256$v=2,t=2b,r=4$MP7mn.k.i2L/quXOu7.i6.$cqjHc0lO59b2nlxrk1yJZAXllNFG/NW',
  ];
  for (const [index, hash] of [...hashes, ...others].entries()) {
    const password = others.includes(hash) ? 'pässwörd' : index >= 2 ? 'password' : 'old';
    await cloud.world.db.write((tx) =>
      passwordInsert(tx, { id: cloud.world.ids.uuid(), userId: eve.id, hash, createdAtMs: 0 }),
    );
    assert.equal(await eve.logIn('wrong'), 401, hash);
    assert.equal(await eve.logIn(password), 201, hash);
    const { rows } = await cloud.world.db.read(async (tx) => ({
      rows: await tx
        .selectFrom('identity_password')
        .select('hash')
        .where('user_id', '=', eve.id)
        .execute(),
    }));
    assert(!rows.some((row) => row.hash === hash), 'replaced');
    assert.equal(await eve.logIn(password), 201);
  }
  for (const broken of [
    '$scrypt$ln=31,r=8,p=1$AA$AA',
    '$pbkdf2-sha512$99999999$AA$AA',
    '$6$x$y',
    `$6$rounds=9999999$ab$${'x'.repeat(86)}`,
    `$bcrypt-sha256$v=2,t=2b,r=31$${'x'.repeat(22)}$${'x'.repeat(31)}`,
    '',
  ]) {
    await cloud.world.db.write((tx) =>
      passwordInsert(tx, {
        id: cloud.world.ids.uuid(),
        userId: eve.id,
        hash: broken,
        createdAtMs: 0,
      }),
    );
    assert.equal(await eve.logIn('old'), 401, broken);
  }
});
