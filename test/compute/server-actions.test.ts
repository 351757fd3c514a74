import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';
import { imageId } from '../support/image-port.ts';
import { networkId } from '../support/network-port.ts';

const active = ({ status }: ServerJson) => status === 'ACTIVE';
const idle = (server: ServerJson) => server['OS-EXT-STS:task_state'] === null;
const act = (house: ComputeHouse, id: string, body: object, options = {}) =>
  house.call('POST', `/servers/${id}/action`, { body, ...options });

test('update: name, description, hostname, addresses; the agent is told of names', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const { status, json } = await house.call('PUT', `/servers/${id}`, {
    body: {
      server: { name: 'two', description: 'd', hostname: 'host2.example', accessIPv4: '1.2.3.4' },
    },
  });
  assert.equal(status, 200);
  assert.deepEqual(
    [json.server.name, json.server.description, json.server.accessIPv4, json.server.hostname],
    ['two', 'd', '1.2.3.4', undefined],
  );
  assert.equal(json.server['OS-EXT-SRV-ATTR:hostname'], 'host2.example');
  assert.equal(house.agents.get('host-1')?.wanted.get(id)?.guest.name, 'two');
  const old = await house.call('PUT', `/servers/${id}`, {
    version: '2.1',
    body: { server: { description: 'x' } },
  });
  assert.equal(old.status, 400);
});

test('locks: owners lock out members, administrators lock out owners', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  assert.equal((await act(house, id, { lock: { locked_reason: 'mine' } })).status, 202);
  const shown = await house.call('GET', `/servers/${id}`);
  assert.deepEqual([shown.json.server.locked, shown.json.server.locked_reason], [true, 'mine']);
  const refused = await act(house, id, { 'os-stop': null });
  assert.equal(refused.status, 409);
  assert.equal(refused.json.conflictingRequest.message, `Instance ${id} is locked`);
  assert.equal((await house.call('DELETE', `/servers/${id}`)).status, 409);
  assert.equal((await act(house, id, { unlock: null })).status, 202);
  assert.equal((await act(house, id, { lock: null }, { as: 'admin' })).status, 202);
  assert.equal((await act(house, id, { unlock: null })).status, 403);
  assert.equal((await act(house, id, { unlock: null }, { as: 'admin' })).status, 202);
  assert.equal((await act(house, id, { 'os-stop': null })).status, 202);
});

test('metadata: merge, replace, one, delete, limits', async () => {
  await using house = await computeHouse();
  const id = await house.create({ metadata: { a: '1' } });
  await house.until(id, active);
  const path = `/servers/${id}/metadata`;
  const merged = await house.call('POST', path, { body: { metadata: { b: '2' } } });
  assert.deepEqual(merged.json, { metadata: { a: '1', b: '2' } });
  const { metadata } = house.agents.get('host-1')?.wanted.get(id)?.guest ?? {};
  assert.deepEqual(metadata, { a: '1', b: '2' });
  const one = await house.call('PUT', `${path}/a`, { body: { meta: { a: '3' } } });
  assert.deepEqual(one.json, { meta: { a: '3' } });
  assert.equal((await house.call('PUT', `${path}/a`, { body: { meta: { b: '3' } } })).status, 400);
  assert.deepEqual((await house.call('GET', `${path}/a`)).json, { meta: { a: '3' } });
  assert.equal((await house.call('GET', `${path}/toString`)).status, 404);
  const all = await house.call('PUT', path, { body: { metadata: { c: '4' } } });
  assert.deepEqual(all.json, { metadata: { c: '4' } });
  assert.equal((await house.call('DELETE', `${path}/c`)).status, 204);
  assert.equal((await house.call('DELETE', `${path}/c`)).status, 404);
  const many = Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`k${n}`, 'v']));
  assert.equal((await house.call('PUT', path, { body: { metadata: many } })).status, 403);
  const long = { metadata: { k: 'v'.repeat(256) } };
  assert.equal((await house.call('PUT', path, { body: long })).status, 400);
});

