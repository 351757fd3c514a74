import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeApi } from '../../src/compute/compute.api.ts';
import {
  computeCellMigrations,
  computeRegionMigrations,
} from '../../src/compute/compute.migrations.ts';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import { computeSettingsDefault, type ComputeWorld } from '../../src/compute/compute.world.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { apiServe, memberOf } from '../support/api.ts';

test('server groups', async (t) => {
  const [region, cell] = [sqliteOpen(':memory:'), sqliteOpen(':memory:')];
  await region.migrate('compute', computeRegionMigrations);
  await cell.migrate('compute', computeCellMigrations);
  const settings = {
    ...computeSettingsDefault,
    quotas: { ...computeSettingsDefault.quotas, server_groups: 2 },
  };
  const world = { region: region.db(), cell: cell.db(), settings } as unknown as ComputeWorld;
  await using server = await apiServe([computeApi(world) as unknown as Api<never>], computePolicy, {
    member: memberOf('c'),
    other: memberOf('d'),
    admin: memberOf('a', ['admin', 'member', 'reader']),
  });
  const path = '/compute/v2.1/os-server-groups';
  const at = (version: string) => ({ headers: { 'X-OpenStack-Nova-API-Version': version } });
  const create = (server_group: unknown, version = '2.1') =>
    server.call('POST', path, { body: { server_group }, ...at(version) });

  let id = '';
  await t.test('a policy in a list before 2.64, by name and with rules after', async () => {
    const old = await create({ name: 'g', policies: ['affinity'] });
    assert.deepEqual(
      [old.status, old.json.server_group.policies, old.json.server_group.metadata],
      [200, ['affinity'], {}],
    );
    const rules = { max_server_per_host: '3' };
    const newer = await create({ name: 'g', policy: 'anti-affinity', rules }, '2.64');
    assert.deepEqual(newer.json.server_group.rules, { max_server_per_host: 3 });
    id = newer.json.server_group.id;
  });
  for (const [version, wrong] of [
    ['2.1', { name: 'g', policies: ['soft-affinity'] }],
    ['2.15', { name: 'g', policies: [] }],
    ['2.15', { name: 'g', policies: ['affinity', 'anti-affinity'] }],
    ['2.64', { name: 'g', policies: ['affinity'] }],
    ['2.64', { name: 'g', policy: 'affinity', rules: { max_server_per_host: 1 } }],
    ['2.64', { name: '', policy: 'affinity' }],
  ] as const) {
    await t.test(`${JSON.stringify(wrong)} at ${version} is refused`, async () => {
      assert.equal((await create(wrong, version)).status, 400);
    });
  }
  await t.test('the quota holds', async () => {
    assert.equal((await create({ name: 'g', policies: ['affinity'] })).status, 403);
  });
  await t.test(
    'another project neither sees nor deletes it; an administrator sees all',
    async () => {
      assert.equal((await server.call('GET', `${path}/${id}`, { as: 'other' })).status, 404);
      assert.equal((await server.call('DELETE', `${path}/${id}`, { as: 'other' })).status, 404);
      assert.equal(
        (await server.call('GET', `${path}?all_projects=1`, { as: 'other' })).status,
        403,
      );
      const all = await server.call('GET', `${path}?all_projects=1`, { as: 'admin' });
      assert.equal(all.json.server_groups.length, 2);
    },
  );
  await t.test('delete', async () => {
    assert.equal((await server.call('DELETE', `${path}/${id}`)).status, 204);
    assert.equal((await server.call('GET', `${path}/${id}`)).status, 404);
  });
});
