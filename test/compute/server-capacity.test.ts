import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../src/kernel/errors.ts';
import { computeHouse, plainServer, type ServerJson } from '../support/compute.ts';
import { houseCheck } from '../support/compute-check.ts';

const project = 'c'.repeat(32);
const small = { hosts: 2, sim: { host: { vcpus: 4, memoryMib: 4096, diskGib: 100 } } };

test('fifty creates at the edge of capacity: what fits runs, the rest is in error, nothing is oversold', async () => {
  await using house = await computeHouse({ ...small, settings: { vcpuRatio: 2.5 } });
  await house.call('PUT', `/os-quota-sets/${project}`, {
    as: 'admin',
    body: { quota_set: { instances: -1, cores: -1, ram: -1 } },
  });
  const ids = await Promise.all(Array.from({ length: 50 }, () => house.create()));
  await house.quiet();
  const { json } = await house.call('GET', '/servers/detail');
  const of = (status: string) => json.servers.filter((one: ServerJson) => one.status === status);
  // Two hosts of 4 vCPUs, each counted 2.5 times.
  assert.deepEqual([of('ACTIVE').length, of('ERROR').length], [20, 30]);
  const [failed] = of('ERROR');
  assert.match(failed.fault.message, /^No valid host was found\. There are not enough hosts/);
  for (const [name, agent] of house.agents) assert.equal(agent.wanted.size, 10, name);
  await houseCheck(house);

  await Promise.all(ids.map((id) => house.call('DELETE', `/servers/${id}`)));
  await house.quiet();
  await houseCheck(house);
  const hosts = await house.world.cell.read((tx) => tx.selectFrom('host').selectAll().execute());
  assert.deepEqual(
    hosts.map(({ used_vcpus, used_ram_mib, used_disk_gib }) => [
      used_vcpus,
      used_ram_mib,
      used_disk_gib,
    ]),
    [
      [0, 0, 0],
      [0, 0, 0],
    ],
  );
});