test('tags: add, show, replace, delete; fifty at most', async () => {
  await using house = await computeHouse();
  const id = await house.create({ tags: ['x'] });
  await house.until(id, active);
  const path = `/servers/${id}/tags`;
  const added = await house.call('PUT', `${path}/red`);
  assert.equal(added.status, 201);
  assert.match(added.headers.get('location') ?? '', /\/tags\/red$/);
  assert.equal((await house.call('PUT', `${path}/red`)).status, 204);
  assert.deepEqual((await house.call('GET', path)).json, { tags: ['red', 'x'] });
  assert.equal((await house.call('GET', `${path}/red`)).status, 204);
  assert.equal((await house.call('GET', `${path}/blue`)).status, 404);
  assert.equal((await house.call('PUT', `${path}/a,b`)).status, 400);
  const tags = Array.from({ length: 50 }, (_, n) => `t${n}`);
  assert.equal((await house.call('PUT', path, { body: { tags } })).status, 200);
  assert.equal((await house.call('PUT', `${path}/more`)).status, 400);
  assert.equal((await house.call('DELETE', `${path}/t1`)).status, 204);
  assert.equal((await house.call('DELETE', path)).status, 204);
  assert.deepEqual((await house.call('GET', path)).json, { tags: [] });
  assert.equal((await house.call('GET', path, { version: '2.25' })).status, 404);
});

test('rebuild makes the disk anew and keeps what was switched off switched off', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const rebuild = { imageRef: imageId, name: 'again', metadata: { m: 'n' }, user_data: 'aGk=' };
  const { status, json, headers } = await act(house, id, { rebuild });
  assert.equal(status, 202);
  assert.equal(json.server.status, 'REBUILD');
  assert.equal(json.server.user_data, 'aGk=');
  assert.match(json.server.adminPass, /^\w{12}$/);
  assert.equal(headers.get('location'), json.server.links[0].href);
  const server = await house.until(id, (one) => active(one) && idle(one));
  assert.deepEqual([server.name, server.metadata], ['again', { m: 'n' }]);
  assert.equal(house.agents.get('host-1')?.wanted.get(id)?.disks[0]?.revision, 2);
  await act(house, id, { 'os-stop': null });
  await house.until(id, (one) => one.status === 'SHUTOFF' && idle(one));
  await act(house, id, { rebuild: { imageRef: imageId } });
  await house.until(id, (one) => one.status === 'SHUTOFF' && idle(one));
  assert.equal(house.agents.get('host-1')?.wanted.get(id)?.run.state, 'stopped');
  const missing = { imageRef: '00000000-0000-4000-8000-00000000dead' };
  assert.equal((await act(house, id, { rebuild: missing })).status, 400);
});

test('createImage answers by version, and the image is active in the end', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const wish = { createImage: { name: 'snap', metadata: { k: 'v' } } };
  const old = await act(house, id, wish, { version: '2.1' });
  assert.equal(old.status, 202);
  assert.equal(old.text, '');
  const oldId = old.headers.get('location')?.split('/').at(-1) ?? '';
  await house.until(id, idle);
  const newer = await act(house, id, wish);
  assert.equal(newer.status, 202);
  await house.until(id, idle);
  for (const made of [oldId, newer.json.image_id]) {
    const image = house.images.images.get(made);
    assert.equal(image?.status, 'active');
    assert.equal(image?.properties['base_image_ref'], imageId);
    assert.equal(image?.properties['k'], 'v');
    assert.equal(image?.minDiskGib, 1);
  }
});

