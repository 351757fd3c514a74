import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse } from '../support/compute.ts';

const project = 'c'.repeat(32);

test('usage', async (t) => {
  await using house = await computeHouse();
  const path = '/os-simple-tenant-usage';
  const [first, second] = [await house.create(), await house.create()];
  for (const id of [first, second]) await house.until(id, ({ status }) => status === 'ACTIVE');
  await house.call('DELETE', `/servers/${second}`);
  await house.untilGone(second);
  const [memory_mb, vcpus] = [256, 1];
  const window = 'start=2020-01-01T00:00:00&end=2100-01-01T00:00:00.000000';

  await t.test('a project sees its servers, deleted ones too, with what they held', async () => {
    const { status, json } = await house.call('GET', `${path}/${project}?${window}`, {
      version: '2.1',
    });
    assert.equal(status, 200);
    const { server_usages: servers, ...sums } = json.tenant_usage;
    assert.deepEqual(
      servers.map((each: { instance_id: string; state: string }) => [each.instance_id, each.state]),
      [
        [first, 'active'],
        [second, 'terminated'],
      ],
    );
    assert.equal(servers[0].memory_mb, memory_mb);
    assert(sums.total_hours > 0);
    assert(Math.abs(sums.total_vcpus_usage - sums.total_hours * vcpus) < 1e-9);
  });
  await t.test('what ran before or after the window does not count', async () => {
    const { json } = await house.call(
      'GET',
      `${path}/${project}?start=2020-01-01T00:00:00&end=2020-01-02T00:00:00`,
    );
    assert.deepEqual(json.tenant_usage, {});
  });
  await t.test('since 2.40 in pages that lead to the next', async () => {
    const page = await house.call('GET', `${path}?${window}&detailed=1&limit=1`, { as: 'admin' });
    assert.equal(page.json.tenant_usages[0].server_usages[0].instance_id, first);
    const next = new URL(page.json.tenant_usages_links[0].href);
    const rest = await house.call('GET', `${path}${next.search}`, { as: 'admin' });
    assert.equal(rest.json.tenant_usages[0].server_usages[0].instance_id, second);
  });
  for (const [what, query, as, status] of [
    ['a time without sense', 'start=yesterday', 'admin', 400],
    ['an end before the start', 'start=2021-01-01T00:00:00&end=2020-01-01T00:00:00', 'admin', 400],
    ['an unknown marker', `${window}&marker=nobody`, 'admin', 400],
    ['a member who asks for all', window, 'member', 403],
  ] as const) {
    await t.test(`${what} is refused`, async () => {
      assert.equal((await house.call('GET', `${path}?${query}`, { as })).status, status);
    });
  }
  await t.test('a project does not see what another used', async () => {
    const { status } = await house.call('GET', `${path}/${project}?${window}`, { as: 'other' });
    assert.equal(status, 403);
  });
});

test('hosts, until 2.42', async (t) => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, ({ status }) => status === 'ACTIVE');
  const call = (method: string, rest: string, body?: object, version = '2.42') =>
    house.call(method, `/os-hosts${rest}`, { as: 'admin', version, body });

  await t.test('by zone, and gone after', async () => {
    const hosts = [{ host_name: 'host-1', service: 'compute', zone: 'nova' }];
    assert.deepEqual((await call('GET', '?zone=nova')).json.hosts, hosts);
    assert.deepEqual((await call('GET', '?zone=none')).json.hosts, []);
    assert.equal((await call('GET', '', undefined, '2.43')).status, 404);
  });
  await t.test('one has what is there, claimed, and of which project', async () => {
    const { json } = await call('GET', '/host-1');
    const projects = json.host.map(
      ({ resource }: { resource: { project: string } }) => resource.project,
    );
    assert.deepEqual(projects, ['(total)', '(used_now)', '(used_max)', project]);
    assert.equal(json.host[3].resource.memory_mb, 256);
  });
  await t.test('disabled takes no server, and what no host does is said', async () => {
    const { json } = await call('PUT', '/host-1', { status: 'Disable' });
    assert.deepEqual(json, { host: 'host-1', status: 'disabled' });
    assert.equal((await call('PUT', '/host-1', { maintenance_mode: 'enable' })).status, 501);
    assert.equal((await call('GET', '/host-1/reboot')).status, 501);
    assert.equal((await call('PUT', '/host-1', { status: 'off' })).status, 400);
    assert.equal((await call('GET', '/host-9')).status, 404);
  });
});