test('a quota is exact, however many ask at once', async () => {
  await using house = await computeHouse();
  const answers = await Promise.all(
    Array.from({ length: 30 }, () =>
      house.call('POST', '/servers', { body: { server: plainServer } }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 202).length, 10);
  const refused = answers.find(({ status }) => status === 403);
  assert.equal(
    refused?.json.forbidden.message,
    'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances',
  );
  await house.quiet();
  await houseCheck(house);
});

test('of max_count as many are made as the quota has room for', async () => {
  await using house = await computeHouse();
  const made = await house.call('POST', '/servers', {
    body: {
      server: { ...plainServer, min_count: 2, max_count: '12', return_reservation_id: true },
    },
  });
  assert.equal(made.status, 202);
  const { reservation_id } = made.json;
  const { json } = await house.call('GET', `/servers?reservation_id=${reservation_id}`);
  const names = json.servers.map(({ name }: ServerJson) => name).toSorted();
  assert.deepEqual(names.slice(0, 2), ['one-1', 'one-10']);
  assert.equal(names.length, 10);
  const more = { ...plainServer, min_count: 1 };
  assert.equal((await house.call('POST', '/servers', { body: { server: more } })).status, 403);
});

test('a host that refuses is left for another, and its claim with it', async () => {
  await using house = await computeHouse({ ...small });
  const first = house.agents.get('host-1');
  assert.ok(first !== undefined);
  first.imagePut = async () => {
    throw new Failure('unavailable', 'The disk of the host is full.', { type: 'no_space' });
  };
  const id = await house.create({ availability_zone: 'nova' });
  const server = await house.until(id, ({ status }) => status === 'ACTIVE');
  assert.equal(server['OS-EXT-SRV-ATTR:host'], 'host-2');
  const places = await house.world.cell.read((tx) =>
    tx.selectFrom('server_location').selectAll().where('server_id', '=', id).execute(),
  );
  assert.deepEqual(
    places.map(({ host, reason }) => [host, reason]),
    [
      ['host-1', 'create'],
      ['host-2', 'host host-1 refused: no_space'],
    ],
  );
  await house.quiet();
  await houseCheck(house);
});

for (const [word, message] of [
  ['sim-no-space', /Exhausted all hosts available .* sim-no-space/],
  ['sim-bad-image', /Build of instance .* aborted: sim-bad-image/],
] as const) {
  test(`a server called ${word} ends in error and leaves nothing`, async () => {
    await using house = await computeHouse(small);
    const id = await house.create({ name: word });
    const server = await house.until(id, ({ status }) => status === 'ERROR');
    assert.match(server.fault.message, message);
    await house.quiet();
    await houseCheck(house);
    const places = await house.world.cell.read((tx) =>
      tx.selectFrom('server_location').select('host').where('server_id', '=', id).execute(),
    );
    assert.equal(places.at(-1)?.host, null);
    assert.equal(places.length, word === 'sim-no-space' ? 3 : 2);
  });
}

test('a zone and a host can be asked for; what is not there is refused', async () => {
  await using house = await computeHouse(small);
  const at = (availability_zone: string, as = 'admin') =>
    house.call('POST', '/servers', { as, body: { server: { ...plainServer, availability_zone } } });
  assert.equal((await at('nova')).status, 202);
  assert.equal((await at('mars')).status, 400);
  assert.equal((await at('nova:host-2', 'member')).status, 403);
  assert.equal((await at('nova:host-9')).status, 400);
  const made = await at('nova:host-2');
  assert.equal(made.status, 202);
  const server = await house.until(made.json.server.id, ({ status }) => status === 'ACTIVE');
  assert.equal(server['OS-EXT-SRV-ATTR:host'], 'host-2');
  assert.equal(server.pinned_availability_zone, 'nova');
  const named = { ...plainServer, host: 'host-1' };
  const newer = await house.call('POST', '/servers', { as: 'admin', body: { server: named } });
  const second = await house.until(newer.json.server.id, ({ status }) => status === 'ACTIVE');
  assert.equal(second['OS-EXT-SRV-ATTR:host'], 'host-1');
});

test('hints: with a server, and away from it', async () => {
  await using house = await computeHouse(small);
  const first = await house.create();
  const { 'OS-EXT-SRV-ATTR:host': host } = await house.until(
    first,
    ({ status }) => status === 'ACTIVE',
  );
  const hinted = async (hints: object) => {
    const body = { server: plainServer, 'os:scheduler_hints': hints };
    const made = await house.call('POST', '/servers', { body });
    assert.equal(made.status, 202, made.text);
    return house.until(made.json.server.id, ({ status }) => status !== 'BUILD');
  };
  for (let i = 0; i < 2; i++) {
    assert.equal((await hinted({ same_host: first }))['OS-EXT-SRV-ATTR:host'], host);
    assert.notEqual((await hinted({ different_host: [first] }))['OS-EXT-SRV-ATTR:host'], host);
  }
  const group = { group: '00000000-0000-4000-8000-00000000dead' };
  const missing = await house.call('POST', '/servers', {
    body: { server: plainServer, 'os:scheduler_hints': group },
  });
  assert.equal(missing.status, 400);
});

test('members of an anti-affinity group never share a host, those of an affinity group always do', async () => {
  await using house = await computeHouse({ hosts: 3 });
  const groupOf = async (policy: string): Promise<string> => {
    const id = crypto.randomUUID();
    await house.world.region.write(async (tx) => {
      await tx
        .insertInto('server_group')
        .values({
          id,
          project_id: project,
          user_id: 'u',
          name: policy,
          policy: policy as 'affinity',
          rules: '{}',
          created_at: 0,
        })
        .execute();
    });
    return id;
  };
  const hostsOf = async (policy: string, count: number): Promise<string[]> => {
    const group = await groupOf(policy);
    const made = await Promise.all(
      Array.from({ length: count }, () =>
        house.call('POST', '/servers', {
          body: { server: plainServer, 'os:scheduler_hints': { group } },
        }),
      ),
    );
    await house.quiet();
    const rows = await house.world.cell.read((tx) =>
      tx.selectFrom('server').select('host').where('group_id', '=', group).execute(),
    );
    assert.equal(rows.length, made.length);
    return rows.map(({ host }) => host ?? 'none').toSorted();
  };
  const apart = await hostsOf('anti-affinity', 4);
  assert.deepEqual(apart, ['host-1', 'host-2', 'host-3', 'none']);
  const together = await hostsOf('affinity', 3);
  assert.equal(new Set(together).size, 1);
});

test('a server that is deleted while it is built goes without a trace', async () => {
  await using house = await computeHouse({ ...small, sim: { ...small.sim, stepMs: 20 } });
  const ids = await Promise.all(Array.from({ length: 8 }, () => house.create()));
  await Promise.all(ids.map((id) => house.call('DELETE', `/servers/${id}`)));
  await Promise.all(ids.map((id) => house.untilGone(id)));
  await house.quiet();
  await houseCheck(house);
  assert.equal(house.network.ports.size, 0);
});

test('a server that hangs while it is built can be deleted', async () => {
  await using house = await computeHouse();
  const id = await house.create({ name: 'sim-hangs' });
  await house.until(id, (server) => server['OS-EXT-STS:task_state'] === 'spawning');
  assert.equal((await house.call('DELETE', `/servers/${id}`)).status, 204);
  await house.untilGone(id);
  await house.quiet();
  await houseCheck(house);
});

test('what was acknowledged is finished by the process that comes after one that was killed', async () => {
  let house = await computeHouse({ ...small, sim: { ...small.sim, stepMs: 5 } });
  const ids: string[] = [];
  for (let round = 0; round < 4; round++) {
    ids.push(await house.create(), await house.create());
    await house.kill();
    house = await computeHouse({ after: house });
    for (const id of ids) assert.equal((await house.call('GET', `/servers/${id}`)).status, 200);
  }
  await house.quiet();
  const { json } = await house.call('GET', '/servers/detail');
  assert.deepEqual(
    json.servers.map(({ status }: ServerJson) => status),
    ids.map(() => 'ACTIVE'),
  );
  await houseCheck(house);
  await house[Symbol.asyncDispose]();
});