test('createBackup keeps as many of its type as it says, and no other image of the server goes', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const made: string[] = [];
  const backup = async (type: string, rotation: number | string): Promise<void> => {
    const wish = { createBackup: { name: type, backup_type: type, rotation } };
    const answer = await act(house, id, wish);
    assert.equal(answer.status, 202, answer.text);
    made.push(answer.json.image_id);
    await house.until(id, idle);
  };
  await act(house, id, { createImage: { name: 'snap' } });
  await house.until(id, idle);
  for (const type of ['daily', 'weekly', 'daily', 'daily']) await backup(type, '2');
  const there = () => made.map((one) => house.images.images.has(one));
  assert.deepEqual(there(), [false, true, true, true]);
  await backup('weekly', 0);
  assert.deepEqual(there(), [false, false, true, true, false]);
  const daily = house.images.images.get(made[3] ?? '');
  assert.equal(daily?.status, 'active');
  assert.equal(daily.properties['image_type'], 'backup');
  assert.equal(daily.properties['backup_type'], 'daily');
  assert.ok([...house.images.images.values()].some(({ name }) => name === 'snap'));

  const last = { createBackup: { name: 'n', backup_type: 'daily', rotation: 0 } };
  const old = await act(house, id, last, { version: '2.1' });
  assert.equal(old.status, 202);
  assert.equal(old.headers.get('location'), null);
  await house.until(id, idle);
  assert.deepEqual(there(), [false, false, false, false, false]);
  const wrong = { createBackup: { name: 'n', backup_type: 'daily', rotation: -1 } };
  assert.equal((await act(house, id, wrong)).status, 400);
});

test('interfaces: attach, list, show, detach; the guest gets and loses them', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const path = `/servers/${id}/os-interface`;
  const attached = await house.call('POST', path, {
    body: { interfaceAttachment: { net_id: networkId, tag: 'nic2' } },
  });
  assert.equal(attached.status, 200, attached.text);
  const { port_id, tag } = attached.json.interfaceAttachment;
  assert.equal(tag, 'nic2');
  const nics = () => house.agents.get('host-1')?.wanted.get(id)?.nics.length;
  assert.equal(nics(), 2);
  const list = await house.call('GET', path, { version: '2.69' });
  assert.equal(list.json.interfaceAttachments.length, 2);
  assert.equal('tag' in list.json.interfaceAttachments[0], false);
  assert.equal((await house.call('GET', `${path}/${port_id}`)).status, 200);
  assert.equal((await house.call('DELETE', `${path}/${port_id}`)).status, 202);
  for (let i = 0; nics() !== 1; i++) {
    assert.ok(i < 500, 'the interface was never unplugged');
    await house.call('GET', path);
  }
  for (let i = 0; house.network.ports.size !== 1; i++) {
    assert.ok(i < 500, 'the port was never given back');
    await house.call('GET', path);
  }
  assert.equal((await house.call('DELETE', `${path}/${port_id}`)).status, 404);
  const both = { net_id: networkId, port_id };
  const refused = await house.call('POST', path, { body: { interfaceAttachment: both } });
  assert.equal(refused.status, 400);
});

test('instance actions tell what was asked and how it went', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const stop = await act(house, id, { 'os-stop': null });
  await house.until(id, (one) => one.status === 'SHUTOFF' && idle(one));
  const path = `/servers/${id}/os-instance-actions`;
  const { json } = await house.call('GET', path);
  assert.deepEqual(
    json.instanceActions.map((one: { action: string }) => one.action),
    ['stop', 'create'],
  );
  const requestId = stop.headers.get('x-compute-request-id');
  const shown = await house.call('GET', `${path}/${requestId}`, { as: 'admin' });
  const [event] = shown.json.instanceAction.events;
  assert.deepEqual(
    [event.event, event.result, event.host, event.details],
    ['compute_stop_instance', 'Success', 'host-1', null],
  );
  const member = await house.call('GET', `${path}/${requestId}`, { version: '2.50' });
  assert.equal('events' in member.json.instanceAction, false);
  const page = await house.call('GET', `${path}?limit=1`);
  assert.equal(page.json.links[0].rel, 'next');
  const next = await house.call('GET', `${path}?limit=1&marker=${requestId}`);
  assert.equal(next.json.instanceActions[0].action, 'create');
  assert.equal((await house.call('GET', `${path}?color=red`)).status, 400);
  await house.call('DELETE', `/servers/${id}`);
  await house.untilGone(id);
  assert.equal((await house.call('GET', path)).json.instanceActions[0].action, 'delete');
  assert.equal((await house.call('GET', path, { version: '2.20' })).status, 404);
});

