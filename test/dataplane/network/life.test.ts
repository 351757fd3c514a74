import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import type { ExternalWanted, NetworkWanted, RouterWanted } from '../../../src/agent/api.ts';
import { commandRun } from '../../../src/agent/command.ts';
import {
  groupOf,
  labOpen,
  networkOf,
  newId,
  portOf,
  routerOf,
  ruleOf,
  subnetOf,
  until,
  type Guest,
  type Lab,
} from './lab.ts';

interface Scene {
  readonly lab: Lab;
  readonly network: NetworkWanted;
  readonly router: RouterWanted;
  readonly external: ExternalWanted;
  readonly guests: readonly [Guest, Guest];
}

/** Two guests, a router with IPv4 and IPv6, a floating address: everything there is. */
async function sceneOpen(t: TestContext): Promise<Scene> {
  const lab = await labOpen(t);
  const external = { id: newId(), mtu: 1500, hostAddresses: ['172.24.14.1/24'] };
  await lab.host.externalPut(external, 'first');
  const subnets = [subnetOf('10.0.0.0/24'), subnetOf('fd00:1::/64')] as const;
  const group = groupOf([ruleOf({ protocol: 1 })]);
  const [a, b] = ['10.0.0.5', '10.0.0.6'].map((address) =>
    portOf([[subnets[0], address]], { securityGroupIds: [group.id] }),
  );
  const inner = portOf([[subnets[0], '10.0.0.1']], { kind: 'router' });
  assert.ok(a && b);
  const network = networkOf({ subnets, ports: [a, b, inner], securityGroups: [group] });
  await lab.put(network);
  const router = routerOf({
    interfaces: [
      {
        portId: inner.id,
        networkId: network.id,
        mac: inner.mac,
        addresses: ['10.0.0.1/24', 'fd00:1::1/64'],
        advertise: [{ prefix: 'fd00:1::/64', mode: 'slaac', dnsServers: [] }],
        mtu: network.mtu,
      },
    ],
    gateway: {
      portId: newId(),
      externalId: external.id,
      mac: portOf([]).mac,
      addresses: ['172.24.14.11/24'],
      nexthops: ['172.24.14.1'],
      snat: true,
    },
    routes: [{ destination: '192.168.77.0/24', nexthop: '10.0.0.6' }],
    floatingIps: [{ address: '172.24.14.101', fixedAddress: '10.0.0.6' }],
  });
  await lab.putRouter(router);
  const guests = [await lab.guest(network, a), await lab.guest(network, b)] as const;
  return { lab, network, router, external, guests };
}

/** Pings that run while `work` is done must not lose one. */
async function withoutLoss(
  guest: Guest,
  targets: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const pings = targets.map((target) => guest.start('ping', '-i', '0.01', target));
  for (const ping of pings) await ping.wrote(/icmp_seq=20 /);
  await work();
  for (const ping of pings) assert.match(await ping.stop(), / 0% packet loss/);
}

const targets = ['10.0.0.6', '172.24.14.1', '172.24.14.101', '10.0.0.1'];

test('an agent that comes back finds everything as it was, and no packet is lost', async (t) => {
  const { lab, guests } = await sceneOpen(t);
  await withoutLoss(guests[0], targets, async () => {
    await lab.restart();
    await lab.restart();
  });
  assert.equal(lab.host.documents().length, 3);
  assert.deepEqual(
    lab.host.documents().filter(({ digest, error }) => digest === null || error !== null),
    [],
  );
});

test('changes of other ports, groups and floating addresses lose no packet of a guest', async (t) => {
  const { lab, network, router, guests } = await sceneOpen(t);
  const [subnet] = network.subnets;
  assert.ok(subnet);
  const more = groupOf([ruleOf({ protocol: 6 })]);
  const added = portOf([[subnet, '10.0.0.9']], { securityGroupIds: [more.id] });
  await withoutLoss(guests[0], targets, async () => {
    const floatingIps = [
      ...router.floatingIps,
      { address: '172.24.14.109', fixedAddress: '10.0.0.9' },
    ];
    await lab.put({
      ...network,
      ports: [...network.ports, added],
      securityGroups: [...network.securityGroups, more],
    });
    await lab.putRouter({ ...router, floatingIps });
    await lab.putRouter(router);
    await lab.put(network);
  });
});

