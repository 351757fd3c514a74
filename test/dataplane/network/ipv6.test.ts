import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { commandRun } from '../../../src/agent/command.ts';
import { linkLocalOf } from '../../../src/agent/network/addresses.ts';
import {
  groupOf,
  labOpen,
  networkOf,
  newId,
  portOf,
  routerOf,
  ruleOf,
  serverOf,
  subnetOf,
  until,
} from './lab.ts';

/** The address that a guest with this MAC makes of a prefix. */
const slaacAddress = (prefix: string, mac: string): string =>
  linkLocalOf(mac).replace('fe80::', prefix);

/** DHCPv6 of a guest that has its address already; prints the answer. */
const informationRequest = (mac: string): string[] => [
  '/usr/bin/python3',
  '-c',
  `import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(('::', 546))
me = bytes.fromhex('${mac.replaceAll(':', '')}')
ask = bytes([11, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1]) + me + bytes([0, 6, 0, 2, 0, 23])
s.sendto(ask, ('ff02::1:2', 547, 0, socket.if_nametoindex('eth0')))
print(s.recv(1500).hex())`,
];

test('guests take their addresses from the router, reach each other and the outside by IPv6', async (t) => {
  const lab = await labOpen(t);
  const external = { id: newId(), mtu: 1500, hostAddresses: ['fd00:99::1/64'] };
  await lab.host.externalPut(external, 'first');
  const subnet = subnetOf('fd00:1::/64', {
    raMode: 'dhcpv6-stateless',
    addressMode: 'dhcpv6-stateless',
  });
  const open = groupOf([ruleOf({ version: 6, protocol: 58 })]);
  const closed = groupOf([]);
  const [a0, b0] = [open, closed].map((group) => {
    const port = portOf([], { securityGroupIds: [group.id] });
    return {
      ...port,
      fixedIps: [{ subnetId: subnet.id, address: slaacAddress('fd00:1::', port.mac) }],
    };
  });
  assert.ok(a0 && b0);
  const server = serverOf('alpha', [a0], '');
  lab.servers.set(server.id, server);
  const a = { ...a0, serverId: server.id };
  const inner = portOf([[subnet, 'fd00:1::1']], { kind: 'router' });
  const network = networkOf({
    subnets: [subnet],
    ports: [a, b0, inner],
    securityGroups: [open, closed],
  });
  await lab.put(network);
  await lab.putRouter(
    routerOf({
      interfaces: [
        {
          portId: inner.id,
          networkId: network.id,
          mac: inner.mac,
          addresses: ['fd00:1::1/64'],
          advertise: [
            { prefix: 'fd00:1::/64', mode: 'dhcpv6-stateless', dnsServers: ['fd00:1::2'] },
          ],
          mtu: 1400,
        },
      ],
      gateway: {
        portId: newId(),
        externalId: external.id,
        mac: portOf([]).mac,
        addresses: ['fd00:99::11/64'],
        nexthops: ['fd00:99::1'],
        snat: true,
      },
    }),
  );
  const guestA = await lab.guest(network, a, { bare: true });
  const guestB = await lab.guest(network, b0, { bare: true });
  const address = a.fixedIps[0]?.address ?? '';
  for (const guest of [guestA, guestB])
    await until(
      async () =>
        /inet6 fd00:1::.* scope global (?!.*tentative)/.test(
          await guest.run('ip', '-6', 'addr', 'show', 'dev', 'eth0'),
        ),
      'the guest has an address',
    );
  assert.match(
    await guestA.run('ip', '-6', 'addr', 'show', 'dev', 'eth0'),
    new RegExp(`${address}/64`),
  );
  assert.match(
    await guestA.run('ip', '-6', 'route'),
    new RegExp(
      `default via ${linkLocalOf(inner.mac)} dev eth0 .* mtu 1400|default via ${linkLocalOf(inner.mac)} dev eth0`,
    ),
  );
  assert.equal((await guestA.run('cat', '/proc/sys/net/ipv6/conf/eth0/mtu')).trim(), '1400');
  assert.equal(await guestB.ping(address), true);
  assert.equal(await guestA.ping(b0.fixedIps[0]?.address ?? ''), false);
  // IPv6 is routed, not translated: the outside has to know the way back.
  await commandRun(['ip', 'route', 'replace', 'fd00:1::/64', 'via', 'fd00:99::11']);
  assert.equal(await guestA.ping('fd00:99::1'), true);
  const curl = [
    'curl',
    '-gsS',
    '-m',
    '20',
    'http://[fe80::a9fe:a9fe%25eth0]/latest/meta-data/hostname',
  ];
  assert.equal(await guestA.run(...curl), 'alpha');
  assert.match(await guestA.run(...informationRequest(a.mac)), /^07010203/);
  const lookup = await guestA.run('busybox', 'nslookup', `${a.hostname}.cloud.test`, 'fd00:1::2');
  assert.match(lookup, new RegExp(`Address: ${address}`));
});

test('the advertisers of a router are found again by the next agent, told anew, and end with it', async (t) => {
  const lab = await labOpen(t);
  const subnet = subnetOf('fd00:1::/64');
  const inner = portOf([[subnet, 'fd00:1::1']], { kind: 'router' });
  const network = networkOf({ subnets: [subnet], ports: [inner] });
  await lab.put(network);
  const router = routerOf({
    interfaces: [
      {
        portId: inner.id,
        networkId: network.id,
        mac: inner.mac,
        addresses: ['fd00:1::1/64'],
        advertise: [{ prefix: 'fd00:1::/64', mode: 'slaac', dnsServers: [] }],
        mtu: 1450,
      },
    ],
  });
  await lab.putRouter(router);
  const pidFile = `${lab.names.runDirectory}/${lab.names.routerNamespace(router.id)}.pid`;
  const pid = (): Promise<string> => readFile(pidFile, 'utf8').catch(() => '');
  const first = await pid();
  assert.match(first, /^\d+\n?$/);
  await lab.restart();
  assert.equal(await pid(), first);
  process.kill(Number(first), 'SIGKILL');
  await until(async () => {
    const now = await pid();
    return now !== '' && now !== first;
  }, 'another one runs');
  const second = Number(await pid());
  await lab.host.routerDelete(router.id);
  assert.equal(await pid(), '');
  assert.throws(() => process.kill(second, 0), /ESRCH/);
});
