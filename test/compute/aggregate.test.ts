import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostZonesCopy } from '../../src/compute/aggregate.ts';
import { hostZoneSet } from '../../src/compute/host.store.ts';
import { computeHouse } from '../support/compute.ts';
import { imageId } from '../support/image-port.ts';

const at = { as: 'admin', version: '2.41' } as const;

test('aggregates put hosts into zones', async (t) => {
  await using house = await computeHouse({ hosts: 2 });
  const path = '/os-aggregates';
  const call = (method: string, rest: string, body?: object, version: string = at.version) =>
    house.call(method, `${path}${rest}`, { body, as: 'admin', version });
  const make = async (aggregate: object): Promise<number> => {
    const { status, json } = await call('POST', '', { aggregate });
    assert.equal(status, 200, JSON.stringify(json));
    return json.aggregate.id;
  };
  const act = (id: number, action: string, body: object) =>
    call('POST', `/${id}/action`, { [action]: body });
  const zones = async (): Promise<Record<string, string[]>> => {
    const { json } = await house.call('GET', '/os-availability-zone/detail', at);
    const shown = json.availabilityZoneInfo as { zoneName: string; hosts: object }[];
    return Object.fromEntries(shown.map(({ zoneName, hosts }) => [zoneName, Object.keys(hosts)]));
  };

  const east = await make({ name: 'east', availability_zone: 'east' });
  const west = await make({ name: 'west', availability_zone: 'west' });
  await t.test(
    'a new one is shown without hosts and metadata, one with its uuid since 2.41',
    async () => {
      const { json } = await call('POST', '', { aggregate: { name: 'plain' } }, '2.1');
      assert.equal(json.aggregate.availability_zone, null);
      assert.deepEqual(
        ['hosts', 'metadata', 'uuid'].filter((key) => key in json.aggregate),
        [],
      );
      const shown = (await call('GET', `/${json.aggregate.id}`)).json.aggregate;
      assert.deepEqual([shown.hosts, shown.metadata, typeof shown.uuid], [[], {}, 'string']);
      assert.equal((await call('DELETE', `/${json.aggregate.id}`)).status, 200);
      assert.equal((await call('GET', `/${json.aggregate.id}`)).status, 404);
    },
  );
  await t.test(
    'a host that joins is in its zone, and servers that ask for the zone get it',
    async () => {
      assert.equal((await act(east, 'add_host', { host: 'host-2' })).status, 200);
      assert.deepEqual(await zones(), { nova: ['host-1'], east: ['host-2'] });
      const id = await house.create({ availability_zone: 'east' }, at);
      const server = await house.until(id, ({ status }) => status === 'ACTIVE');
      assert.equal(server['OS-EXT-AZ:availability_zone'], 'east');
    },
  );
  await t.test('a host is in one zone, and stays there while it has servers', async () => {
    assert.equal((await act(west, 'add_host', { host: 'host-2' })).status, 409);
    assert.equal((await act(east, 'remove_host', { host: 'host-2' })).status, 409);
    const move = { aggregate: { availability_zone: 'south' } };
    assert.equal((await call('PUT', `/${east}`, move)).status, 400);
    const metadata = { availability_zone: null };
    assert.equal((await act(east, 'set_metadata', { metadata })).status, 400);
    assert.deepEqual(await zones(), { nova: ['host-1'], east: ['host-2'] });
  });
  await t.test('metadata is merged, and null takes a key away', async () => {
    const first = await act(west, 'set_metadata', { metadata: { ssd: 'true', rack: '7' } });
    assert.deepEqual(first.json.aggregate.metadata, {
      availability_zone: 'west',
      ssd: 'true',
      rack: '7',
    });
    const second = await act(west, 'set_metadata', { metadata: { ssd: null } });
    assert.deepEqual(second.json.aggregate.metadata, { availability_zone: 'west', rack: '7' });
  });
  await t.test('a crash between region and cell is mended', async () => {
    await house.world.cell.write((tx) => hostZoneSet(tx, 'host-2', null));
    await hostZonesCopy(house.world);
    assert.deepEqual(await zones(), { nova: ['host-1'], east: ['host-2'] });
  });
  for (const [what, method, rest, body, status] of [
    ['a name taken', 'POST', '', { aggregate: { name: 'east' } }, 409],
    ['no name', 'POST', '', { aggregate: { name: '' } }, 400],
    [
      'a zone with a colon',
      'POST',
      '',
      { aggregate: { name: 'x', availability_zone: 'a:b' } },
      400,
    ],
    ['an unknown host', 'POST', `/${west}/action`, { add_host: { host: 'nowhere' } }, 404],
    ['a host twice', 'POST', `/${east}/action`, { add_host: { host: 'host-2' } }, 409],
    [
      'a host that is not in it',
      'POST',
      `/${west}/action`,
      { remove_host: { host: 'host-1' } },
      404,
    ],
    ['an id that is no number', 'GET', '/abc', undefined, 400],
    ['an aggregate with hosts', 'DELETE', `/${east}`, undefined, 400],
  ] as const) {
    await t.test(`${what} is refused`, async () => {
      assert.equal((await call(method, rest, body)).status, status);
    });
  }
  await t.test('members have no business with them', async () => {
    assert.equal((await house.call('GET', path, { as: 'member' })).status, 403);
  });
});

test('an image is at the hosts of an aggregate before a server asks for it', async () => {
  await using house = await computeHouse();
  const version = '2.81';
  const { json } = await house.call('POST', '/os-aggregates', {
    body: { aggregate: { name: 'all' } },
    as: 'admin',
    version,
  });
  const one = `/os-aggregates/${json.aggregate.id}`;
  const host = { body: { add_host: { host: 'host-1' } }, as: 'admin', version };
  await house.call('POST', `${one}/action`, host);
  const image = imageId;
  const cache = (ids: string[]) =>
    house.call('POST', `${one}/images`, {
      body: { cache: ids.map((id) => ({ id })) },
      as: 'admin',
      version,
    });
  assert.equal((await cache([image, image])).status, 400);
  assert.equal((await cache([image])).status, 202);
  await house.quiet();
  assert.notEqual(await house.agents.get('host-1')?.imageGet(image), null);
});