test('what someone took away from the host is put back by the next start', async (t) => {
  const { lab, network, router, guests } = await sceneOpen(t);
  const namespace = lab.names.networkNamespace(network.id);
  const tap = lab.names.tap(guests[0].port.id);
  await commandRun([
    'bridge',
    '-n',
    namespace,
    'fdb',
    'del',
    guests[0].port.mac,
    'dev',
    tap,
    'master',
  ]);
  await commandRun(['ip', '-n', namespace, 'addr', 'del', '10.0.0.2/24', 'dev', 'br0']);
  await commandRun(['ip', '-n', namespace, 'link', 'set', tap, 'nomaster']);
  await commandRun(['nsenter', `--net=/run/netns/${namespace}`, 'nft', 'flush', 'ruleset']);
  await commandRun(['ip', '-n', lab.names.routerNamespace(router.id), 'link', 'del', 'gw']);
  assert.equal(await guests[0].ping('10.0.0.6'), false);
  await lab.restart();
  for (const target of ['10.0.0.2', ...targets])
    assert.equal(await guests[0].ping(target), true, target);
  await commandRun(['ip', 'netns', 'del', lab.names.routerNamespace(router.id)]);
  await lab.restart();
  for (const target of targets) assert.equal(await guests[0].ping(target), true, target);
});

test('a router finds its network again after that was removed and came back', async (t) => {
  const { lab, network, router } = await sceneOpen(t);
  await lab.host.networkDelete(network.id);
  await assert.rejects(lab.putRouter({ ...router, routes: [] }), /not on this host/);
  await lab.put(network);
  await until(
    () => lab.host.documents().every(({ error }) => error === null),
    'the router is in force again',
  );
  const pinged = ['ping', '-c', '2', '10.0.0.2'];
  await commandRun([
    'nsenter',
    `--net=/run/netns/${lab.names.routerNamespace(router.id)}`,
    ...pinged,
  ]);
});

test('an agent killed at any moment of a change carries it out when it is back', async (t) => {
  const { lab, network, router, external, guests } = await sceneOpen(t);
  await lab.host.stop();
  for (const killAfterMs of [0, 5, 15, 30, 60, 100, 150, 250, 400, 700]) {
    const changed = networkOf({ subnets: network.subnets, securityGroups: network.securityGroups });
    const documents = {
      external,
      network: changed,
      router: {
        ...router,
        interfaces: router.interfaces.map((each) => ({ ...each, networkId: changed.id })),
      },
    };
    await killedWhilePutting(lab, documents, killAfterMs);
    await killedWhilePutting(lab, { external, network, router }, killAfterMs);
    lab.host = await lab.open();
    await lab.host.start();
    await lab.put(network);
    await lab.putRouter(router);
    if (lab.host.network(changed.id) !== null) await lab.host.networkDelete(changed.id);
    for (const target of targets)
      assert.equal(await guests[0].ping(target), true, `${target} after ${killAfterMs} ms`);
    assert.deepEqual(await namespacesOf(lab), [network, router].length);
    await lab.host.stop();
  }
  lab.host = await lab.open();
  await lab.host.start();
});

/** An agent in a process of its own, killed some time after it has begun. */
async function killedWhilePutting(lab: Lab, documents: object, killAfterMs: number): Promise<void> {
  const program = new URL('./agent-process.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [program, lab.cloud, lab.stateDir, JSON.stringify(documents)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  const killed = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  await once(child, 'close');
  clearTimeout(killed);
}

async function namespacesOf(lab: Lab): Promise<number> {
  const names = (await commandRun(['ip', 'netns', 'list'])).split('\n');
  return names.filter((name) => name.startsWith(lab.names.namespacePrefix)).length;
}

test('a purge leaves nothing of the cloud, and all of another', async (t) => {
  const { lab, guests } = await sceneOpen(t);
  const other = await labOpen(t);
  const network = networkOf({ subnets: [subnetOf('10.0.0.0/24')] });
  await other.put(network);
  const tap = await other.host.tapEnsure(newId(), 1450);
  await lab.host.tapEnsure(newId(), 1450);
  const processes = (): Promise<string> => commandRun(['ps', '-eo', 'args']);
  assert.match(await processes(), new RegExp(lab.names.runDirectory));
  await lab.host.purge();
  await until(async () => {
    const links = await commandRun(['ip', 'link', 'show']);
    return ![lab.names.tapPrefix, lab.names.externalPrefix, lab.names.gatewayPrefix].some(
      (prefix) => links.includes(` ${prefix}`),
    );
  }, 'no interface is left');
  assert.equal(await namespacesOf(lab), 0);
  assert.doesNotMatch(await processes(), new RegExp(lab.names.runDirectory));
  assert.deepEqual(await readdir(lab.stateDir), []);
  assert.equal(await namespacesOf(other), 1);
  assert.match(await commandRun(['ip', 'link', 'show']), new RegExp(` ${tap}:`));
  assert.equal(
    (await guests[0].run('ip', '-o', 'link', 'show')).includes('eth0'),
    false,
    'its cable is gone',
  );
});
