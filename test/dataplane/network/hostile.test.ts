import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { NetworkWanted, PortWanted } from '../../../src/agent/api.ts';
import { linkLocalOf } from '../../../src/agent/network/addresses.ts';
import * as raw from './frames.ts';
import {
  groupOf,
  labOpen,
  networkOf,
  portOf,
  ruleOf,
  serverOf,
  subnetOf,
  type Guest,
  type Lab,
} from './lab.ts';

const everything = groupOf([ruleOf(), ruleOf({ version: 6 })]);
const marker = Buffer.from('HOSTILE!');
const fence = Buffer.from('HONEST!!');

interface Scene {
  readonly lab: Lab;
  readonly network: NetworkWanted;
  readonly hostile: Guest;
  readonly victim: Guest;
  /** In another tenant's network, with the victim's addresses. */
  readonly stranger: Guest;
}

/** The victim's group lets everything in, so that only the guard stands between them. */
async function sceneOpen(t: TestContext, change: Partial<PortWanted> = {}): Promise<Scene> {
  const lab = await labOpen(t);
  const subnets = [subnetOf('10.0.0.0/24'), subnetOf('fd00:1::/64')] as const;
  const port = (end: number, more: Partial<PortWanted> = {}): PortWanted =>
    portOf(
      [
        [subnets[0], `10.0.0.${end}`],
        [subnets[1], `fd00:1::${end}`],
      ],
      { securityGroupIds: [everything.id], ...more },
    );
  const [hostile, victim] = [port(6, change), port(5)];
  const network = networkOf({ subnets, ports: [hostile, victim], securityGroups: [everything] });
  await lab.put(network);
  const other = port(5);
  const otherNetwork = networkOf({ subnets, ports: [other], securityGroups: [everything] });
  await lab.put(otherNetwork);
  return {
    lab,
    network,
    hostile: await lab.guest(network, hostile),
    victim: await lab.guest(network, victim),
    stranger: await lab.guest(otherNetwork, other),
  };
}

/** What the victim and the stranger see of the frames. */
async function seen(scene: Scene, frames: readonly Buffer[]): Promise<string> {
  const { hostile, victim, stranger } = scene;
  const captures = [victim, stranger].map((guest) => guest.start('tcpdump', '-lnexxi', 'eth0'));
  for (const capture of captures) await capture.wrote(/listening on/);
  await hostile.run(...raw.sender, ...frames.map((frame) => frame.toString('hex')));
  // Frames of one sender keep their order: when this one is there, the others would be.
  const honest = raw.frame(
    { from: hostile.port.mac, to: victim.port.mac },
    0x0800,
    raw.ip4({ from: '10.0.0.6', to: '10.0.0.5' }, 17, raw.udp(4000, 4000, fence)),
  );
  await hostile.run(...raw.sender, honest.toString('hex'));
  const [ofVictim] = captures;
  await ofVictim?.wrote(/484f 4e45 5354 2121/);
  const outputs = await Promise.all(captures.map((capture) => capture.stop()));
  return outputs.join('\n');
}

const isMarked = (capture: string): boolean =>
  capture
    .replaceAll(/\n\s*0x[0-9a-f]+:\s*/g, '')
    .replaceAll(/\s/g, '')
    .includes(marker.toString('hex'));

