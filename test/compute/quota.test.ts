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
import { apiServe, memberOf, type TestServer } from '../support/api.ts';

async function serve(): Promise<TestServer> {
  const [region, cell] = [sqliteOpen(':memory:'), sqliteOpen(':memory:')];
  await region.migrate('compute', computeRegionMigrations);
  await cell.migrate('compute', computeCellMigrations);
  const world = {
    region: region.db(),
    cell: cell.db(),
    settings: computeSettingsDefault,
  } as unknown as ComputeWorld;
  return apiServe([computeApi(world) as unknown as Api<never>], computePolicy, {
    admin: memberOf('a', ['admin']),
    member: memberOf('c'),
  });
}

const project = 'c'.repeat(32);
const path = `/compute/v2.1/os-quota-sets/${project}`;
const at = (version: string) => ({ headers: { 'X-OpenStack-Nova-API-Version': version } });

test('quotas', async (t) => {
  await using server = await serve();
  await t.test('the limits shown are those of the microversion', async () => {
    const keys = async (version: string) =>
      Object.keys((await server.call('GET', path, at(version))).json.quota_set);
    assert.ok((await keys('2.1')).includes('floating_ips'));
    assert.ok(!(await keys('2.36')).includes('floating_ips'));
    assert.ok((await keys('2.56')).includes('injected_files'));
    assert.ok(!(await keys('2.57')).includes('injected_files'));
  });
  await t.test(
    'an administrator sets a limit, the project sees it, its removal brings the default back',
    async () => {
      const body = { quota_set: { instances: 7, cores: '30' } };
      const set = await server.call('PUT', path, { body });
      assert.deepEqual(
        [set.status, set.json.quota_set.instances, set.json.quota_set.cores],
        [200, 7, 30],
      );
      const limits = (await server.call('GET', '/compute/v2.1/limits', { as: 'member' })).json
        .limits;
      assert.equal(limits.absolute.maxTotalInstances, 7);
      assert.equal((await server.call('DELETE', path)).status, 202);
      assert.equal((await server.call('GET', path)).json.quota_set.instances, 10);
    },
  );
  await t.test('a member sees the own limits only and sets none', async () => {
    assert.equal((await server.call('GET', path, { as: 'member' })).status, 200);
    assert.equal(
      (await server.call('GET', path.replaceAll('c', 'd'), { as: 'member' })).status,
      404,
    );
    const foreign = `/compute/v2.1/os-quota-sets/${'d'.repeat(32)}`;
    assert.equal((await server.call('GET', foreign, { as: 'member' })).status, 403);
    const body = { quota_set: { instances: 7 } };
    assert.equal((await server.call('PUT', path, { body, as: 'member' })).status, 403);
    assert.equal(
      (
        await server.call('GET', `/compute/v2.1/limits?tenant_id=${'d'.repeat(32)}`, {
          as: 'member',
        })
      ).status,
      403,
    );
  });
  for (const wrong of [
    { instances: -2 },
    { instances: 'many' },
    { instances: 2 ** 31 },
    { planets: 3 },
    { instances: null },
  ]) {
    await t.test(`${JSON.stringify(wrong)} is refused`, async () => {
      assert.equal((await server.call('PUT', path, { body: { quota_set: wrong } })).status, 400);
    });
  }
  await t.test('the class default holds where a project has nothing of its own', async () => {
    const body = { quota_class_set: { ram: 99 } };
    const changed = await server.call('PUT', '/compute/v2.1/os-quota-class-sets/default', { body });
    assert.equal(changed.json.quota_class_set.ram, 99);
    assert.equal((await server.call('GET', `${path}/defaults`)).json.quota_set.ram, 99);
    assert.equal((await server.call('GET', `${path}/detail`)).json.quota_set.ram.limit, 99);
  });
});
