import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type {
  NetworkWanted,
  PortWanted,
  SecurityGroupWanted,
  SecurityRule,
} from '../../../src/agent/api.ts';
import {
  groupOf,
  labOpen,
  networkOf,
  portOf,
  ruleOf,
  subnetOf,
  type Guest,
  type Lab,
} from './lab.ts';

interface Pair {
  readonly lab: Lab;
  readonly network: NetworkWanted;
  /** Asks; may send everything. */
  readonly client: Guest;
  /** Is asked; its group is the second of the network. */
  readonly server: Guest;
  /** Changes what may reach the server. */
  readonly allow: (
    rules: readonly SecurityRule[],
    change?: Partial<SecurityGroupWanted>,
  ) => Promise<void>;
}

const clientAddress = '10.0.0.5';
const serverAddress = '10.0.0.6';

async function pairOpen(t: TestContext, change: Partial<PortWanted> = {}): Promise<Pair> {
  const lab = await labOpen(t);
  const subnets = [subnetOf('10.0.0.0/24'), subnetOf('fd00:1::/64')] as const;
  const [clients, servers] = [groupOf([]), groupOf([])];
  const ends = [5, 6].map((end) =>
    portOf(
      [
        [subnets[0], `10.0.0.${end}`],
        [subnets[1], `fd00:1::${end}`],
      ],
      end === 5
        ? { securityGroupIds: [clients.id] }
        : { securityGroupIds: [servers.id], ...change },
    ),
  );
  const [a, b] = ends;
  assert.ok(a && b);
  const network = networkOf({ subnets, ports: [a, b], securityGroups: [clients, servers] });
  await lab.put(network);
  return {
    lab,
    network,
    client: await lab.guest(network, a),
    server: await lab.guest(network, b),
    allow: (rules, more = {}) =>
      lab.put({
        ...network,
        securityGroups: [
          { ...clients, members: [clientAddress, 'fd00:1::5'] },
          { ...servers, rules: [...servers.rules, ...rules], ...more },
        ],
      }),
  };
}

/** Answers every line with itself. */
const echoStart = async (guest: Guest, port: number): Promise<void> => {
  const echo = guest.start('busybox', 'nc', '-ll', '-p', String(port), '-e', 'cat');
  const listening = async (): Promise<boolean> =>
    (await guest.run('ss', '-Hltn', `sport = :${port}`)) !== '';
  while (!(await listening())) assert.equal(echo.child.exitCode, null);
};

const isOpen = (guest: Guest, address: string, port: number): Promise<boolean> =>
  guest.succeeds('timeout', '3', 'bash', '-c', `</dev/tcp/${address}/${port}`);

test('a rule opens its ports and no other, for its own protocol and remote', async (t) => {
  const { client, server, allow } = await pairOpen(t);
  for (const port of [5000, 5001, 5002]) await echoStart(server, port);
  const tcp = { protocol: 6, portMin: 5000, portMax: 5001 };
  await allow([]);
  assert.equal(await isOpen(client, serverAddress, 5000), false);
  await allow([ruleOf(tcp)]);
  assert.equal(await isOpen(client, serverAddress, 5000), true);
  assert.equal(await isOpen(client, serverAddress, 5001), true);
  assert.equal(await isOpen(client, serverAddress, 5002), false);
  assert.equal(await isOpen(client, 'fd00:1::6', 5000), false);
  assert.equal(await client.ping(serverAddress), false);
  assert.equal(await server.ping(clientAddress), false, 'the client is not asked either');
  await allow([ruleOf({ ...tcp, protocol: 17 })]);
  assert.equal(await isOpen(client, serverAddress, 5000), false);
  await allow([ruleOf({ ...tcp, remote: { cidr: '10.0.0.4/31' } })]);
  assert.equal(await isOpen(client, serverAddress, 5000), true);
  await allow([ruleOf({ ...tcp, remote: { cidr: '10.0.0.8/29' } })]);
  assert.equal(await isOpen(client, serverAddress, 5000), false);
  await allow([ruleOf({ ...tcp, version: 6 })]);
  assert.equal(await isOpen(client, 'fd00:1::6', 5000), true);
  assert.equal(await isOpen(client, serverAddress, 5000), false);
});

