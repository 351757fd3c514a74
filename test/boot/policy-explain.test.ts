import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyExplain } from '../../src/boot/policy-explain.ts';
import { policyOpen } from '../../src/boot/policy-open.ts';
import { cloudOpen } from '../identity/support.ts';

const base = { userDomain: 'Default', projectDomain: 'Default', target: {} };

test('an explanation tells where roles come from and which part of the rule decided', async () => {
  await using cloud = await cloudOpen();
  const opened = policyOpen({ policyFile: null });
  const rule = 'os_compute_api:servers:create';
  const allowed = await policyExplain(cloud.world, opened, {
    ...base,
    user: 'demo',
    scope: 'demo',
    rule,
  });
  assert.equal(allowed.rule?.allows, true);
  assert.deepEqual(
    allowed.roles.map(({ role, impliedBy, group }) => ({ role, impliedBy, group })),
    [
      { role: 'member', impliedBy: [], group: null },
      { role: 'reader', impliedBy: ['member'], group: null },
    ],
  );
  assert.equal(allowed.source, 'built into compute');
  const refused = await policyExplain(cloud.world, opened, {
    ...base,
    user: 'demo',
    scope: 'demo',
    rule: 'identity:create_domain',
  });
  assert.equal(refused.rule?.allows, false);
  assert.match(refused.rule?.decided.join() ?? '', /role:admin \(the roles are member, reader\)/);
  const stranger = { ...base, user: 'demo', scope: 'admin', rule };
  assert.equal((await policyExplain(cloud.world, opened, stranger)).rule, null);
});

test('roles by a group and by inheritance say so, and what is not there is named', async () => {
  await using cloud = await cloudOpen();
  const group = await cloud.create('/v3/groups', { group: { name: 'ops', domain_id: 'default' } });
  const user = await cloud.create('/v3/users', { user: { name: 'olga', domain_id: 'default' } });
  const { json } = await cloud.call('GET', '/v3/roles?name=reader');
  const [{ id: roleId }] = json.roles;
  await cloud.call('PUT', `/v3/groups/${group.id}/users/${user.id}`);
  const path = `/v3/OS-INHERIT/domains/default/groups/${group.id}/roles/${roleId}/inherited_to_projects`;
  assert.equal((await cloud.call('PUT', path)).status, 204);
  const opened = policyOpen({ policyFile: null });
  const wanted = { ...base, user: 'olga', scope: 'demo', rule: 'get_image' };
  const { roles } = await policyExplain(cloud.world, opened, wanted);
  assert.deepEqual(roles, [
    { role: 'reader', group: 'ops', inheritedFrom: 'Default', impliedBy: [] },
  ]);
  for (const [wrong, text] of [
    [{ rule: 'get_imag' }, /no rule get_imag; perhaps .*get_image/],
    [{ user: 'nobody' }, /no user nobody/],
    [{ scope: 'nowhere' }, /no project nowhere/],
  ] as const) {
    await assert.rejects(policyExplain(cloud.world, opened, { ...wanted, ...wrong }), text);
  }
});
