import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupOf, labOpen, networkOf, portOf, ruleOf, subnetOf } from './lab.ts';

test('a guest is reached as its groups allow, and answers to what it asked come back', async (t) => {
  const lab = await labOpen(t);
  const subnet = subnetOf('10.0.0.0/24');
  const pinged = groupOf([ruleOf({ protocol: 1 })]);
  const closed = groupOf([]);
  const a = portOf([[subnet, '10.0.0.5']], { securityGroupIds: [pinged.id] });
  const b = portOf([[subnet, '10.0.0.6']], { securityGroupIds: [closed.id] });
  const network = networkOf({
    subnets: [subnet],
    ports: [a, b],
    securityGroups: [pinged, closed],
  });
  await lab.put(network);
  const guestA = await lab.guest(network, a);
  const guestB = await lab.guest(network, b);
  assert.equal(await guestB.ping('10.0.0.5'), true);
  assert.equal(await guestA.ping('10.0.0.6'), false);
  assert.equal(await guestA.ping('10.0.0.2'), true);
});
