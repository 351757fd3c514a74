/**
 * A host with tenant networks and guests. Runs in namespaces of its own (see `npm run dataplane`): whatever it leaves
 * goes with them, also when it is killed. A guest is a namespace whose interface is plugged like a tap.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type {
  NetworkWanted,
  PortWanted,
  RouterWanted,
  SecurityGroupWanted,
  SecurityRule,
  ServerWanted,
  SubnetWanted,
} from '../../../src/agent/api.ts';
import { CommandFailed, commandRun } from '../../../src/agent/command.ts';
import { passwordBox } from '../../../src/agent/server/password-box.ts';
import type { HostNetwork } from '../../../src/agent/network/host-network.ts';
import { hostNetworkOpen } from '../../../src/agent/network/linux.ts';
import { namesOf, type Names } from '../../../src/agent/network/names.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { logOpen } from '../../../src/kernel/log.ts';

export interface Lab {
  readonly cloud: string;
  readonly names: Names;
  readonly stateDir: string;
  readonly servers: Map<string, ServerWanted>;
  host: HostNetwork;
  /** An agent on the same state. */
  readonly open: () => Promise<HostNetwork>;
  /** The agent dies and comes back: same state, new process as far as it can tell. */
  restart(): Promise<void>;
  put(network: NetworkWanted): Promise<void>;
  putRouter(router: RouterWanted): Promise<void>;
  guest(network: NetworkWanted, port: PortWanted, options?: GuestOptions): Promise<Guest>;
}

export interface GuestOptions {
  /** Without its fixed addresses: the guest finds them by itself. */
  readonly bare?: boolean;
}

export interface Guest {
  readonly namespace: string;
  readonly port: PortWanted;
  /** Answers what the program wrote; throws when it fails. */
  run(...argv: string[]): Promise<string>;
  succeeds(...argv: string[]): Promise<boolean>;
  start(...argv: string[]): Running;
  /** Whether any of three comes back. */
  ping(address: string): Promise<boolean>;
}

export interface Running {
  readonly child: ChildProcess;
  write(text: string): void;
  output(): string;
  /** Resolves once the program has written what the pattern matches. */
  wrote(pattern: RegExp): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<string>;
}

let sequence = 0;

export const newId = (): string => {
  sequence += 1;
  const end = (0x1000_0000_0000 + sequence * 0x1357_9b).toString(16).slice(-12);
  return `01930000-0000-7000-8000-${end}`;
};

/** Path and the server's name: what a guest sees tells whose it is. */
const treeOfLab = (server: ServerWanted): ReadonlyMap<string, string> =>
  new Map([
    ['', 'latest'],
    ['/openstack/latest/meta_data.json', JSON.stringify({ name: server.guest.name })],
    ['/latest/meta-data/hostname', server.guest.hostname],
    ['/openstack/latest/password', ''],
  ]);

export async function labOpen(t: TestContext): Promise<Lab> {
  assert.equal(process.env['WELKIN_OWN_NAMESPACES'], '1', 'run by `npm run dataplane`');
  const stateDir = await mkdtemp(join(tmpdir(), 'welkin-dataplane-'));
  sequence += 1;
  const cloud = `z${(sequence * 40_503 + process.pid).toString(36).slice(-3).padStart(3, '0')}`;
  const servers = new Map<string, ServerWanted>();
  const open = (): Promise<HostNetwork> =>
    hostNetworkOpen({
      cloud,
      stateDir,
      guestUid: 65_534,
      resolvers: [],
      metadata: (server) => ({
        tree: treeOfLab(server),
        password: passwordBox(join(stateDir, `password-${server.id}`)),
      }),
      server: (id) => servers.get(id) ?? null,
      clock: systemClock,
      log: logOpen({ level: 'error', write: (line) => process.stderr.write(line), now: Date.now }),
    });
  const guests: string[] = [];
  const running: Running[] = [];
  const lab: Lab = {
    cloud,
    open,
    names: namesOf(cloud),
    stateDir,
    servers,
    host: await open(),
    async restart() {
      await lab.host.stop();
      lab.host = await open();
      await lab.host.start();
    },
    put: (network) => lab.host.networkPut(network, JSON.stringify(network)),
    putRouter: (router) => lab.host.routerPut(router, JSON.stringify(router)),
    async guest(network, port, options = {}) {
      const guest = await guestMake(lab, port, running);
      guests.push(guest.namespace);
      if (options.bare !== true) await addressesSet(guest, network);
      await lab.host.tapPlug(port.id, network.id);
      return guest;
    },
  };
  t.after(async () => {
    await Promise.all(running.map((each) => each.stop('SIGKILL')));
    await lab.host.purge();
    for (const namespace of guests) await commandRun(['ip', 'netns', 'del', namespace]);
    await rm(stateDir, { recursive: true, force: true });
  });
  await lab.host.start();
  return lab;
}

