import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { computeApi } from '../../src/compute/compute.api.ts';
import { computeRegionMigrations } from '../../src/compute/compute.migrations.ts';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import { computeSettingsDefault, type ComputeWorld } from '../../src/compute/compute.world.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { apiServe, memberOf, type TestServer } from '../support/api.ts';

async function serve(): Promise<TestServer> {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('compute', computeRegionMigrations);
  const settings = {
    ...computeSettingsDefault,
    quotas: { ...computeSettingsDefault.quotas, key_pairs: 3 },
  };
  const world = { region: engine.db(), settings } as unknown as ComputeWorld;
  return apiServe([computeApi(world) as unknown as Api<never>], computePolicy, {
    alice: memberOf('c'),
    bob: memberOf('d'),
    admin: memberOf('a', ['admin']),
  });
}

const path = '/compute/v2.1/os-keypairs';
const at = (version: string) => ({ 'X-OpenStack-Nova-API-Version': version });

test('key pairs', async (t) => {
  await using server = await serve();
  const dir = mkdtempSync(join(tmpdir(), 'welkin-key-'));
  t.after(() => rmSync(dir, { recursive: true }));

  await t.test(
    'a generated pair is one that ssh-keygen understands, and its private half is not kept',
    async () => {
      const made = await server.call('POST', path, { body: { keypair: { name: 'made' } } });
      assert.equal(made.status, 200);
      const file = join(dir, 'made');
      writeFileSync(file, made.json.keypair.private_key, { mode: 0o600 });
      const half = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });
      const words = (text: string) => text.trim().split(' ').slice(0, 2);
      assert.deepEqual(words(half), words(made.json.keypair.public_key));
      const shown = await server.call('GET', `${path}/made`);
      assert.equal('private_key' in shown.json.keypair, false);
    },
  );
  await t.test('an imported key has the fingerprint that ssh-keygen computes', async () => {
    const file = join(dir, 'own');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const public_key = readFileSync(`${file}.pub`, 'utf8');
    const body = { keypair: { name: 'own', public_key, type: 'ssh' } };
    const made = await server.call('POST', path, { body, headers: at('2.2') });
    assert.equal(made.status, 201);
    const text = execFileSync('ssh-keygen', ['-l', '-E', 'md5', '-f', `${file}.pub`], {
      encoding: 'utf8',
    });
    assert.match(text, new RegExp(`MD5:${made.json.keypair.fingerprint}`));
    assert.equal((await server.call('POST', path, { body, headers: at('2.2') })).status, 409);
  });
  const wrong = [
    { name: 'x', public_key: 'ssh-rsa AAAAXXX' },
    { name: 'x', public_key: '' },
    { name: 'x/y' },
    { name: '' },
    { name: 'x'.repeat(256) },
    { name: 'x', type: 'ssh' },
  ];
  for (const keypair of wrong) {
    await t.test(`${JSON.stringify(keypair).slice(0, 60)} is refused`, async () => {
      assert.equal((await server.call('POST', path, { body: { keypair } })).status, 400);
    });
  }
  await t.test('from 2.92 on a key must be brought', async () => {
    const answer = await server.call('POST', path, {
      body: { keypair: { name: 'x' } },
      headers: at('2.92'),
    });
    assert.equal(answer.status, 400);
  });
  await t.test(
    'a user sees only the own ones; an administrator may name another from 2.10 on',
    async () => {
      assert.equal((await server.call('GET', `${path}/own`, { as: 'bob' })).status, 404);
      const user = memberOf('c').userId;
      const named = `${path}?user_id=${user}`;
      assert.equal(
        (await server.call('GET', named, { as: 'bob', headers: at('2.10') })).status,
        403,
      );
      const seen = await server.call('GET', named, { as: 'admin', headers: at('2.10') });
      assert.equal(seen.json.keypairs.length, 2);
    },
  );
  await t.test('pages', async () => {
    const first = await server.call('GET', `${path}?limit=1`, { headers: at('2.35') });
    const next = new URL(first.json.keypairs_links[0].href);
    const second = await server.call('GET', next.pathname + next.search, { headers: at('2.35') });
    assert.deepEqual(
      [second.json.keypairs[0].keypair.name, 'keypairs_links' in second.json],
      ['own', false],
    );
  });
  await t.test('the quota holds', async () => {
    assert.equal(
      (await server.call('POST', path, { body: { keypair: { name: 'third' } } })).status,
      200,
    );
    assert.equal(
      (await server.call('POST', path, { body: { keypair: { name: 'fourth' } } })).status,
      403,
    );
  });
  await t.test('delete', async () => {
    assert.equal((await server.call('DELETE', `${path}/own`, { headers: at('2.2') })).status, 204);
    assert.equal((await server.call('DELETE', `${path}/own`)).status, 404);
  });
});
