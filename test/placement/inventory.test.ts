import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inventory, type HostPicture, type Wanted } from '../../src/placement/inventory.ts';

const host = (name: string, change: Partial<HostPicture> = {}): HostPicture => ({
  name,
  zone: 'nova',
  traits: [],
  isOpen: true,
  whole: { vcpus: 8, ramMib: 8192, diskGib: 100 },
  capacity: { vcpus: 8, ramMib: 8192, diskGib: 100 },
  used: { vcpus: 0, ramMib: 0, diskGib: 0 },
  ...change,
});
const wanted = (change: Partial<Wanted> = {}): Wanted => ({
  vcpus: 1,
  ramMib: 512,
  diskGib: 1,
  zone: null,
  traits: [],
  onlyHosts: null,
  notHosts: new Set(),
  ...change,
});
const of = (...hosts: HostPicture[]): Inventory => {
  const inventory = new Inventory(7);
  inventory.load(hosts, 0);
  return inventory;
};
const half = { vcpus: 4, ramMib: 4096, diskGib: 50 };

for (const [what, hosts, wish, chosen] of [
  ['the emptiest host', [host('a', { used: half }), host('b')], {}, 'b'],
  ['no host that is closed', [host('a', { isOpen: false })], {}, null],
  ['no host that is full', [host('a', { used: { vcpus: 8, ramMib: 0, diskGib: 0 } })], {}, null],
  [
    'no host smaller than the server, whatever the ratio',
    [host('a', { whole: { vcpus: 2, ramMib: 8192, diskGib: 100 } })],
    { vcpus: 4 },
    null,
  ],
  ['the zone asked for', [host('a'), host('b', { zone: 'z' })], { zone: 'z' }, 'b'],
  ['nothing outside the zone', [host('a')], { zone: 'z' }, null],
  ['the trait asked for', [host('a'), host('b', { traits: ['T'] })], { traits: ['T'] }, 'b'],
  ['common hosts first', [host('a', { traits: ['T'] }), host('b', { used: half })], {}, 'b'],
  [
    'scarce hosts when no other fits',
    [host('a', { traits: ['T'] }), host('b', { isOpen: false })],
    {},
    'a',
  ],
  ['only the named', [host('a'), host('b', { used: half })], { onlyHosts: new Set(['b']) }, 'b'],
  ['none that refused', [host('a'), host('b', { used: half })], { notHosts: new Set(['a']) }, 'b'],
  [
    'better ones first',
    [host('a'), host('b', { used: half })],
    { betterHosts: new Set(['b']) },
    'b',
  ],
  ['worse ones last', [host('a'), host('b', { used: half })], { worseHosts: new Set(['a']) }, 'b'],
  ['worse ones rather than none', [host('a')], { worseHosts: new Set(['a']) }, 'a'],
] as const) {
  test(`placement takes ${what}`, () => {
    assert.equal(of(...hosts).choose(wanted(wish)), chosen);
  });
}

test('a request without a zone goes where most room is, so that small zones stay open', () => {
  const inventory = of(
    host('a', { zone: 'small' }),
    host('b', { zone: 'large' }),
    host('c', { zone: 'large' }),
  );
  assert.notEqual(inventory.choose(wanted()), 'a');
});

test('what is used counts at once, and what is loaded replaces everything', () => {
  const inventory = of(host('a'), host('b'));
  const first = inventory.choose(wanted({ ...half }));
  inventory.use(first ?? '', half);
  assert.notEqual(inventory.choose(wanted({ ...half })), first);
  inventory.load([host('c')], 1);
  assert.equal(inventory.choose(wanted()), 'c');
  assert.equal(inventory.get('a'), null);
});

test('a thousand hosts of two kinds in four zones fill to the last place before one is refused', () => {
  const inventory = new Inventory(3);
  const hosts = Array.from({ length: 1_000 }, (_, n) =>
    host(`h${n}`, { zone: `z${n % 4}`, traits: n % 4 === 0 ? ['T'] : [] }),
  );
  inventory.load(hosts, 0);
  const size = { vcpus: 2, ramMib: 2048, diskGib: 10 };
  for (let n = 0; n < 4_000; n++) {
    // One in five needs the trait that a quarter of the hosts has.
    const wish = wanted({ ...size, traits: n % 5 === 0 ? ['T'] : [] });
    const chosen = inventory.choose(wish);
    assert.ok(chosen !== null, `refused at ${n} of 4000`);
    inventory.use(chosen, size);
  }
  assert.equal(inventory.choose(wanted(size)), null);
});
