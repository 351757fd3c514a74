import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkServe } from './network-serve.ts';

test('a port gets the lowest free address, a MAC of ours and the default group', async () => {
  await using one = await networkServe();
  const network = await one.make('ada', 'networks', { network: { name: 'n' } });
  assert.equal(network.status, 'ACTIVE');
  assert.equal(network['provider:network_type'], undefined);
  const subnet = await one.make('ada', 'subnets', {
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' },
  });
  assert.deepEqual(subnet.allocation_pools, [{ start: '10.0.0.2', end: '10.0.0.254' }]);
  assert.equal(subnet.gateway_ip, '10.0.0.1');
  const port = await one.make('ada', 'ports', { port: { network_id: network.id } });
  // The first address is that of DHCP.
  assert.deepEqual(port.fixed_ips, [{ subnet_id: subnet.id, ip_address: '10.0.0.3' }]);
  assert.match(port.mac_address, /^fa:16:3e:/);
  assert.equal(port['binding:vif_type'], undefined);
  const { json } = await one.call('ada', 'GET', 'security-groups');
  assert.deepEqual(
    json.security_groups.map((group: { name: string }) => group.name),
    ['default'],
  );
  assert.deepEqual(port.security_groups, [json.security_groups[0].id]);
  assert.equal(json.security_groups[0].security_group_rules.length, 4);
});
