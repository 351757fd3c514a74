import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouterWanted } from '../../src/agent/api.ts';
import { networkPort } from '../../src/network/server-ports.ts';
import { networkServe, type NetworkServe } from './network-serve.ts';
import { externalMake, routerMake, tenantMake } from './topology.ts';

async function standing(one: NetworkServe) {
  const outside = await externalMake(one);
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const router = await routerMake(one, 'ada', outside, inside);
  return { outside, inside, router };
}

test('a floating IP leads to a port, is up when its router says so, and goes without a trace', async () => {
  await using one = await networkServe();
  const { outside, inside, router } = await standing(one);
  const port = await one.make('ada', 'ports', { port: { network_id: inside.network.id } });
  const floating = await one.make('ada', 'floatingips', {
    floatingip: { floating_network_id: outside.network.id, port_id: port.id },
  });
  const fixed = port.fixed_ips[0].ip_address;
  assert.equal(floating.router_id, router.id);
  assert.equal(floating.fixed_ip_address, fixed);
  assert.equal(floating.status, 'DOWN');
  assert.equal(floating.port_details.mac_address, port.mac_address);
  await one.sync();
  assert.deepEqual(one.document<RouterWanted>('router', router.id)?.floatingIps, [
    { address: floating.floating_ip_address, fixedAddress: fixed },
  ]);
  const { json } = await one.call('ada', 'GET', `floatingips/${floating.id}`);
  assert.equal(json.floatingip.status, 'ACTIVE');

  const held = await one.call('admin', 'GET', `ports?device_id=${floating.id}`);
  assert.equal(held.json.ports[0].device_owner, 'network:floatingip');
  assert.equal(held.json.ports[0].project_id, '');

  assert.equal((await one.call('ada', 'DELETE', `ports/${port.id}`)).status, 204);
  const after = await one.call('ada', 'GET', `floatingips/${floating.id}`);
  assert.deepEqual(
    [after.json.floatingip.port_id, after.json.floatingip.router_id, after.json.floatingip.status],
    [null, null, 'DOWN'],
  );
  await one.sync();
  assert.deepEqual(one.document<RouterWanted>('router', router.id)?.floatingIps, []);

  assert.equal((await one.call('ada', 'DELETE', `floatingips/${floating.id}`)).status, 204);
  const gone = await one.call('admin', 'GET', `ports?device_id=${floating.id}`);
  assert.deepEqual(gone.json.ports, []);
});

test('a floating IP moves from port to port and both servers hear of it', async () => {
  await using one = await networkServe();
  const { outside, inside } = await standing(one);
  const cloud = networkPort(one.world);
  const servers = [1, 2].map((n) => ({
    id: one.world.ids.uuid(),
    serverId: one.world.ids.uuid(),
    networkId: inside.network.id,
    projectId: 'a'.repeat(32),
    availabilityZone: 'nova',
    hostname: `s${n}`,
    host: 'host-1',
    fixedAddress: null,
    securityGroupIds: [],
  }));
  for (const server of servers) await cloud.portCreate(server);
  const heard: string[][] = [];
  cloud.onServersChange((ids) => heard.push([...ids].toSorted()));
  const floating = await one.make('ada', 'floatingips', {
    floatingip: { floating_network_id: outside.network.id, port_id: servers[0]?.id },
  });
  await one.call('ada', 'PUT', `floatingips/${floating.id}`, {
    floatingip: { port_id: servers[1]?.id },
  });
  const ids = servers.map(({ serverId }) => serverId);
  assert.deepEqual(heard, [[ids[0]], ids.toSorted()]);
  const shown = await cloud.portsShown(ids);
  const floatingOf = (id: string) => shown.get(id)?.flatMap(({ floatingIps }) => floatingIps);
  assert.deepEqual(ids.map(floatingOf), [[], [{ address: floating.floating_ip_address }]]);
  for (const [id, ports] of await cloud.portsOf(ids)) {
    assert.deepEqual(
      shown.get(id),
      ports.map(({ networkName, mac, fixedIps, floatingIps, securityGroups }) => ({
        networkName,
        mac,
        fixedIps: fixedIps.map(({ address, version }) => ({ address, version })),
        floatingIps: floatingIps.map(({ address }) => ({ address })),
        securityGroups: securityGroups.map(({ name }) => ({ name })),
      })),
    );
  }
});

test('a floating IP keeps what it needs and says what is wrong', async () => {
  await using one = await networkServe();
  const { outside, inside, router } = await standing(one);
  const lonely = await tenantMake(one, 'ada', '10.7.0.0/24');
  const port = await one.make('ada', 'ports', { port: { network_id: inside.network.id } });
  const apart = await one.make('ada', 'ports', { port: { network_id: lonely.network.id } });
  const foreign = await one.make('admin', 'ports', { port: { network_id: inside.network.id } });
  const floating_network_id = outside.network.id;
  await one.make('ada', 'floatingips', { floatingip: { floating_network_id, port_id: port.id } });
  const missing = '00000000-0000-4000-8000-000000000000';
  const cases: [wish: object, status: number, type: string][] = [
    [{ port_id: port.id }, 409, 'FloatingIPPortAlreadyAssociated'],
    [{ port_id: apart.id }, 404, 'ExternalGatewayForFloatingIPNotFound'],
    [{ port_id: missing }, 404, 'PortNotFound'],
    [{ port_id: foreign.id }, 400, 'HTTPBadRequest'],
    [{ fixed_ip_address: '10.1.0.9' }, 400, 'HTTPBadRequest'],
    [{ port_id: port.id, fixed_ip_address: '10.1.0.250' }, 400, 'HTTPBadRequest'],
    [{ floating_network_id: inside.network.id }, 400, 'HTTPBadRequest'],
    [{ floating_network_id: missing }, 404, 'NetworkNotFound'],
    [{ subnet_id: inside.subnet.id }, 400, 'InvalidInput'],
    [{ floating_ip_address: '203.0.113.9' }, 403, 'PolicyNotAuthorized'],
  ];
  for (const [wish, status, type] of cases) {
    const answer = await one.call('ada', 'POST', 'floatingips', {
      floatingip: { floating_network_id, ...wish },
    });
    assert.deepEqual([answer.status, answer.json.NeutronError.type], [status, type], answer.text);
  }
  const taken = await one.call('admin', 'POST', 'floatingips', {
    floatingip: { floating_network_id, floating_ip_address: '198.51.100.1' },
  });
  assert.equal(taken.json.NeutronError.type, 'InvalidIpForNetwork');
  const leg = await one.call('ada', 'PUT', `routers/${router.id}/remove_router_interface`, {
    subnet_id: inside.subnet.id,
  });
  assert.equal(leg.json.NeutronError.type, 'RouterInterfaceInUseByFloatingIP');
  const gateway = await one.call('ada', 'PUT', `routers/${router.id}`, {
    router: { external_gateway_info: {} },
  });
  assert.equal(gateway.json.NeutronError.type, 'RouterExternalGatewayInUseByFloatingIp');
  assert.equal((await one.call('bob', 'GET', 'floatingips')).json.floatingips.length, 0);
});