function hostileFrames({ hostile, victim }: Scene): Record<string, Buffer> {
  const me = hostile.port.mac;
  const foreign = '02:00:00:00:00:99';
  const toVictim = { from: me, to: victim.port.mac };
  const toAll = { from: me, to: raw.everybody };
  const honest4 = { from: '10.0.0.6', to: '10.0.0.5' };
  const mine6 = linkLocalOf(me);
  const datagram = raw.udp(4000, 4000, marker);
  const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, marker]);
  const claim = (ip: string, mac = me): Buffer =>
    padded(raw.frame(toAll, 0x0806, raw.arp(2, { mac, ip }, { mac: raw.everybody, ip })));
  const multicast6 = (packet: Buffer): Buffer =>
    raw.frame({ from: me, to: '33:33:00:00:00:01' }, 0x86dd, packet);
  const six = (from: string): Buffer =>
    raw.frame(toVictim, 0x86dd, raw.udp6({ from, to: 'fd00:1::5' }, 4000, 4000, marker));
  return {
    'foreign MAC': raw.frame(
      { ...toVictim, from: foreign },
      0x0800,
      raw.ip4(honest4, 17, datagram),
    ),
    "victim's MAC": raw.frame(
      { from: victim.port.mac, to: raw.everybody },
      0x0800,
      raw.ip4(honest4, 17, datagram),
    ),
    'foreign address': raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '10.0.0.99' }, 17, datagram),
    ),
    "gateway's address": raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '10.0.0.1' }, 17, datagram),
    ),
    'no address': raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '0.0.0.0' }, 17, datagram),
    ),
    "metadata service's address": raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '169.254.169.254' }, 17, datagram),
    ),
    'ARP for the gateway': claim('10.0.0.1'),
    'ARP for the victim': claim('10.0.0.5'),
    'ARP for the DHCP server': claim('10.0.0.2'),
    'ARP for the metadata service': claim('169.254.169.254'),
    "ARP with the victim's MAC inside": claim('10.0.0.6', victim.port.mac),
    'DHCP offer': raw.frame(
      toAll,
      0x0800,
      raw.ip4({ from: '10.0.0.6', to: '255.255.255.255' }, 17, raw.udp(67, 68, marker)),
    ),
    'DHCPv6 reply': raw.frame(
      toVictim,
      0x86dd,
      raw.udp6({ from: mine6, to: linkLocalOf(victim.port.mac) }, 547, 546, marker),
    ),
    'router advertisement': multicast6(raw.routerAdvert(mine6, marker)),
    'neighbour advertisement for the gateway': multicast6(
      raw.neighborAdvert(mine6, { ip: 'fd00:1::1', mac: me }, marker),
    ),
    'neighbour advertisement for the victim': multicast6(
      raw.neighborAdvert('fd00:1::6', { ip: 'fd00:1::5', mac: me }, marker),
    ),
    'ICMPv6 redirect': raw.frame(
      toVictim,
      0x86dd,
      raw.icmp6({ from: mine6, to: 'fd00:1::5' }, 137, Buffer.concat([Buffer.alloc(36), marker])),
    ),
    'foreign IPv6 address': six('fd00:1::99'),
    'foreign link-local address': six('fe80::99'),
    'no IPv6 address': six('::'),
    'VLAN tag': raw.frame(
      toVictim,
      0x8100,
      Buffer.concat([Buffer.from([0, 5, 8, 0]), raw.ip4(honest4, 17, datagram)]),
    ),
    'two VLAN tags': raw.frame(
      toVictim,
      0x88a8,
      Buffer.concat([Buffer.from([0, 5, 0x81, 0, 0, 5, 8, 0]), raw.ip4(honest4, 17, datagram)]),
    ),
    'other protocol': raw.frame(toVictim, 0x88b5, Buffer.concat([Buffer.alloc(40), marker])),
    'spanning tree': raw.frame(
      { from: me, to: '01:80:c2:00:00:00' },
      0x0027,
      Buffer.concat([Buffer.from([0x42, 0x42, 3]), Buffer.alloc(36), marker]),
    ),
  };
}

test('nothing a hostile guest makes up reaches another guest, in its network or any other', async (t) => {
  const scene = await sceneOpen(t);
  const frames = hostileFrames(scene);
  const capture = await seen(scene, Object.values(frames));
  if (isMarked(capture)) {
    const passed: string[] = [];
    for (const [name, frame] of Object.entries(frames))
      if (isMarked(await seen(scene, [frame]))) passed.push(name);
    assert.deepEqual(passed, []);
  }
  assert.equal(await scene.victim.ping('10.0.0.6'), true, 'and the network goes on');
  assert.equal(await scene.victim.ping('fd00:1::6'), true);
});

test('the capture would show them: a port without port security may send what it likes', async (t) => {
  const scene = await sceneOpen(t, { portSecurity: false });
  const frames = hostileFrames(scene);
  assert.equal(isMarked(await seen(scene, [frames['foreign MAC'] ?? Buffer.alloc(0)])), true);
  assert.equal(
    isMarked(await seen(scene, [frames['router advertisement'] ?? Buffer.alloc(0)])),
    true,
  );
  assert.equal(
    isMarked(
      await seen(scene, [frames['neighbour advertisement for the gateway'] ?? Buffer.alloc(0)]),
    ),
    true,
  );
  assert.equal(
    isMarked(await seen(scene, [frames['ARP for the metadata service'] ?? Buffer.alloc(0)])),
    false,
  );
});

test('a guest gets no metadata but its own, even without port security', async (t) => {
  const scene = await sceneOpen(t, { portSecurity: false });
  const { lab, network, hostile, victim } = scene;
  const [server, other] = [
    serverOf('victim', [victim.port], network.id),
    serverOf('hostile', [hostile.port], network.id),
  ];
  lab.servers.set(server.id, server).set(other.id, other);
  await lab.put({
    ...network,
    ports: network.ports.map((port) => ({
      ...port,
      serverId: port.id === victim.port.id ? server.id : other.id,
    })),
  });
  const url = 'http://169.254.169.254/latest/meta-data/hostname';
  assert.equal(await victim.run('curl', '-sS', '-m', '20', url), 'victim');
  assert.equal(await hostile.run('curl', '-sS', '-m', '20', url), 'hostile');
  await hostile.run('ip', 'addr', 'add', '10.0.0.5/24', 'dev', 'eth0');
  assert.equal(
    await hostile.succeeds('curl', '-sS', '-m', '3', '--interface', '10.0.0.5', url),
    false,
  );
});

test('no service of the host or of the agent but DHCP, DNS, metadata and echo answers to a guest', async (t) => {
  const { hostile } = await sceneOpen(t);
  const isOpen = (address: string, port: number): Promise<boolean> =>
    hostile.succeeds('timeout', '3', 'bash', '-c', `</dev/tcp/${address}/${port}`);
  assert.equal(await isOpen('169.254.169.254', 80), true);
  assert.equal(await isOpen('10.0.0.2', 53), true);
  assert.equal(await hostile.ping('10.0.0.2'), true);
  assert.equal(await isOpen('10.0.0.2', 80), false);
  assert.equal(await isOpen('169.254.169.254', 22), false);
  assert.equal(await isOpen('fd00:1::2', 80), false);
});
