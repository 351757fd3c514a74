import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentClient, HostFacts } from '../../src/agent/api.ts';
import { computeApi } from '../../src/compute/compute.api.ts';
import {
  computeCellMigrations,
  computeRegionMigrations,
} from '../../src/compute/compute.migrations.ts';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import { computeSettingsDefault, type ComputeWorld } from '../../src/compute/compute.world.ts';
import { hostSync } from '../../src/compute/host-sync.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { apiServe, memberOf } from '../support/api.ts';

const facts: HostFacts = {
  hostname: 'h1',
  vcpus: 4,
  memoryMib: 8_192,
  diskGib: 100,
  diskFreeGib: 60,
  accel: 'tcg',
  cpuModel: 'Nehalem',
  cpuArch: 'x86_64',
  qemuVersion: '7.2.22',
  kernel: '6.1',
  bootId: 'b',
  uptimeSec: 90_061,
  loadAverage: [0.1, 0.2, 0.3],
};

test('a host that reports is a hypervisor, a compute service and part of a zone', async (t) => {
  const [region, cell] = [sqliteOpen(':memory:'), sqliteOpen(':memory:')];
  await region.migrate('compute', computeRegionMigrations);
  await cell.migrate('compute', computeCellMigrations);
  let clockMs = 1_700_000_000_000;
  const agent = { hostGet: async () => facts } as unknown as AgentClient;
  const host = { name: 'h1', agent, vtep: null };
  const world = {
    region: region.db(),
    cell: cell.db(),
    settings: computeSettingsDefault,
    hosts: { list: () => [host], get: () => host },
  } as unknown as ComputeWorld;
  const clock = { ...systemClock, now: () => clockMs };
  const sync = hostSync(world, { clock, ids: randomIds, log: silentLog });
  clockMs = Date.now();
  await sync.run(new AbortController().signal);
  await sync.run(new AbortController().signal);

  await using server = await apiServe([computeApi(world) as unknown as Api<never>], computePolicy, {
    admin: memberOf('a', ['admin']),
    member: memberOf('c'),
  });
  const get = (path: string, version = '2.1', as = 'admin') =>
    server.call('GET', `/compute/v2.1${path}`, {
      as,
      headers: { 'X-OpenStack-Nova-API-Version': version },
    });

  await t.test('hypervisors: numbers before 2.53, ids after, capacity until 2.87', async () => {
    const [old] = (await get('/os-hypervisors/detail')).json.hypervisors;
    assert.deepEqual([old.id, old.vcpus, old.memory_mb, old.free_ram_mb], [1, 4, 8192, 7680]);
    assert.equal(typeof old.cpu_info, 'string');
    const [newer] = (await get('/os-hypervisors/detail', '2.88')).json.hypervisors;
    assert.match(newer.id, /^[0-9a-f-]{36}$/);
    assert.equal('vcpus' in newer, false);
    assert.match(newer.uptime, /up 1 days, 1:01/);
    assert.equal((await get('/os-hypervisors/statistics', '2.88')).status, 404);
    assert.equal((await get(`/os-hypervisors/${newer.id}`, '2.53')).status, 200);
    assert.equal((await get('/os-hypervisors/2', '2.1')).status, 404);
    assert.equal((await get('/os-hypervisors', '2.1', 'member')).status, 403);
  });
  await t.test('services can be disabled, and the zone is then not available', async () => {
    const [service] = (await get('/os-services', '2.53')).json.services;
    assert.deepEqual([service.state, service.status, service.zone], ['up', 'enabled', 'nova']);
    const zones = async () =>
      (await get('/os-availability-zone', '2.1', 'member')).json.availabilityZoneInfo;
    assert.equal((await zones())[0].zoneState.available, true);
    const change = (body: unknown) =>
      server.call('PUT', `/compute/v2.1/os-services/${service.id}`, {
        body,
        headers: { 'X-OpenStack-Nova-API-Version': '2.53' },
      });
    assert.equal(
      (await change({ status: 'disabled', disabled_reason: 'fan' })).json.service.disabled_reason,
      'fan',
    );
    assert.equal((await zones())[0].zoneState.available, false);
    assert.equal((await change({})).status, 400);
    assert.equal((await change({ status: 'enabled', disabled_reason: 'x' })).status, 400);
    const named = { host: 'h1', binary: 'nova-compute' };
    const enabled = await server.call('PUT', '/compute/v2.1/os-services/enable', { body: named });
    assert.equal(enabled.json.service.status, 'enabled');
  });
});
