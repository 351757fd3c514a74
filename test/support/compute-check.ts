import assert from 'node:assert/strict';
import type { ComputeHouse } from './compute.ts';

/** What must be true whenever nothing is under way: nothing left over, nothing counted wrongly, nothing half done. */
export async function houseCheck(house: ComputeHouse): Promise<void> {
  const { servers, claims, hosts, nics, actions } = await house.world.cell.read(async (tx) => ({
    servers: await tx.selectFrom('server').selectAll().where('deleted', '=', 0).execute(),
    claims: await tx.selectFrom('claim').selectAll().execute(),
    hosts: await tx.selectFrom('host').selectAll().execute(),
    nics: await tx.selectFrom('server_nic').selectAll().execute(),
    actions: await tx
      .selectFrom('instance_action')
      .select(['action', 'server_id'])
      .where('finished_at', 'is', null)
      .execute(),
  }));
  assert.deepEqual(actions, [], 'an action was never finished');
  for (const { id, task_state } of servers) assert.equal(task_state, null, `${id} is at something`);

  const placed = servers.filter(({ host }) => host !== null);
  assert.deepEqual(
    claims.map(({ server_id, host }) => `${server_id} ${host}`).toSorted(),
    placed.map(({ id, host }) => `${id} ${host}`).toSorted(),
    'claims and servers differ',
  );
  for (const host of hosts) {
    const own = claims.filter((claim) => claim.host === host.name);
    const used = own.reduce((sum, { vcpus }) => sum + vcpus, 0);
    assert.equal(host.used_vcpus, used, `the claims of ${host.name} are miscounted`);
  }
  for (const [name, agent] of house.agents) {
    assert.deepEqual(
      [...agent.wanted.keys()].toSorted(),
      placed.flatMap(({ id, host }) => (host === name ? [id] : [])).toSorted(),
      `${name} has other servers than it shall`,
    );
  }
  const alive = new Set(servers.map(({ id }) => id));
  for (const { port_id, server_id } of nics) {
    assert.ok(alive.has(server_id), `interface ${port_id} is left over`);
    assert.ok(house.network.ports.has(port_id), `interface ${port_id} has no port`);
  }
  const known = new Set(nics.map(({ port_id }) => port_id));
  for (const port of house.network.ports.values()) {
    if (port.serverId === '') continue;
    assert.ok(known.has(port.id), `port ${port.id} is left over`);
  }
  for (const image of house.images.images.values()) {
    assert.ok(['active', 'killed'].includes(image.status), `image ${image.id} is ${image.status}`);
  }
}