test('what is a matter of the guest: console, diagnostics, password, topology, addresses', async (t) => {
  await using house = await computeHouse();
  const id = await house.create({ name: 'sim-no-guest-agent' });
  await house.until(id, active);
  await t.test('diagnostics are for administrators, in two forms', async () => {
    const path = `/servers/${id}/diagnostics`;
    assert.equal((await house.call('GET', path)).status, 403);
    const flat = await house.call('GET', path, { as: 'admin', version: '2.47' });
    assert.equal(flat.json.memory, 256 * 1024);
    const { json } = await house.call('GET', path, { as: 'admin' });
    assert.deepEqual([json.state, json.num_cpus, json.num_nics], ['running', 1, 1]);
  });
  await t.test('a password needs an agent in the guest', async () => {
    const answer = await act(house, id, { changePassword: { adminPass: 'x' } });
    assert.equal(answer.status, 409);
  });
  await t.test('what the guest left for its owner is shown until it is cleared', async () => {
    const leaver = await house.create({ name: 'sim-leaves-password' });
    await house.until(leaver, active);
    const path = `/servers/${leaver}/os-server-password`;
    const ask = async (as: string) => (await house.call('GET', path, { as })).json;
    assert.deepEqual(await ask('reader'), { password: 'encrypted' });
    assert.equal((await house.call('DELETE', path, { as: 'reader' })).status, 403);
    assert.equal((await house.call('DELETE', path)).status, 204);
    assert.deepEqual(await ask('reader'), { password: '' });
    assert.equal((await house.call('GET', path, { as: 'other' })).status, 404);
    const other = await house.call('GET', `/servers/${id}/os-server-password`);
    assert.deepEqual(other.json, { password: '' });
  });
  await t.test('the rest is there, and empty', async () => {
    const topology = await house.call('GET', `/servers/${id}/topology`);
    assert.deepEqual(topology.json, { nodes: [], pagesize_kb: null });
    const migrations = await house.call('GET', `/servers/${id}/migrations`, { as: 'admin' });
    assert.deepEqual(migrations.json, { migrations: [] });
  });
  await t.test('addresses by network', async () => {
    const { json } = await house.call('GET', `/servers/${id}/ips`);
    assert.deepEqual(json, { addresses: { private: [{ version: 4, addr: '10.0.0.1' }] } });
    assert.equal((await house.call('GET', `/servers/${id}/ips/other`)).status, 404);
    assert.equal((await house.call('GET', `/servers/${id}/ips/constructor`)).status, 404);
  });
  await t.test('security groups and, long ago, addresses', async () => {
    const add = { addSecurityGroup: { name: 'web' } };
    assert.equal((await act(house, id, add)).status, 202);
    const shown = await house.call('GET', `/servers/${id}`);
    assert.deepEqual(shown.json.server.security_groups, [{ name: 'default' }, { name: 'web' }]);
    const fixed = { addFixedIp: { networkId } };
    assert.equal((await act(house, id, fixed, { version: '2.43' })).status, 202);
    assert.equal((await act(house, id, fixed, { version: '2.44' })).status, 400);
  });
  await t.test('restore finds nothing to restore', async () => {
    assert.equal((await act(house, id, { restore: null })).status, 409);
  });
  await t.test('an administrator resets the state', async () => {
    const reset = { 'os-resetState': { state: 'error' } };
    assert.equal((await act(house, id, reset)).status, 403);
    assert.equal((await act(house, id, reset, { as: 'admin' })).status, 202);
    assert.equal((await house.call('GET', `/servers/${id}`)).json.server.status, 'ERROR');
  });
});

test('others see nothing, readers change nothing', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  const of = (as: string) => house.call('GET', `/servers/${id}`, { as });
  assert.equal((await of('other')).status, 404);
  assert.equal((await of('reader')).status, 200);
  const hidden = await house.call('DELETE', `/servers/${id}`, { as: 'other' });
  assert.equal(hidden.status, 404);
  assert.equal((await house.call('DELETE', `/servers/${id}`, { as: 'reader' })).status, 403);
  const servers = await house.call('GET', '/servers', { as: 'other' });
  assert.deepEqual(servers.json, { servers: [] });
});
