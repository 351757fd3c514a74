import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkSeed } from '../../src/network/network.seed.ts';
import { networkPort } from '../../src/network/server-ports.ts';
import { actors, networkServe, type NetworkServe } from './network-serve.ts';
import { externalMake, routerMake, tenantMake } from './topology.ts';

const ada = 'a'.repeat(32);

const seeded = async (one: NetworkServe): Promise<void> =>
  networkSeed(one.world, {
    adminProjectId: 'b'.repeat(32),
    demoProjectId: null,
    external: {
      name: 'public',
      cidr: '203.0.113.0/24',
      hostAddress: '203.0.113.1',
      allocationFirst: '203.0.113.2',
      allocationLast: '203.0.113.254',
    },
    dnsServers: [],
  });

test('every host is an agent that is alive while it reports, and none is given routers that is kept down', async () => {
  await using one = await networkServe({}, 2);
  await one.sync();
  const list = await one.call(
    'admin',
    'GET',
    'agents?agent_type=Linux%20bridge%20agent&sort_key=host&sort_dir=asc',
  );
  assert.deepEqual(
    list.json.agents.map((agent: { host: string; alive: boolean }) => [agent.host, agent.alive]),
    [
      ['host-1', true],
      ['host-2', true],
    ],
  );
  const [first] = list.json.agents;
  await one.call('admin', 'PUT', `agents/${first.id}`, { agent: { admin_state_up: false } });
  const [outside, inside] = [await externalMake(one), await tenantMake(one, 'ada', '10.1.0.0/24')];
  const router = await routerMake(one, 'ada', outside, inside);
  await one.sync();
  assert.equal(one.document('router', router.id, 0), undefined);
  assert.ok(one.document('router', router.id, 1));

  one.agents[0]?.disconnect();
  const dead = async (): Promise<unknown[]> =>
    (await one.call('admin', 'GET', 'agents?alive=False')).json.agents;
  while ((await dead()).length === 0) await new Promise(setImmediate);
  assert.equal((await one.call('admin', 'DELETE', `agents/${first.id}`)).status, 409);
  assert.deepEqual((await one.call('ada', 'GET', 'agents')).json.agents, []);
  assert.equal((await one.call('ada', 'GET', `agents/${first.id}`)).status, 404);
  const { json } = await one.call('ada', 'GET', 'availability_zones?resource=router');
  assert.deepEqual(json.availability_zones, [
    { name: 'nova', resource: 'router', state: 'available' },
  ]);
});

test('how many addresses are left is counted by the pools', async () => {
  await using one = await networkServe();
  const { network } = await tenantMake(one, 'ada', '10.1.0.0/29');
  await one.make('ada', 'ports', { port: { network_id: network.id } });
  const { json } = await one.call(
    'admin',
    'GET',
    `network-ip-availabilities?ip_version=4&network_id=${network.id}`,
  );
  const [found] = json.network_ip_availabilities;
  // Five for hosts beside the gateway; DHCP and the port have two.
  assert.deepEqual([found.total_ips, found.used_ips], [5, 2]);
  const none = await one.call('admin', 'GET', 'network-ip-availabilities?ip_version=6');
  assert.equal(none.json.network_ip_availabilities[0].total_ips, 0);
  assert.equal((await one.call('ada', 'GET', 'network-ip-availabilities')).status, 403);
});

test('a project without networks gets a whole topology for its first server, once', async () => {
  await using one = await networkServe();
  await seeded(one);
  const cloud = networkPort(one.world);
  assert.deepEqual(await cloud.nicsPlan(actors.ada, 'any', 1), []);
  const [plan] = await cloud.nicsPlan(actors.ada, 'auto', 1);
  const [again] = await cloud.nicsPlan(actors.ada, 'auto', 3);
  assert.equal(plan?.networkId, again?.networkId);
  await one.sync();
  assert.ok(one.document('network', plan?.networkId ?? ''));
  const shown = await one.call('ada', 'GET', `auto-allocated-topology/${ada}`);
  assert.equal(shown.json.auto_allocated_topology.id, plan?.networkId);
  const { json } = await one.call('ada', 'GET', 'subnets');
  assert.deepEqual(
    json.subnets.map((subnet: { cidr: string }) => subnet.cidr),
    ['10.128.0.0/24'],
  );
  assert.equal((await one.call('bob', 'GET', `auto-allocated-topology/${ada}`)).status, 403);
  assert.equal((await one.call('ada', 'DELETE', `auto-allocated-topology/${ada}`)).status, 204);
  await one.sync();
  assert.deepEqual((await one.call('ada', 'GET', 'routers')).json.routers, []);
  assert.deepEqual((await one.call('ada', 'GET', 'ports')).json.ports, []);
  assert.equal(one.document('network', plan?.networkId ?? ''), undefined);
});

test('where the cloud has no default external network, no topology is promised', async () => {
  await using one = await networkServe();
  const dry = await one.call('ada', 'GET', `auto-allocated-topology/${ada}?fields=dry-run`);
  assert.equal(dry.json.NeutronError.type, 'AutoAllocationFailure');
  await assert.rejects(networkPort(one.world).nicsPlan(actors.ada, 'auto', 1), {
    kind: 'invalid',
  });
});
