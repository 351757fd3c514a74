import assert from 'node:assert/strict';
import { test } from 'node:test';
import { radvdText } from '../../../src/agent/network/advertise.ts';
import { externalPlan } from '../../../src/agent/network/external-network.ts';
import type { KernelState, Link } from '../../../src/agent/network/kernel-state.ts';
import { namesOf } from '../../../src/agent/network/names.ts';
import { networkPlan } from '../../../src/agent/network/network-plan.ts';
import { routerEffective, routerPlan } from '../../../src/agent/network/router-plan.ts';
import { network, port, router, subnet4, subnet6 } from './documents-of.ts';

const names = namesOf('abcd');

const link = (name: string, change: Partial<Link> = {}): [string, Link] => [
  name,
  {
    name,
    mac: '02:00:00:00:00:01',
    mtu: 1450,
    up: true,
    master: null,
    alias: '',
    addresses: [],
    port: {},
    kind: '',
    options: {},
    ...change,
  },
];

const tap = link(names.tap(port.id), {
  master: 'br0',
  port: { learning: false, flood: false, neigh_suppress: false },
});

const inForce: KernelState = {
  links: new Map([
    link('lo', { mtu: 65_536 }),
    link('br0', {
      mac: 'fa:16:3e:a9:fe:fe',
      addresses: ['169.254.169.254/32', '10.0.0.2/24', 'fe80::a9fe:a9fe/64'],
      options: {
        forward_delay: 0,
        stp_state: 0,
        mcast_snooping: 0,
        nf_call_iptables: 1,
        nf_call_ip6tables: 1,
      },
    }),
    tap,
  ]),
  forwarding: [{ mac: port.mac, link: tap[0], state: 'static', endpoint: null }],
  neighbours: [{ address: '10.0.0.5', mac: port.mac, link: 'br0' }],
  routes: [{ destination: '255.255.255.255/32', nexthop: null, link: 'br0' }],
};

const empty: KernelState = { links: new Map(), forwarding: [], neighbours: [], routes: [] };

test('nothing is done to a network that is as its document says', () => {
  assert.deepEqual(networkPlan(network, inForce, names), { ip: [], bridge: [] });
});

test('an empty namespace gets the bridge first and everything after it', () => {
  const { ip, bridge } = networkPlan(network, empty, names);
  assert.match(
    ip[0] ?? '',
    /^link add br0 index 1074223085 address fa:16:3e:a9:fe:fe type bridge .*nf_call_iptables 1/,
  );
  for (const line of [
    'addr add 10.0.0.2/24 dev br0',
    'addr add fe80::a9fe:a9fe/64 dev br0 nodad',
    'route add 255.255.255.255/32 dev br0 proto static',
    `neigh replace 10.0.0.5 lladdr ${port.mac} dev br0 nud permanent`,
  ])
    assert.ok(ip.includes(line), line);
  assert.deepEqual(bridge, []);
});

test('only the difference is carried out', () => {
  const service = {
    ...port,
    id: '01930000-0000-7000-8000-000000000099',
    kind: 'service',
    mac: 'fa:16:3e:00:00:99',
    fixedIps: [],
  } as const;
  const wanted = {
    ...network,
    mtu: 1400,
    subnets: [{ ...subnet4, serviceAddress: null }, subnet6],
    ports: [service],
  };
  const { ip, bridge } = networkPlan(wanted, inForce, names);
  assert.deepEqual(ip, [
    'link set br0 address fa:16:3e:00:00:99',
    'link set br0 mtu 1400',
    'addr del 10.0.0.2/24 dev br0',
    'addr add fd00:1::2/64 dev br0 nodad',
    'route add 10.0.0.0/24 dev br0 proto static',
    `link set ${tap[0]} mtu 1400`,
    'neigh del 10.0.0.5 dev br0',
  ]);
  assert.deepEqual(bridge, [`fdb del ${port.mac} dev ${tap[0]} master`]);
});

test('a port that may use other MACs gets the frames nobody else takes', () => {
  const foreign = { ...port, allowedPairs: [{ address: '10.0.0.9', mac: '00:00:5e:00:01:01' }] };
  for (const wanted of [foreign, { ...port, portSecurity: false }])
    assert.deepEqual(networkPlan({ ...network, ports: [wanted] }, inForce, names).ip, [
      `link set ${tap[0]} type bridge_slave learning off flood on neigh_suppress off`,
    ]);
});

const inside = link('i000000000e1', { mac: 'fa:16:3e:00:00:e1', addresses: ['10.0.0.1/24'] });
const gateway = link('gw', { mac: 'fa:16:3e:00:00:e2', mtu: 1500, addresses: ['172.24.4.11/24'] });
const routed: KernelState = {
  ...empty,
  links: new Map([link('lo', { mtu: 65_536 }), inside, gateway]),
  routes: [{ destination: '0.0.0.0/0', nexthop: '172.24.4.1', link: 'gw' }],
};
const defaultRoute = 'route replace 0.0.0.0/0 via 172.24.4.1 dev gw onlink proto static';

