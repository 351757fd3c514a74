import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkServe } from './network-serve.ts';
import { externalMake, tenantMake } from './topology.ts';

const bob = 'b'.repeat(32);

test('a network is opened for one project, and closed when nobody needs it any more', async () => {
  await using one = await networkServe();
  const { network } = await tenantMake(one, 'ada', '10.1.0.0/24');
  const wish = { object_type: 'network', object_id: network.id, action: 'access_as_shared' };
  assert.equal((await one.call('bob', 'GET', `networks/${network.id}`)).status, 404);
  const policy = await one.make('ada', 'rbac-policies', {
    rbac_policy: { ...wish, target_tenant: bob },
  });
  const twice = await one.call('ada', 'POST', 'rbac-policies', {
    rbac_policy: { ...wish, target_tenant: bob },
  });
  assert.equal(twice.json.NeutronError.type, 'DuplicatePolicy');
  const seen = await one.call('bob', 'GET', `networks/${network.id}`);
  assert.equal(seen.json.network.shared, true);
  // What is shared can be used, not changed.
  const renamed = await one.call('bob', 'PUT', `networks/${network.id}`, {
    network: { name: 'x' },
  });
  assert.equal(renamed.status, 403);
  const port = await one.make('bob', 'ports', { port: { network_id: network.id } });
  const held = await one.call('ada', 'DELETE', `rbac-policies/${policy.id}`);
  assert.equal(held.json.NeutronError.type, 'RbacPolicyInUse');
  await one.call('bob', 'DELETE', `ports/${port.id}`);
  assert.equal((await one.call('ada', 'DELETE', `rbac-policies/${policy.id}`)).status, 204);
  assert.equal((await one.call('bob', 'GET', `networks/${network.id}`)).status, 404);
});

test('members open their own networks to others by name, administrators to everybody and to the outside', async () => {
  await using one = await networkServe();
  const { network } = await tenantMake(one, 'ada', '10.1.0.0/24');
  const wish = { object_type: 'network', object_id: network.id };
  const cases: [as: string, more: object, status: number][] = [
    ['ada', { action: 'access_as_shared', target_tenant: '*' }, 403],
    ['ada', { action: 'access_as_external', target_tenant: bob }, 403],
    ['bob', { action: 'access_as_shared', target_tenant: bob }, 404],
    ['ada', { action: 'access_as_friend', target_tenant: bob }, 400],
    ['ada', { action: 'access_as_shared', object_type: 'qos_policy', target_tenant: bob }, 400],
    ['admin', { action: 'access_as_shared', target_tenant: '*' }, 201],
    ['admin', { action: 'access_as_external', target_tenant: bob }, 201],
  ];
  for (const [as, more, status] of cases) {
    const answer = await one.call(as, 'POST', 'rbac-policies', {
      rbac_policy: { ...wish, ...more },
    });
    assert.equal(answer.status, status, `${as} ${JSON.stringify(more)}: ${answer.text}`);
  }
  const { json } = await one.call('bob', 'GET', `networks/${network.id}`);
  assert.equal(json.network['router:external'], true);
});

test('subnets of an external network are not shown to those who may only route to it', async () => {
  await using one = await networkServe();
  const { network, subnet } = await externalMake(one);
  const list = await one.call('ada', 'GET', `subnets?network_id=${network.id}`);
  assert.deepEqual(list.json.subnets, []);
  assert.equal((await one.call('ada', 'GET', `subnets/${subnet.id}`)).status, 404);
  const ports = await one.call('ada', 'POST', 'ports', { port: { network_id: network.id } });
  assert.equal(ports.status, 403);
});
