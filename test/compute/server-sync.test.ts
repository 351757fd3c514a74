import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSync } from '../../src/compute/claim-sync.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { actorOf } from '../support/api.ts';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';
import { houseCheck } from '../support/compute-check.ts';

const active = ({ status }: ServerJson) => status === 'ACTIVE';
const agentOf = (house: ComputeHouse, name = 'host-1') => {
  const agent = house.agents.get(name);
  if (agent === undefined) throw new Error(`no ${name}`);
  return agent;
};
async function until(what: string, isReached: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (await isReached()) return;
    await systemClock.sleep(i < 20 ? 2 : 20);
  }
  throw new Error(`never: ${what}`);
}

for (const [reason, power] of [
  ['guest-shutdown', 4],
  ['crashed', 6],
] as const) {
  test(`a guest whose process ended (${reason}) is shown as shut off, and can be started again`, async () => {
    await using house = await computeHouse();
    const id = await house.create();
    await house.until(id, active);
    agentOf(house).processEnd(id, reason);
    const off = await house.until(id, ({ status }) => status === 'SHUTOFF');
    assert.equal(off['OS-EXT-STS:power_state'], power);
    assert.equal((await house.call('GET', `/servers/${id}`)).json.server.status, 'SHUTOFF');
    await house.call('POST', `/servers/${id}/action`, { body: { 'os-start': null } });
    await house.until(id, active);
    await house.quiet();
    await houseCheck(house);
  });
}

test('after a reboot of the machine its servers run again, and are shown so', async () => {
  await using house = await computeHouse();
  const [up, off] = [await house.create(), await house.create()];
  await house.until(up, active);
  await house.until(off, active);
  await house.call('POST', `/servers/${off}/action`, { body: { 'os-stop': null } });
  await house.until(off, ({ status }) => status === 'SHUTOFF');
  await house.quiet();
  agentOf(house).machineReboot();
  await until('the server runs', async () => {
    return (await agentOf(house).serverGet(up))?.power === 'running';
  });
  assert.equal((await agentOf(house).serverGet(off))?.power, 'stopped');
  const { json } = await house.call('GET', `/servers/${up}`);
  assert.equal(json.server.status, 'ACTIVE');
  await houseCheck(house);
});

const floatingOf = (house: ComputeHouse, id: string) =>
  agentOf(house)
    .wanted.get(id)
    ?.guest.floatingIps.map(({ address }) => address) ?? [];

test('what changes while the ports of a server are read is told to the guest too', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await house.quiet();
  const portsOf = house.network.portsOf.bind(house.network);
  const read = Promise.withResolvers<void>();
  house.network.portsOf = async (ids) => {
    const seen = await portsOf(ids);
    house.network.portsOf = portsOf;
    await house.network.floatingIpAssociate(actorOf(), '172.24.9.9', id, null);
    read.resolve();
    return seen;
  };
  await house.network.serverBind(id, 'host-1');
  await read.promise;
  await until('the guest knows its address', () => floatingOf(house, id).includes('172.24.9.9'));
});

test('what changed while no control ran is told to the guest by the next', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await house.quiet();
  await house.kill();
  await house.network.floatingIpAssociate(actorOf(), '172.24.9.9', id, null);
  await using next = await computeHouse({ after: house });
  await until('the guest knows its address', () => floatingOf(next, id).includes('172.24.9.9'));
});

test('what was reported is compared again when the database could not be read', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await house.quiet();
  const { cell } = house.world;
  const read = cell.read.bind(cell);
  const failed = Promise.withResolvers<void>();
  cell.read = async () => {
    cell.read = read;
    failed.resolve();
    throw new Error('the connection was cut');
  };
  agentOf(house).processEnd(id, 'crashed');
  await failed.promise;
  await house.until(id, ({ status }) => status === 'SHUTOFF');
});

test('a server that its host lost is put there again', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await agentOf(house).serverDelete(id);
  await until('the server is back', () => agentOf(house).wanted.has(id));
});

test('a server that is on the wrong host is removed there, and nowhere else', async () => {
  await using house = await computeHouse({ hosts: 2 });
  const id = await house.create({ availability_zone: 'nova:host-1' }, { as: 'admin' });
  await house.until(id, active);
  const wanted = agentOf(house).wanted.get(id);
  assert.ok(wanted !== undefined);
  await agentOf(house, 'host-2').serverPut(wanted);
  await until('the stray is gone', () => agentOf(house, 'host-2').wanted.size === 0);
  assert.ok(agentOf(house).wanted.has(id));
  await houseCheck(house);
});

test('a server that was deleted while its host was away goes when the host is back', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  agentOf(house).disconnect();
  assert.equal((await house.call('DELETE', `/servers/${id}`)).status, 204);
  const { json } = await house.call('GET', `/servers/${id}`);
  assert.equal(json.server['OS-EXT-STS:task_state'], 'deleting');
  agentOf(house).connect();
  await house.untilGone(id);
  await house.quiet();
  await houseCheck(house);
});

test('what the network service changes reaches the metadata of the guest', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await house.network.securityGroupAdd(id, 'web');
  await until('the guest knows its groups', () => {
    const names = agentOf(house).wanted.get(id)?.guest.securityGroupNames ?? [];
    return names.includes('web');
  });
  const before = agentOf(house).wanted.get(id)?.generation;
  await house.network.serverBind(id, 'host-1');
  await house.call('GET', '/servers');
  assert.equal(agentOf(house).wanted.get(id)?.generation, before);
});

test('a task that waits for a host that is away goes on when it is back', async () => {
  await using house = await computeHouse();
  agentOf(house).disconnect();
  const id = await house.create();
  assert.equal((await house.call('GET', `/servers/${id}`)).json.server.status, 'BUILD');
  agentOf(house).connect();
  await house.until(id, active);
});

test('claims and their sums are mended whoever spoilt them', async () => {
  await using house = await computeHouse();
  const id = await house.create();
  await house.until(id, active);
  await house.quiet();
  const { cell } = house.world;
  await cell.write(async (tx) => {
    await tx.deleteFrom('claim').execute();
    const odd = { server_id: 'nobody', host: 'host-1', vcpus: 3, ram_mib: 4, disk_gib: 5 };
    await tx
      .insertInto('claim')
      .values({ ...odd, created_at: 0 })
      .execute();
    await tx.updateTable('host').set({ used_ram_mib: 77 }).execute();
  });
  const sync = claimSync(house.world, { clock: systemClock, ids: randomIds, log: silentLog });
  await sync.run(new AbortController().signal);
  await houseCheck(house);
  const host = await cell.read((tx) => tx.selectFrom('host').selectAll().executeTakeFirstOrThrow());
  assert.deepEqual([host.used_vcpus, host.used_ram_mib, host.used_disk_gib], [1, 256, 1]);
});
