import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ExternalWanted, RouterWanted } from '../../../src/agent/api.ts';
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
  type Guest,
  type Lab,
} from './lab.ts';

const outsideAddress = '172.24.14.1';

interface Tenant {
  readonly guests: readonly Guest[];
  readonly router: RouterWanted;
}

/** Two guests at .5 and .6 behind a router of their own; every tenant has the same addresses inside. */
async function tenantMake(lab: Lab, external: ExternalWanted, gateway: string): Promise<Tenant> {
  const subnet = subnetOf('10.0.0.0/24');
  const group = groupOf([
    ruleOf({ protocol: 1 }),
    ruleOf({ protocol: 6, portMin: 80, portMax: 80 }),
  ]);
  const ports = ['10.0.0.5', '10.0.0.6'].map((address) =>
    portOf([[subnet, address]], { securityGroupIds: [group.id] }),
  );
  const inner = portOf([[subnet, '10.0.0.1']], { kind: 'router' });
  const network = networkOf({
    subnets: [subnet],
    ports: [...ports, inner],
    securityGroups: [group],
  });
  await lab.put(network);
  const router = routerOf({
    interfaces: [
      {
        portId: inner.id,
        networkId: network.id,
        mac: inner.mac,
        addresses: ['10.0.0.1/24'],
        advertise: [],
        mtu: network.mtu,
      },
    ],
    gateway: {
      portId: newId(),
      externalId: external.id,
      mac: portOf([]).mac,
      addresses: [`${gateway}/24`],
      nexthops: [outsideAddress],
      snat: true,
    },
  });
  await lab.putRouter(router);
  const guests = await Promise.all(ports.map((port) => lab.guest(network, port)));
  return { guests, router };
}

async function labWithOutside(t: TestContext): Promise<{ lab: Lab; external: ExternalWanted }> {
  const lab = await labOpen(t);
  const external = { id: newId(), mtu: 1500, hostAddresses: [`${outsideAddress}/24`] };
  await lab.host.externalPut(external, 'first');
  return { lab, external };
}

test('guests of two tenants with the same addresses go out and are reached by floating addresses', async (t) => {
  const { lab, external } = await labWithOutside(t);
  const first = await tenantMake(lab, external, '172.24.14.11');
  const second = await tenantMake(lab, external, '172.24.14.12');
  const [one, two] = first.guests;
  const [other] = second.guests;
  assert.ok(one && two && other);
  for (const guest of [one, two, other]) assert.equal(await guest.ping(outsideAddress), true);

  await lab.putRouter({
    ...first.router,
    floatingIps: [
      { address: '172.24.14.101', fixedAddress: '10.0.0.5' },
      { address: '172.24.14.102', fixedAddress: '10.0.0.6' },
    ],
  });
  const capture = one.start('tcpdump', '-lni', 'eth0', 'icmp');
  await capture.wrote(/listening on/);
  await commandRun(['ping', '-c', '2', '172.24.14.101']);
  assert.equal(await two.ping('172.24.14.101'), true, 'hairpin within one network');
  assert.equal(await one.ping('172.24.14.101'), true, 'hairpin to oneself');
  assert.equal(await other.ping('172.24.14.101'), true, 'from another tenant');
  await capture.wrote(/IP 172\.24\.14\.1 > 10\.0\.0\.5/);
  await capture.wrote(/IP 172\.24\.14\.102 > 10\.0\.0\.5/);
  await capture.wrote(/IP 172\.24\.14\.12 > 10\.0\.0\.5/);
  assert.doesNotMatch(await capture.stop(), /IP 10\.0\.0\.6 > /);
});

test('nothing from outside enters a network but by a floating address', async (t) => {
  const { lab, external } = await labWithOutside(t);
  const { guests } = await tenantMake(lab, external, '172.24.14.11');
  const [guest] = guests;
  assert.ok(guest);
  const capture = guest.start('tcpdump', '-lni', 'eth0', 'icmp');
  await capture.wrote(/listening on/);
  await commandRun(['ip', 'route', 'replace', '10.0.0.0/24', 'via', '172.24.14.11']);
  t.after(() => commandRun(['ip', 'route', 'del', '10.0.0.0/24']).catch(() => {}));
  await assert.rejects(commandRun(['ping', '-c', '2', '-W', '1', '10.0.0.5']));
  assert.equal(await guest.ping(outsideAddress), true);
  assert.doesNotMatch(await capture.stop(), /172\.24\.14\.1 > 10\.0\.0\.5: ICMP echo request/);
});