test('a router that is as its document says keeps its addresses, and its routes are only said again', () => {
  assert.deepEqual(routerPlan(router, 1500, routed), { goneLinks: [], ip: [defaultRoute] });
});

test('a floating address is added to the gateway, announced, and taken away alone', () => {
  const floatingIps = [{ address: '172.24.4.101', fixedAddress: '10.0.0.5' }];
  assert.deepEqual(routerPlan({ ...router, floatingIps }, 1500, routed).ip, [
    'addr add 172.24.4.101/32 dev gw',
    'link set gw address fa:16:3e:00:00:e2',
    defaultRoute,
  ]);
  const before = {
    ...routed,
    links: new Map([
      inside,
      link('gw', { ...gateway[1], addresses: ['172.24.4.11/24', '172.24.4.101/32'] }),
    ]),
  };
  assert.deepEqual(routerPlan(router, 1500, before).ip, [
    'addr del 172.24.4.101/32 dev gw',
    defaultRoute,
  ]);
});

test("routes of the router's own go before that of the gateway, and those no more wanted go", () => {
  const routes = [
    { destination: '192.168.7.9/24', nexthop: '10.0.0.9' },
    { destination: '0.0.0.0/0', nexthop: '10.0.0.8' },
  ];
  const kernel = {
    ...routed,
    routes: [...routed.routes, { destination: '192.168.9.0/24', nexthop: '10.0.0.9', link: 'i' }],
  };
  assert.deepEqual(routerPlan({ ...router, routes }, 1500, kernel).ip, [
    'route del 192.168.9.0/24 proto static',
    'route replace 0.0.0.0/0 via 10.0.0.8 proto static',
    'route replace 192.168.7.0/24 via 10.0.0.9 proto static',
  ]);
});

test('a router that is switched off is connected to nothing', () => {
  const { goneLinks, ip } = routerPlan(routerEffective({ ...router, adminUp: false }), 0, routed);
  assert.deepEqual(goneLinks, [inside[0], 'gw']);
  assert.deepEqual(ip, ['route del 0.0.0.0/0 proto static']);
});

test('the bridge of an external network keeps its MAC and has the addresses of the document', () => {
  const external = {
    id: '01930000-0000-7000-8000-0000000000f1',
    mtu: 1500,
    hostAddresses: ['172.24.4.1/24'],
  };
  const name = names.externalBridge(external.id);
  const made = externalPlan(external, name, undefined);
  assert.match(made[0] ?? '', /^link add wkabcdx000000f1 address 02:00:00:00:00:f1 type bridge/);
  assert.equal(made.at(-1), `link set ${name} up`);
  const [, actual] = link(name, { mtu: 1500, addresses: ['172.24.4.1/24'] });
  assert.deepEqual(externalPlan(external, name, actual), []);
  assert.deepEqual(externalPlan({ ...external, hostAddresses: [] }, name, actual), [
    `addr del 172.24.4.1/24 dev ${name}`,
  ]);
});

test('every name of an interface fits the kernel', () => {
  const id = '01930000-0000-7000-8000-ffffffffffff';
  const all = [names.tap(id), names.externalBridge(id), names.gatewayOuter(id)];
  for (const name of all) assert.ok(name.length <= 15, name);
  assert.throws(() => namesOf('a;b'), TypeError);
});

test('a router advertises what its interfaces say, and nothing when they say nothing', () => {
  assert.equal(radvdText(router), '');
  const [first] = router.interfaces;
  assert.ok(first);
  const advertise = [
    { prefix: 'fd00:1::/64', mode: 'dhcpv6-stateless', dnsServers: ['fd00:1::2'] },
  ] as const;
  const text = radvdText({ ...router, interfaces: [{ ...first, advertise }] });
  assert.match(text, /interface i000000000e1 \{[^]*AdvLinkMTU 1450;/);
  assert.match(text, /AdvManagedFlag off;\n {2}AdvOtherConfigFlag on;/);
  assert.match(text, /prefix fd00:1::\/64 \{ AdvOnLink on; AdvAutonomous on; \};/);
  assert.match(text, /RDNSS fd00:1::2 \{\};/);
  const stateful = radvdText({
    ...router,
    interfaces: [
      { ...first, advertise: [{ prefix: 'fd00:1::/64', mode: 'dhcpv6-stateful', dnsServers: [] }] },
    ],
  });
  assert.match(stateful, /AdvManagedFlag on;/);
  assert.match(stateful, /AdvAutonomous off;/);
});
