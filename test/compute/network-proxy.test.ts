import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse } from '../support/compute.ts';

const version = '2.35';

test("networks and floating addresses of Nova's own API, until 2.35", async () => {
  await using house = await computeHouse({ realNetwork: true });
  const call = (method: string, path: string, body?: object, as = 'member') =>
    house.call(method, path, { body, version, as });
  const network = async (path: string, body: object, as = 'admin') =>
    (await house.http.call('POST', `/network/v2.0${path}`, { as, body })).json;
  const outside = await network('/networks', { network: { name: 'out', 'router:external': true } });
  const subnet = { network_id: outside.network.id, ip_version: 4, cidr: '172.24.9.0/24' };
  await network('/subnets', { subnet });
  await network('/networks', { network: { name: 'mine' } }, 'member');

  const pools = await call('GET', '/os-floating-ip-pools');
  assert.deepEqual(pools.json.floating_ip_pools, [{ name: 'out' }]);
  assert.equal((await call('POST', '/os-floating-ips', { pool: 'none' })).status, 404);
  const made = await call('POST', '/os-floating-ips', { pool: 'out' });
  const { id, ...shown } = made.json.floating_ip;
  assert.deepEqual(
    { ...shown, ip: 'x' },
    { ip: 'x', pool: 'out', fixed_ip: null, instance_id: null },
  );
  assert.equal((await call('GET', '/os-floating-ips')).json.floating_ips[0].id, id);
  assert.deepEqual(
    (await call('GET', '/os-floating-ips', undefined, 'other')).json.floating_ips,
    [],
  );
  assert.equal((await call('GET', `/os-floating-ips/${id}`, undefined, 'other')).status, 404);
  assert.equal((await call('DELETE', `/os-floating-ips/${id}`)).status, 202);
  assert.equal((await call('GET', `/os-floating-ips/${id}`)).status, 404);
  const { json } = await call('GET', '/os-tenant-networks');
  assert(json.networks.some(({ label }: { label: string }) => label === 'mine'));
});

test("security groups of Nova's own API, until 2.35", async (t) => {
  await using house = await computeHouse({ realNetwork: true });
  const call = (method: string, path: string, body?: object) =>
    house.call(method, path, { body, version });
  const made = await call('POST', '/os-security-groups', {
    security_group: { name: 'web', description: 'in' },
  });
  const { id } = made.json.security_group;
  const rule = {
    parent_group_id: id,
    ip_protocol: 'tcp',
    from_port: 80,
    to_port: 80,
    cidr: '0.0.0.0/0',
  };
  const first = await call('POST', '/os-security-group-rules', { security_group_rule: rule });
  assert.equal(first.status, 200);

  await t.test('what the network service calls a conflict is a bad request here', async () => {
    const again = await call('POST', '/os-security-group-rules', { security_group_rule: rule });
    assert.equal(again.status, 400);
    const { json } = await call('GET', '/os-security-groups');
    const usual = json.security_groups.find(({ name }: { name: string }) => name === 'default');
    assert.equal((await call('DELETE', `/os-security-groups/${usual.id}`)).status, 400);
  });
  await t.test('a rule for a group that is no id is refused', async () => {
    const wrong = { security_group_rule: { ...rule, parent_group_id: 'web' } };
    assert.equal((await call('POST', '/os-security-group-rules', wrong)).status, 400);
  });
  await t.test('a server shows its groups with their rules', async () => {
    const network = (path: string, body: object) =>
      house.http.call('POST', `/network/v2.0${path}`, { as: 'member', body });
    const { json: net } = await network('/networks', { network: { name: 'n' } });
    const subnet = { network_id: net.network.id, ip_version: 4, cidr: '10.0.0.0/24' };
    await network('/subnets', { subnet });
    const server = await house.create({
      networks: [{ uuid: net.network.id }],
      security_groups: [{ name: 'web' }],
    });
    await house.until(server, ({ status }) => status === 'ACTIVE');
    const { json } = await call('GET', `/servers/${server}/os-security-groups`);
    assert.deepEqual(
      json.security_groups.map((group: { name: string; rules: object[] }) => [
        group.name,
        group.rules.length,
      ]),
      [['web', 1]],
    );
    const other = { as: 'other' } as const;
    assert.equal(
      (await house.call('GET', `/servers/${server}/os-security-groups`, other)).status,
      404,
    );
  });
});
