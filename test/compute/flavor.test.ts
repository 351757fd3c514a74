import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeApi } from '../../src/compute/compute.api.ts';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import { computeRegionMigrations } from '../../src/compute/compute.migrations.ts';
import type { ComputeWorld } from '../../src/compute/compute.world.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { apiServe, memberOf, type TestServer } from '../support/api.ts';

async function serve(): Promise<TestServer> {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('compute', computeRegionMigrations);
  const world = { region: engine.db() } as unknown as ComputeWorld;
  return apiServe([computeApi(world) as unknown as Api<never>], computePolicy, {
    admin: memberOf('a', ['admin', 'member', 'reader']),
    member: memberOf('c'),
  });
}

const at = (version: string) => ({ headers: { 'X-OpenStack-Nova-API-Version': version } });
const small = { name: 'small', ram: 512, vcpus: 1, disk: '5', id: 'f1' };

test('flavors: create, list, show, extra specs, access, delete', async (t) => {
  await using server = await serve();
  const path = '/compute/v2.1/flavors';

  await t.test('an administrator makes one; numbers may come as text', async () => {
    const made = await server.call('POST', path, { body: { flavor: small } });
    assert.equal(made.status, 200);
    assert.deepEqual([made.json.flavor.disk, made.json.flavor.swap], [5, '']);
    assert.equal('description' in made.json.flavor, false);
  });
  await t.test('a member may not', async () => {
    assert.equal(
      (await server.call('POST', path, { body: { flavor: small }, as: 'member' })).status,
      403,
    );
  });
  await t.test('name and id are unique', async () => {
    assert.equal((await server.call('POST', path, { body: { flavor: small } })).status, 409);
    const renamed = { ...small, id: 'f2' };
    assert.equal((await server.call('POST', path, { body: { flavor: renamed } })).status, 409);
  });
  for (const wrong of [
    { ram: 0 },
    { vcpus: -1 },
    { disk: 'x' },
    { ram: 2 ** 31 },
    { name: ' ' },
    { name: '' },
    { more: 1 },
    { rxtx_factor: 0 },
    { description: 'too early' },
  ]) {
    await t.test(`${JSON.stringify(wrong)} is refused`, async () => {
      const body = { flavor: { ...small, id: 'f3', name: 'f3', ...wrong } };
      assert.equal((await server.call('POST', path, { body })).status, 400);
    });
  }
  await t.test('what appears at a microversion appears exactly there', async () => {
    const old = (await server.call('GET', `${path}/f1`)).json.flavor;
    const newer = (await server.call('GET', `${path}/f1`, at('2.75'))).json.flavor;
    assert.deepEqual([old.swap, 'extra_specs' in old, 'description' in old], ['', false, false]);
    assert.deepEqual([newer.swap, newer.extra_specs, newer.description], [0, {}, null]);
    assert.equal((await server.call('PUT', `${path}/f1`, { ...at('2.54'), body: {} })).status, 404);
    const body = { flavor: { description: 'words' } };
    assert.equal(
      (await server.call('PUT', `${path}/f1`, { ...at('2.55'), body })).json.flavor.description,
      'words',
    );
  });
  await t.test('extra specs', async () => {
    const specs = `${path}/f1/os-extra_specs`;
    const body = { extra_specs: { 'hw:cpu_policy': 'shared', n: 3 } };
    assert.deepEqual((await server.call('POST', specs, { body })).json.extra_specs, {
      'hw:cpu_policy': 'shared',
      n: '3',
    });
    assert.deepEqual((await server.call('PUT', `${specs}/n`, { body: { n: '4' } })).json, {
      n: '4',
    });
    assert.equal((await server.call('PUT', `${specs}/n`, { body: { other: '4' } })).status, 400);
    assert.equal((await server.call('DELETE', `${specs}/n`)).status, 200);
    assert.equal((await server.call('GET', `${specs}/n`)).status, 404);
  });
  await t.test('a private flavor is seen only by those who were let in', async () => {
    const secret = { ...small, id: 'p', name: 'p', 'os-flavor-access:is_public': false };
    await server.call('POST', path, { body: { flavor: secret } });
    assert.equal((await server.call('GET', `${path}/p`, { as: 'member' })).status, 404);
    const body = { addTenantAccess: { tenant: 'c'.repeat(32) } };
    assert.equal((await server.call('POST', `${path}/p/action`, { body })).status, 200);
    assert.equal((await server.call('POST', `${path}/p/action`, { body })).status, 409);
    assert.equal((await server.call('GET', `${path}/p`, { as: 'member' })).status, 200);
    const seen = await server.call('GET', path, { as: 'member' });
    assert.deepEqual(
      seen.json.flavors.map(({ id }: { id: string }) => id),
      ['f1', 'p'],
    );
    assert.equal((await server.call('GET', `${path}/f1/os-flavor-access`)).status, 404);
  });
  await t.test('pages end with a link to the next', async () => {
    const first = (await server.call('GET', `${path}?limit=1&is_public=None`)).json;
    assert.equal(first.flavors.length, 1);
    const next = new URL(first.flavors_links[0].href);
    const second = (await server.call('GET', next.pathname + next.search)).json;
    assert.equal(second.flavors[0].id, 'p');
    assert.equal((await server.call('GET', `${path}?marker=none`)).status, 400);
  });
  await t.test('delete', async () => {
    assert.equal((await server.call('DELETE', `${path}/f1`)).status, 202);
    assert.equal((await server.call('DELETE', `${path}/f1`)).status, 404);
  });
});
