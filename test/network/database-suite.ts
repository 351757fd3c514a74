/** What must hold on every engine: what the database decides, and every statement that lists are made of. */
import assert from 'node:assert/strict';
import { test as plainTest } from 'node:test';
import { networkSettingsDefault, type NetworkSettings } from '../../src/network/network.world.ts';
import type { NetworkServe } from './network-serve.ts';
import { externalMake, routerMake, tenantMake } from './topology.ts';

type Serve = (settings?: Partial<NetworkSettings>) => Promise<NetworkServe>;

export function networkDatabaseSuite(engine: string, serve: Serve): void {
  const test = (name: string, work: () => Promise<void>): void =>
    void plainTest(`${engine}: ${name}`, work);

  test('fifty ports made at once get fifty addresses, and the quota holds to the number', async () => {
    await using one = await serve({ quotas: { ...networkSettingsDefault.quotas, port: 41 } });
    const network = await one.make('ada', 'networks', { network: {} });
    await one.make('ada', 'subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' },
    });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        one.call('ada', 'POST', 'ports', { port: { network_id: network.id } }),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    // One of the 41 is the port of DHCP.
    assert.equal(made.length, 40);
    const addresses = made.map(({ json }) => json.port.fixed_ips[0].ip_address);
    assert.equal(new Set(addresses).size, 40);
    const refused = answers.filter(({ status }) => status === 409);
    assert.equal(refused.length, 10);
    assert.equal(refused[0]?.json.NeutronError.type, 'OverQuota');
  });

  test('fifty floating IPs asked for at once are fifty addresses', async () => {
    await using one = await serve();
    const { network } = await externalMake(one);
    const made = await Promise.all(
      Array.from({ length: 50 }, () =>
        one.make('ada', 'floatingips', { floatingip: { floating_network_id: network.id } }),
      ),
    );
    assert.equal(new Set(made.map((one_) => one_.floating_ip_address)).size, 50);
    const over = await one.call('ada', 'POST', 'floatingips', {
      floatingip: { floating_network_id: network.id },
    });
    assert.equal(over.json.NeutronError.type, 'OverQuota');
  });

  test('every attribute of every resource filters, and every sort key sorts', async () => {
    await using one = await serve();
    const [outside, inside] = [
      await externalMake(one),
      await tenantMake(one, 'ada', '10.1.0.0/24'),
    ];
    await routerMake(one, 'ada', outside, inside);
    const port = await one.make('ada', 'ports', {
      port: { network_id: inside.network.id, description: 'd', tags: ['blue', 'red'] },
    });
    await one.make('ada', 'floatingips', {
      floatingip: { floating_network_id: outside.network.id, port_id: port.id },
    });
    await one.make('ada', 'subnetpools', {
      subnetpool: { name: 'pool', prefixes: ['10.64.0.0/16'] },
    });
    await one.make('admin', 'rbac-policies', {
      rbac_policy: {
        object_type: 'network',
        object_id: inside.network.id,
        action: 'access_as_shared',
        target_tenant: 'b'.repeat(32),
      },
    });
    for (const path of paths) {
      const list = async (query: string): Promise<unknown[]> => {
        const answer = await one.call('admin', 'GET', `${path}?${query}`);
        assert.equal(answer.status, 200, `${path}?${query}: ${answer.text}`);
        return Object.values(answer.json as object)[0] as unknown[];
      };
      const all = (await list('')) as Record<string, string | number | boolean | object | null>[];
      const [first = {}] = all;
      assert.ok(all.length > 0, path);
      for (const [key, value] of Object.entries(first)) {
        if (typeof value === 'object') continue;
        const query = `${key}=${encodeURIComponent(String(value))}`;
        const answer = await one.call('admin', 'GET', `${path}?${query}`);
        // What is no filter is refused by name, whatever else is found must hold the first.
        if (answer.status === 400) {
          assert.match(answer.text, /is invalid attribute for filtering/, `${path}?${query}`);
          continue;
        }
        const found = Object.values(answer.json as object)[0] as { id: unknown }[];
        assert.ok(
          found.some(({ id }) => id === first['id']),
          `${path}?${query}: ${answer.text}`,
        );
        const pages = await one.call('admin', 'GET', `${path}?sort_key=${key}&sort_dir=desc`);
        assert.ok([200, 400].includes(pages.status), pages.text);
        if (pages.status === 200) assert.equal(await walk(one, path, key), all.length, path);
      }
    }
    const tagged = await one.call('ada', 'GET', 'ports?tags=blue,red&not-tags-any=green');
    assert.deepEqual(
      tagged.json.ports.map(({ id }: { id: string }) => id),
      [port.id],
    );
    const addressed = await one.call('ada', 'GET', 'ports?fixed_ips=ip_address_substr=10.1.0.');
    assert.ok(addressed.json.ports.length >= 2);
  });

  test('a transaction that fails leaves nothing: all ports of a bulk request or none', async () => {
    await using one = await serve();
    const { network } = await tenantMake(one, 'ada', '10.1.0.0/24');
    const count = async (): Promise<number> =>
      (await one.call('ada', 'GET', 'ports')).json.ports.length;
    const before = await count();
    const wish = { network_id: network.id, fixed_ips: [{ ip_address: '10.1.0.9' }] };
    const answer = await one.call('ada', 'POST', 'ports', { ports: [wish, wish] });
    assert.equal(answer.json.NeutronError.type, 'IpAddressInUse');
    assert.equal(await count(), before);
  });
}

const paths = [
  'networks',
  'subnets',
  'subnetpools',
  'ports',
  'routers',
  'floatingips',
  'security-groups',
  'security-group-rules',
  'rbac-policies',
  'agents',
];

/** How many things pages of one show, each once, in the order of a key. */
async function walk(one: NetworkServe, path: string, key: string): Promise<number> {
  const seen = new Set<string>();
  let marker = '';
  for (;;) {
    const answer = await one.call(
      'admin',
      'GET',
      `${path}?sort_key=${key}&sort_dir=desc&limit=1${marker}`,
    );
    assert.equal(answer.status, 200, answer.text);
    const [page] = Object.values(answer.json as object) as { id: string }[][];
    const [next] = page ?? [];
    if (next === undefined) return seen.size;
    assert.ok(!seen.has(next.id), `${path} shows ${next.id} twice by ${key}`);
    seen.add(next.id);
    marker = `&marker=${next.id}`;
  }
}