test('ICMP is allowed by type and code', async (t) => {
  const { client, allow } = await pairOpen(t);
  await allow([ruleOf({ protocol: 1, portMin: 8, portMax: 0 })]);
  assert.equal(await client.ping(serverAddress), true);
  await allow([ruleOf({ protocol: 1, portMin: 13 })]);
  assert.equal(await client.ping(serverAddress), false);
  await allow([ruleOf({ protocol: 58, version: 6, portMin: 128, portMax: 0 })]);
  assert.equal(await client.ping('fd00:1::6'), true);
  assert.equal(await client.ping(serverAddress), false);
});

test('a rule for the members of a group follows who is in it', async (t) => {
  const { client, network, allow } = await pairOpen(t);
  const [clients, servers] = network.securityGroups;
  assert.ok(clients && servers);
  await allow([ruleOf({ remote: { groupId: clients.id } })]);
  assert.equal(await client.ping(serverAddress), true);
  assert.equal(await client.ping('fd00:1::6'), false);
  await allow([ruleOf({ version: 6, remote: { groupId: clients.id } })]);
  assert.equal(await client.ping('fd00:1::6'), true);
  await allow([ruleOf({ remote: { groupId: servers.id } })], { members: [serverAddress] });
  assert.equal(await client.ping(serverAddress), false);
  await allow([ruleOf({ remote: { groupId: servers.id } })], { members: ['10.0.0.4/30'] });
  assert.equal(await client.ping(serverAddress), true);
});

test('what a guest may send is limited by egress rules, but for DHCP and metadata', async (t) => {
  const { lab, network, client, server } = await pairOpen(t);
  await echoStart(server, 5000);
  const [clients, servers] = network.securityGroups;
  assert.ok(clients && servers);
  const put = (rules: readonly SecurityRule[]): Promise<void> =>
    lab.put({
      ...network,
      securityGroups: [
        { ...clients, rules },
        { ...servers, rules: [ruleOf()] },
      ],
    });
  await put([]);
  assert.equal(await isOpen(client, serverAddress, 5000), false);
  assert.equal(await client.succeeds('curl', '-sS', '-m', '10', 'http://169.254.169.254/'), true);
  assert.equal(await client.ping('10.0.0.2'), false);
  await put([ruleOf({ direction: 'egress', protocol: 6, remote: { cidr: '10.0.0.6/32' } })]);
  assert.equal(await isOpen(client, serverAddress, 5000), true);
  assert.equal(await client.ping(serverAddress), false);
});

test('a connection ends with the rule that allowed it, and others go on undisturbed', async (t) => {
  const { client, server, allow } = await pairOpen(t);
  await echoStart(server, 5000);
  await echoStart(server, 5001);
  const rule = (port: number): SecurityRule =>
    ruleOf({ protocol: 6, portMin: port, portMax: port });
  await allow([rule(5000), rule(5001)]);
  const talk = (port: number): ReturnType<Guest['start']> =>
    client.start('busybox', 'nc', serverAddress, String(port));
  const [kept, cut] = [talk(5000), talk(5001)];
  for (const each of [kept, cut]) {
    each.write('first\n');
    await each.wrote(/first/);
  }
  const chatter = client.start('ping', '-i', '0.01', '10.0.0.2');
  await chatter.wrote(/icmp_seq=3/);
  await allow([rule(5000)]);
  kept.write('second\n');
  await kept.wrote(/second/);
  cut.write('second\n');
  // The server speaking first must not bring it back.
  await client.run('sleep', '2');
  assert.doesNotMatch(cut.output(), /second/);
  await allow([rule(5000), rule(5001)]);
  await cut.wrote(/second/);
  assert.match(await chatter.stop(), / 0% packet loss/);
});

