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
