/** Compute and the network service together: what each does to the other's things. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/clock.ts';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';

const active = ({ status }: ServerJson) => status === 'ACTIVE';

async function make(
  house: ComputeHouse,
  path: string,
  body: object,
  as = 'member',
): Promise<ServerJson> {
  const answer = await house.http.call('POST', `/network/v2.0/${path}`, { as, body });
  assert.equal(answer.status, 201, answer.text);
  return Object.values(answer.json as object)[0];
}
const get = async (house: ComputeHouse, path: string): Promise<ServerJson> =>
  (await house.http.call('GET', `/network/v2.0/${path}`, { as: 'member' })).json;

async function networked(): Promise<{ house: ComputeHouse; network: string; subnet: string }> {
  const house = await computeHouse({ realNetwork: true });
  const network = (await make(house, 'networks', { network: { name: 'private' } })).id;
  const subnet = await make(house, 'subnets', {
    subnet: { network_id: network, ip_version: 4, cidr: '10.1.0.0/24' },
  });
  return { house, network, subnet: subnet.id };
}

test('a server on a network has a port there, bound to its host, until it is deleted', async () => {
  const { house, network } = await networked();
  await using _ = house;
  const id = await house.create({ networks: [{ uuid: network, fixed_ip: '10.1.0.77', tag: 't' }] });
  const server = await house.until(id, active);
  assert.equal(server.addresses.private[0].addr, '10.1.0.77');
  assert.deepEqual(server.security_groups, [{ name: 'default' }]);
  const [port] = (await get(house, `ports?device_id=${id}`)).ports;
  assert.equal(port.device_owner, 'compute:nova');
  const wanted = house.agents.get('host-1')?.wanted.get(id);
  assert.equal(wanted?.nics[0]?.mac, port.mac_address);
  assert.deepEqual(wanted?.guest.deviceTags, [{ portId: port.id, tag: 't' }]);
  const document = house.agents.get('host-1')?.documents.get(`network ${network}`);
  assert.ok(JSON.stringify(document).includes('10.1.0.77'));
  await house.call('DELETE', `/servers/${id}`);
  await house.untilGone(id);
  assert.deepEqual((await get(house, `ports?device_id=${id}`)).ports, []);
});

test('a port of the client is taken, and given back whole', async () => {
  const { house, network } = await networked();
  await using _ = house;
  const port = await make(house, 'ports', { port: { network_id: network, name: 'mine' } });
  const id = await house.create({ networks: [{ port: port.id }] });
  const server = await house.until(id, active);
  assert.equal(server.addresses.private[0].addr, port.fixed_ips[0].ip_address);
  const taken = await house.call('POST', '/servers', {
    body: {
      server: {
        name: 'x',
        imageRef: server.image.id,
        flavorRef: 'small',
        networks: [{ port: port.id }],
      },
    },
  });
  assert.equal(taken.status, 409, taken.text);
  await house.call('DELETE', `/servers/${id}`);
  await house.untilGone(id);
  const { port: after } = await get(house, `ports/${port.id}`);
  assert.deepEqual([after.device_id, after.device_owner], ['', '']);
});

test('what a create may not ask for is refused before anything is made', async () => {
  const { house, network } = await networked();
  await using _ = house;
  const status = async (networks: unknown, more = {}): Promise<number> => {
    const { imageRef, flavorRef } = {
      imageRef: '00000000-0000-4000-8000-0000000000ff',
      flavorRef: 'small',
    };
    const server = { name: 'x', imageRef, flavorRef, networks, ...more };
    return (await house.call('POST', '/servers', { body: { server } })).status;
  };
  const missing = '00000000-0000-4000-8000-00000000dead';
  assert.equal(await status([{ uuid: missing }]), 400);
  assert.equal(await status([{ port: missing }]), 400);
  assert.equal(await status([{ uuid: network, fixed_ip: '192.168.0.1' }]), 400);
  assert.equal(await status([{ uuid: network }], { security_groups: [{ name: 'none' }] }), 400);
  const twice = [{ port: missing }, { port: missing }];
  assert.equal(await status(twice), 400);
  assert.equal(await status('none'), 202);
  assert.deepEqual((await house.call('GET', '/servers')).json.servers.length, 1);
});

test('a floating address and a group reach the guest and its addresses', async () => {
  const { house, network, subnet } = await networked();
  await using _ = house;
  const external = await make(
    house,
    'networks',
    { network: { name: 'public', 'router:external': true } },
    'admin',
  );
  await make(
    house,
    'subnets',
    { subnet: { network_id: external.id, ip_version: 4, cidr: '172.24.9.0/24' } },
    'admin',
  );
  const router = await make(house, 'routers', {
    router: { name: 'r', external_gateway_info: { network_id: external.id } },
  });
  const added = await house.http.call(
    'PUT',
    `/network/v2.0/routers/${router.id}/add_router_interface`,
    { as: 'member', body: { subnet_id: subnet } },
  );
  assert.equal(added.status, 200, added.text);
  const id = await house.create({ networks: [{ uuid: network }] });
  await house.until(id, active);
  const [port] = (await get(house, `ports?device_id=${id}`)).ports;
  const floating = await make(house, 'floatingips', {
    floatingip: { floating_network_id: external.id, port_id: port.id },
  });
  const shown = await house.until(id, ({ addresses }) => addresses.private.length === 2);
  const line = shown.addresses.private[1];
  assert.deepEqual(
    [line.addr, line['OS-EXT-IPS:type']],
    [floating.floating_ip_address, 'floating'],
  );
  for (let i = 0; ; i++) {
    const facts = house.agents.get('host-1')?.wanted.get(id)?.guest.floatingIps ?? [];
    if (facts[0]?.address === floating.floating_ip_address) break;
    assert.ok(i < 6_000, 'the guest never learned of its floating address');
    await systemClock.sleep(10);
  }
  const remove = { removeFloatingIp: { address: floating.floating_ip_address } };
  const removed = await house.call('POST', `/servers/${id}/action`, {
    version: '2.1',
    body: remove,
  });
  assert.equal(removed.status, 202, removed.text);
  await house.until(id, ({ addresses }) => addresses.private.length === 1);
});

test('interfaces are hot-plugged into networks that the host did not have', async () => {
  const { house, network } = await networked();
  await using _ = house;
  const other = (await make(house, 'networks', { network: { name: 'other' } })).id;
  await make(house, 'subnets', {
    subnet: { network_id: other, ip_version: 4, cidr: '10.2.0.0/24' },
  });
  const id = await house.create({ networks: [{ uuid: network }] });
  await house.until(id, active);
  const path = `/servers/${id}/os-interface`;
  const attached = await house.call('POST', path, {
    body: { interfaceAttachment: { net_id: other } },
  });
  assert.equal(attached.status, 200, attached.text);
  assert.equal(house.agents.get('host-1')?.wanted.get(id)?.nics.length, 2);
  assert.deepEqual(Object.keys((await house.call('GET', `/servers/${id}/ips`)).json.addresses), [
    ...['private', 'other'],
  ]);
  const ambiguous = await house.call('POST', path, { body: {} });
  assert.ok([400, 409].includes(ambiguous.status), ambiguous.text);
  const missing = { net_id: '00000000-0000-4000-8000-00000000dead' };
  const refused = await house.call('POST', path, { body: { interfaceAttachment: missing } });
  assert.equal(refused.status, 404, refused.text);
});
