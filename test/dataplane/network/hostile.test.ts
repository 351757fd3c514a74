import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { NetworkWanted, PortWanted } from '../../../src/agent/api.ts';
import * as raw from '../../support/frames.ts';
import {
  fencePattern,
  honestFrame,
  hostileFrames,
  isMarked,
} from '../../support/hostile-frames.ts';
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
  const honest = honestFrame(
    { mac: hostile.port.mac, ip4: '10.0.0.6' },
    { mac: victim.port.mac, ip4: '10.0.0.5' },
  );
  await hostile.run(...raw.sender, honest.toString('hex'));
  const [ofVictim] = captures;
  await ofVictim?.wrote(fencePattern);
  const outputs = await Promise.all(captures.map((capture) => capture.stop()));
  return outputs.join('\n');
}

const framesOf = ({ hostile, victim }: Scene): Record<string, Buffer> =>
  hostileFrames(
    { mac: hostile.port.mac, ip4: '10.0.0.6', ip6: 'fd00:1::6' },
    { mac: victim.port.mac, ip4: '10.0.0.5', ip6: 'fd00:1::5' },
  );

test('nothing a hostile guest makes up reaches another guest, in its network or any other', async (t) => {
  const scene = await sceneOpen(t);
  const frames = framesOf(scene);
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
  const frames = framesOf(scene);
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