test('without state, answers need a rule of their own', async (t) => {
  const { client, server, allow } = await pairOpen(t);
  await echoStart(server, 5000);
  const rules = [ruleOf({ protocol: 6, portMin: 5000, portMax: 5000 })];
  const reply = ruleOf({ direction: 'egress', remote: { cidr: '10.0.0.5/32' } });
  await allow([], { stateful: false, rules });
  assert.equal(await isOpen(client, serverAddress, 5000), false);
  await allow([], { stateful: false, rules: [...rules, reply] });
  assert.equal(await isOpen(client, serverAddress, 5000), true);
  assert.equal(await server.ping(clientAddress), false);
});

test('a port that is switched off is cut off from everything, and back when it is on', async (t) => {
  const { lab, network, client, server, allow } = await pairOpen(t);
  await allow([ruleOf({ protocol: 1 })]);
  assert.equal(await client.ping(serverAddress), true);
  const off = {
    ...network,
    ports: network.ports.map((port) => ({ ...port, adminUp: port.id !== server.port.id })),
  };
  await lab.put(off);
  assert.equal(await client.ping(serverAddress), false);
  assert.equal(await server.ping('10.0.0.2'), false);
  assert.equal(await client.ping('10.0.0.2'), true);
  await allow([ruleOf({ protocol: 1 })]);
  assert.equal(await client.ping(serverAddress), true);
});

test('a port may use the addresses of its allowed pairs, with their MACs', async (t) => {
  const virtual = { address: '10.0.0.64/26', mac: '' };
  const { lab, network, client, server, allow } = await pairOpen(t);
  await allow([ruleOf({ protocol: 1 })]);
  await server.run('ip', 'addr', 'add', '10.0.0.70/32', 'dev', 'eth0');
  await client.run('ip', 'route', 'replace', '10.0.0.70/32', 'dev', 'eth0');
  assert.equal(await client.ping('10.0.0.70'), false);
  const put = (pair: { address: string; mac: string }): Promise<void> =>
    lab.put({
      ...network,
      securityGroups: network.securityGroups.map((group) => ({
        ...group,
        rules: [...group.rules, ruleOf({ protocol: 1 })],
      })),
      ports: network.ports.map((port) =>
        port.id === server.port.id
          ? { ...port, allowedPairs: [{ ...pair, mac: pair.mac || port.mac }] }
          : port,
      ),
    });
  await put(virtual);
  assert.equal(await client.ping('10.0.0.70'), true);
  await put({ address: '10.0.0.0/26', mac: '' });
  assert.equal(await client.ping('10.0.0.70'), false);
  // A router's virtual MAC (VRRP): frames to it reach the port although nobody has it by right.
  const vrrp = '00:00:5e:00:01:07';
  await put({ address: '10.0.0.70', mac: vrrp });
  await server.run(
    'ip',
    'link',
    'add',
    'vrrp',
    'link',
    'eth0',
    'address',
    vrrp,
    'type',
    'macvlan',
    'mode',
    'bridge',
  );
  await server.run('ip', 'link', 'set', 'vrrp', 'up');
  await server.run('ip', 'addr', 'del', '10.0.0.70/32', 'dev', 'eth0');
  await server.run('ip', 'addr', 'add', '10.0.0.70/24', 'dev', 'vrrp');
  await server.run(
    'sysctl',
    '-qw',
    'net.ipv4.conf.all.arp_ignore=1',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.eth0.rp_filter=0',
    'net.ipv4.conf.vrrp.rp_filter=0',
  );
  await server.run('ip', 'rule', 'add', 'from', '10.0.0.70', 'lookup', '7');
  await server.run('ip', 'route', 'add', '10.0.0.0/24', 'dev', 'vrrp', 'table', '7');
  assert.equal(await client.ping('10.0.0.70'), true);
});