async function guestMake(lab: Lab, port: PortWanted, running: Running[]): Promise<Guest> {
  sequence += 1;
  const namespace = `guest-${process.pid}-${sequence}`;
  await commandRun(['ip', 'netns', 'add', namespace]);
  const tap = lab.names.tap(port.id);
  await commandRun(
    ['ip', 'link', 'add', tap, 'type', 'veth', 'peer', 'name', 'eth0'].concat([
      'address',
      port.mac,
      'netns',
      namespace,
    ]),
  );
  await commandRun(['ip', '-n', namespace, '-batch', '-'], {
    input: 'link set lo up\nlink set eth0 up\n',
  });
  const inside = (argv: readonly string[]): string[] => [
    'nsenter',
    `--net=/run/netns/${namespace}`,
    ...argv,
  ];
  const succeeds = async (...argv: string[]): Promise<boolean> => {
    try {
      await commandRun(inside(argv));
      return true;
    } catch (error) {
      if (error instanceof CommandFailed) return false;
      throw error;
    }
  };
  return {
    namespace,
    port,
    run: (...argv) => commandRun(inside(argv)),
    succeeds,
    start(...argv) {
      const started = runningOf(inside(argv));
      running.push(started);
      return started;
    },
    async ping(address) {
      // What it learned while the other could not answer must not be what fails now.
      await commandRun(['ip', '-n', namespace, 'neigh', 'flush', 'all']);
      return succeeds('ping', '-c', '3', '-i', '0.2', '-W', '2', address);
    },
  };
}

function runningOf(argv: readonly string[]): Running {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  return {
    child,
    write: (text) => void child.stdin.write(text),
    output: () => output,
    wrote: (pattern) =>
      until(() => pattern.test(output), `${argv.join(' ')} writes ${pattern.source}`),
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      await closed;
      return output;
    },
  };
}

async function addressesSet({ namespace, port }: Guest, network: NetworkWanted): Promise<void> {
  const lines = port.fixedIps.flatMap(({ subnetId, address }) => {
    const subnet = network.subnets.find(({ id }) => id === subnetId);
    const version = subnet?.version === 6 ? '-6' : '-4';
    return [
      `addr add ${address}/${subnet?.cidr.split('/')[1]} dev eth0${version === '-6' ? ' nodad' : ''}`,
      ...(subnet?.gateway == null ? [] : [`route replace default via ${subnet.gateway} dev eth0`]),
      ...(subnet?.version === 4 && subnet.serviceAddress !== null
        ? [`route replace 169.254.169.254/32 via ${subnet.serviceAddress}`]
        : []),
    ];
  });
  await commandRun(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Waits for a state, never for a moment; the limit is for a machine under load. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `within ${limitMs} ms: ${what}`);
    await systemClock.sleep(50);
  }
}

// ---------------------------------------------------------------- documents

export function subnetOf(cidr: string, change: Partial<SubnetWanted> = {}): SubnetWanted {
  const version = cidr.includes(':') ? 6 : 4;
  const start = cidr.split('/')[0]?.replace(/\.0$/, '.') ?? '';
  return {
    id: newId(),
    version,
    cidr,
    gateway: `${start}1`,
    dhcp: true,
    serviceAddress: `${start}2`,
    dnsServers: [],
    hostRoutes: [],
    raMode: version === 6 ? 'slaac' : null,
    addressMode: version === 6 ? 'slaac' : null,
    ...change,
  };
}

let vni = 100;

export function networkOf(change: Partial<NetworkWanted>): NetworkWanted {
  vni += 1;
  return {
    id: newId(),
    vni,
    mtu: 1450,
    dnsDomain: 'cloud.test.',
    subnets: [],
    ports: [],
    securityGroups: [],
    fabric: null,
    ...change,
  };
}

export function portOf(
  addresses: readonly (readonly [SubnetWanted, string])[],
  change: Partial<PortWanted> = {},
): PortWanted {
  const id = newId();
  return {
    id,
    mac: `fa:16:3e:${(id.slice(-6).match(/../g) ?? []).join(':')}`,
    fixedIps: addresses.map(([subnet, address]) => ({ subnetId: subnet.id, address })),
    hostname: `host-${id.slice(-4)}`,
    location: 'local',
    kind: 'server',
    adminUp: true,
    portSecurity: true,
    allowedPairs: [],
    securityGroupIds: [],
    serverId: null,
    dhcpOptions: [],
    ...change,
  };
}

export const routerOf = (change: Partial<RouterWanted>): RouterWanted => ({
  id: newId(),
  adminUp: true,
  interfaces: [],
  gateway: null,
  routes: [],
  floatingIps: [],
  ...change,
});

export function ruleOf(change: Partial<SecurityRule> = {}): SecurityRule {
  return {
    direction: 'ingress',
    version: 4,
    protocol: null,
    portMin: null,
    portMax: null,
    remote: null,
    ...change,
  };
}

/** Everything out, as Neutron's groups begin, and what is named in. */
export function groupOf(
  rules: readonly SecurityRule[],
  change: Partial<SecurityGroupWanted> = {},
): SecurityGroupWanted {
  return {
    id: newId(),
    stateful: true,
    rules: [ruleOf({ direction: 'egress' }), ruleOf({ direction: 'egress', version: 6 }), ...rules],
    members: [],
    ...change,
  };
}

export function serverOf(
  name: string,
  ports: readonly PortWanted[],
  networkId: string,
): ServerWanted {
  return {
    id: newId(),
    generation: 1,
    vcpus: 1,
    ramMib: 64,
    disks: [],
    nics: ports.map(({ id, mac }) => ({ portId: id, networkId, mac, mtu: 1450 })),
    configDrive: false,
    run: { state: 'running', incarnation: 1, graceMs: 0 },
    guest: {
      name,
      hostname: name,
      projectId: '0'.repeat(32),
      userId: '0'.repeat(32),
      availabilityZone: 'nova',
      launchIndex: 0,
      reservationId: 'r-00000000',
      flavorName: 'm1.nano',
      imageId: null,
      securityGroupNames: [],
      keys: [],
      metadata: {},
      userData: null,
      adminPass: null,
      floatingIps: [],
      deviceTags: [],
    },
  };
}
