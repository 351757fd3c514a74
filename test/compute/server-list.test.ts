import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';
import { imageId } from '../support/image-port.ts';

type Names = (query: string, options?: object) => Promise<string[]>;
const namesIn =
  (house: ComputeHouse): Names =>
  async (query, options = {}) => {
    const { status, json, text } = await house.call('GET', `/servers?${query}`, options);
    assert.equal(status, 200, text);
    return json.servers.map(({ name }: ServerJson) => name);
  };

test('servers are filtered, sorted and paged', async (t) => {
  await using house = await computeHouse();
  const names = namesIn(house);
  // One is up before the next is asked for: addresses are given and launches told in this order.
  const launched = async (server: object, options = {}): Promise<string> => {
    const id = await house.create(server, options);
    await house.quiet();
    return id;
  };
  const a = await launched({ name: 'web-1', tags: ['red', 'blue'], metadata: { k: 'v' } });
  await launched({ name: 'web-2', tags: ['red'], flavorRef: 'large' });
  await launched({ name: 'db-1', description: 'the data', config_drive: true });
  await launched({ name: 'foreign' }, { as: 'other' });
  await house.call('POST', `/servers/${a}/action`, { body: { 'os-stop': null } });
  await house.quiet();
  const started = (await house.call('GET', `/servers/${a}`)).json.server;

  for (const [query, expected] of [
    ['', ['db-1', 'web-2', 'web-1']],
    ['name=web', ['web-2', 'web-1']],
    ['name=^WEB.*1$', ['web-1']],
    ['name=^%5Ba-e%5D', ['db-1']],
    ['status=SHUTOFF', ['web-1']],
    ['status=active', ['db-1', 'web-2']],
    ['status=active&status=shutoff', ['db-1', 'web-2', 'web-1']],
    ['flavor=large', ['web-2']],
    ['flavor=none', []],
    [`image=${imageId}`, ['db-1', 'web-2', 'web-1']],
    ['image=00000000-0000-4000-8000-000000000000', []],
    ['tags=red', ['web-2', 'web-1']],
    ['tags=red,blue', ['web-1']],
    ['tags-any=blue,green', ['web-1']],
    ['not-tags=red,blue', ['db-1', 'web-2']],
    ['not-tags-any=red,blue', ['db-1']],
    ['ip=10.0.0.1', ['web-1']],
    ['config_drive=true', ['db-1']],
    ['vm_state=stopped', ['web-1']],
    ['power_state=4', ['web-1']],
    ['power_state=1.5', []],
    ['power_state=99999999999999999999', []],
    ['availability_zone=nova', ['db-1', 'web-2', 'web-1']],
    ['availability_zone=mars', []],
    ['hostname=db', ['db-1']],
    [`changes-since=${started.created}`, ['db-1', 'web-2', 'web-1']],
    ['changes-before=2020-01-01T00:00:00Z', []],
    ['locked=true', []],
    // What a member may not filter by is left out.
    ['host=host-9', ['db-1', 'web-2', 'web-1']],
    ['project_id=x', ['db-1', 'web-2', 'web-1']],
    ['sort_key=display_name&sort_dir=asc', ['db-1', 'web-1', 'web-2']],
    [
      'sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc',
      ['web-1', 'db-1', 'web-2'],
    ],
    ['sort_key=launched_at&sort_dir=asc', ['web-1', 'web-2', 'db-1']],
    ['limit=0', []],
    ['limit=2', ['db-1', 'web-2']],
    [`limit=1&marker=${a}`, []],
  ] as const) {
    await t.test(`?${query}`, async () => assert.deepEqual(await names(query), expected));
  }

  await t.test('administrators see all projects when they ask', async () => {
    const all = (await names('all_tenants=1', { as: 'admin' })).toSorted();
    assert.deepEqual(all, ['db-1', 'foreign', 'web-1', 'web-2']);
    assert.deepEqual(await names('host=host-1&all_tenants', { as: 'admin' }), [
      ...['foreign', 'db-1', 'web-2', 'web-1'],
    ]);
    assert.deepEqual(await names('', { as: 'admin' }), []);
    assert.equal((await house.call('GET', '/servers?all_tenants=1')).status, 403);
  });

  await t.test('pages follow each other to the end, in any order', async () => {
    for (const sort of ['', '&sort_key=vm_state', '&sort_key=task_state&sort_dir=asc']) {
      const seen: string[] = [];
      for (let path = `/servers?limit=1${sort}`; ;) {
        const { json } = await house.call('GET', path);
        seen.push(...json.servers.map(({ name }: ServerJson) => name));
        const next = json.servers_links?.[0]?.href as string | undefined;
        if (next === undefined) break;
        assert.match(next, /^http:\/\/127\.0\.0\.1:\d+\/compute\/v2\.1\/servers\?/);
        path = next.slice(next.indexOf('/servers?'));
      }
      assert.deepEqual(seen.toSorted(), ['db-1', 'web-1', 'web-2'], sort);
    }
  });

  for (const [query, version] of [
    ['limit=-1'],
    ['limit=x'],
    ['marker=00000000-0000-4000-8000-000000000000'],
    ['name=('],
    ['changes-since=yesterday'],
    ['changes-since=2026-01-02T00:00:00Z&changes-before=2026-01-01T00:00:00Z'],
    ['status=NONSENSE'],
    ['sort_key=color'],
    ['sort_key=vcpus', '2.75'],
    ['sort_dir=up'],
    ['color=red', '2.75'],
    ['_x=1', '2.1'],
    ['metadata=x', '2.1'],
  ] as const) {
    await t.test(`?${query} is refused at ${version ?? 'the newest'}`, async () => {
      const options = version === undefined ? {} : { version };
      assert.equal((await house.call('GET', `/servers?${query}`, options)).status, 400);
    });
  }
  await t.test('older versions pass over what they do not know', async () => {
    assert.equal((await names('color=red', { version: '2.74' })).length, 3);
    assert.equal((await names('status=NONSENSE', { version: '2.37' })).length, 0);
    assert.equal((await names('tags=red', { version: '2.25' })).length, 3);
    assert.equal((await names('sort_key=vcpus', { version: '2.74' })).length, 3);
  });

  await t.test('what is deleted is listed by its change, and by administrators', async () => {
    await house.call('DELETE', `/servers/${a}`);
    await house.untilGone(a ?? '');
    assert.deepEqual(await names('name=web'), ['web-2']);
    const since = `changes-since=${started.created}`;
    const { json } = await house.call('GET', `/servers/detail?name=web-1&${since}`);
    assert.equal(json.servers[0].status, 'DELETED');
    assert.deepEqual(await names('deleted=true&all_tenants=1', { as: 'admin' }), ['web-1']);
    assert.equal((await house.call('GET', '/servers?status=deleted')).status, 403);
  });
});
