import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkWanted, RouterWanted } from '../../src/agent/api.ts';
import { networkPort } from '../../src/network/server-ports.ts';
import { actors, networkServe, type NetworkServe } from './network-serve.ts';
import { externalMake, routerMake, tenantMake } from './topology.ts';

const serverOf = (serverId: string, host: string | null = 'host-1') => ({
  serverId,
  projectId: 'a'.repeat(32),
  availabilityZone: 'nova',
  hostname: 'vm',
  host,
});

async function serverPortMake(one: NetworkServe, networkId: string) {
  const id = one.world.ids.uuid();
  const of = { networkId, fixedAddress: null, securityGroupIds: [] };
  await networkPort(one.world).portCreate({ ...serverOf('server-1'), id, ...of });
  return { id };
}

test("a port that names another's server as its device is no port of that server", async () => {
  await using one = await networkServe();
  const ada = await tenantMake(one, 'ada', '10.0.0.0/24');
  const bob = await tenantMake(one, 'bob', '10.0.0.0/24');
  await serverPortMake(one, ada.network.id);
  const claimed = await one.make('bob', 'ports', {
    port: { network_id: bob.network.id, device_id: 'server-1', device_owner: 'compute:nova' },
  });
  const port = networkPort(one.world);
  const held = (await port.portsOf(['server-1'])).get('server-1') ?? [];
  assert.deepEqual(
    held.map(({ networkId }) => networkId),
    [ada.network.id],
  );
  await port.serverBind('server-1', 'host-1');
  await one.sync();
  assert.equal(one.document('network', bob.network.id), undefined);
  const document = one.document<NetworkWanted>('network', ada.network.id);
  assert.deepEqual(
    document?.ports.flatMap(({ serverId }) => serverId ?? []),
    ['server-1'],
  );
  await port.serverRelease('server-1');
  assert.equal((await one.call('bob', 'GET', `ports/${claimed.id}`)).status, 200);
});

test('metadata of a server is for its own ports: a connected port does not change its device', async () => {
  await using one = await networkServe();
  const ada = await tenantMake(one, 'ada', '10.0.0.0/24');
  const held = await serverPortMake(one, ada.network.id);
  for (const change of [
    { device_id: 'server-2' },
    { device_owner: '' },
    { device_owner: 'network:x' },
  ]) {
    const answer = await one.call('ada', 'PUT', `ports/${held.id}`, { port: change });
    assert.equal(answer.status, 409, JSON.stringify(change));
    assert.equal(answer.json.NeutronError.type, 'PortInUse');
  }
});

test('nobody makes a port of a router, a floating IP or DHCP by saying so', async () => {
  await using one = await networkServe();
  const outside = await externalMake(one);
  const ada = await tenantMake(one, 'ada', '10.0.0.0/24');
  const bob = await tenantMake(one, 'bob', '10.1.0.0/24');
  const router = await routerMake(one, 'ada', outside, ada);
  const owners = ['network:router_interface', 'network:floatingip', 'network:dhcp'];
  const plain = await one.make('bob', 'ports', { port: { network_id: bob.network.id } });
  for (const device_owner of owners) {
    const device = { device_id: router.id, device_owner };
    const made = await one.call('bob', 'POST', 'ports', {
      port: { network_id: bob.network.id, ...device },
    });
    assert.equal(made.status, 409, device_owner);
    const changed = await one.call('bob', 'PUT', `ports/${plain.id}`, { port: device });
    assert.equal(changed.status, 409, device_owner);
  }
  const own = await one.call('ada', 'GET', `ports?device_owner=network:router_interface`);
  const moved = await one.call('ada', 'PUT', `ports/${own.json.ports[0].id}`, {
    port: { device_id: 'router-of-another' },
  });
  assert.equal(moved.status, 409);
  await one.sync();
  const document = one.document<RouterWanted>('router', router.id);
  assert.deepEqual(
    document?.interfaces.map(({ networkId }) => networkId),
    [ada.network.id],
  );
});

test('the filter of servers by address takes parts of addresses and no expression', async () => {
  await using one = await networkServe();
  const ada = await tenantMake(one, 'ada', '10.0.0.0/24');
  await serverPortMake(one, ada.network.id);
  const port = networkPort(one.world);
  const project = actors.ada.scope.kind === 'project' ? actors.ada.scope.projectId : null;
  assert.deepEqual(await port.serversByAddress(project, '10.0.0', 4), ['server-1']);
  assert.deepEqual(await port.serversByAddress(project, '^10\\.0\\.', 4), ['server-1']);
  assert.deepEqual(await port.serversByAddress(project, '(.+)+x', 4), []);
  assert.deepEqual(await port.serversByAddress('nobody', '10.0.0', 4), []);
});
