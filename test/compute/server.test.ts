import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse, plainServer } from '../support/compute.ts';

test('a server is made, shown, listed, and gone after it was deleted', async () => {
  await using house = await computeHouse();
  const made = await house.call('POST', '/servers', { body: { server: plainServer } });
  assert.equal(made.status, 202);
  const { id } = made.json.server;
  assert.equal(made.headers.get('location'), made.json.server.links[0].href);
  const server = await house.until(id, ({ status }) => status === 'ACTIVE');
  assert.equal(server['OS-EXT-SRV-ATTR:host'], 'host-1');
  assert.equal(server['OS-EXT-STS:power_state'], 1);
  assert.equal(server.addresses.private[0].addr, '10.0.0.1');
  assert.equal(house.agents.get('host-1')?.wanted.get(id)?.nics.length, 1);
  const console = await house.call('POST', `/servers/${id}/action`, {
    body: { 'os-getConsoleOutput': { length: 10 } },
  });
  assert.equal(typeof console.json.output, 'string');
  const list = await house.call('GET', '/servers/detail');
  assert.deepEqual(
    list.json.servers.map((one: { id: string }) => one.id),
    [id],
  );
  assert.equal((await house.call('DELETE', `/servers/${id}`)).status, 204);
  await house.untilGone(id);
  assert.equal(house.agents.get('host-1')?.wanted.size, 0);
  assert.equal(house.network.ports.size, 0);
});

test('power: each action from its state and from no other', async (t) => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, ({ status }) => status === 'ACTIVE');
  const act = (body: object) => house.call('POST', `/servers/${id}/action`, { body });
  const power = () => house.agents.get('host-1')?.serverGet(id);
  for (const [body, status, state] of [
    [{ 'os-stop': null }, 'SHUTOFF', 'stopped'],
    [{ 'os-start': null }, 'ACTIVE', 'running'],
    [{ pause: null }, 'PAUSED', 'paused'],
    [{ unpause: null }, 'ACTIVE', 'running'],
    [{ suspend: null }, 'SUSPENDED', 'suspended'],
    [{ resume: null }, 'ACTIVE', 'running'],
    [{ reboot: { type: 'SOFT' } }, 'ACTIVE', 'running'],
    [{ reboot: { type: 'HARD' } }, 'ACTIVE', 'running'],
  ] as const) {
    await t.test(`${JSON.stringify(body)} leads to ${status}`, async () => {
      assert.equal((await act(body)).status, 202);
      await house.until(
        id,
        (server) => server.status === status && server['OS-EXT-STS:task_state'] === null,
      );
      assert.equal((await power())?.power, state);
    });
  }
  await t.test('a start of what runs is a conflict in words of Nova', async () => {
    const refused = await act({ 'os-start': null });
    assert.equal(refused.status, 409);
    assert.equal(
      refused.json.conflictingRequest.message,
      `Cannot 'start' instance ${id} while it is in vm_state active`,
    );
  });
  await t.test('an action that does not exist is a bad request', async () => {
    assert.equal((await act({ shelve: null })).status, 400);
  });
});
