import { readdirSync } from 'node:fs';
import { commandRun } from '../../agent/command.ts';
import { guestUid } from '../layout.ts';
import { runningOf } from '../running.ts';
import { found, skipped, type Finding } from './finding.ts';

/**
 * A small tenant network in namespaces of its own: a bridge with two ends, through which one packet is sent. Every
 * name carries our process number, so that what a killed doctor left is found by the next.
 */
const prefix = 'wkdoctor';

export async function networkFindings(): Promise<Finding[]> {
  await leftoversRemove();
  const name = `${prefix}${process.pid}`;
  const lab: Lab = { bridge: name, left: `${name}l`, right: `${name}r` };
  const findings: Finding[] = [];
  try {
    for (const { title, remedy, test } of tests) {
      const lacks = findings.find(({ verdict }) => verdict === 'failed');
      findings.push(
        lacks === undefined
          ? await found(title, remedy, () => test(lab))
          : skipped(title, `not tried, because "${lacks.name}" failed`),
      );
    }
    return findings;
  } finally {
    await leftoversRemove(process.pid);
  }
}

interface Lab {
  readonly bridge: string;
  readonly left: string;
  readonly right: string;
}

interface NetworkTest {
  readonly title: string;
  readonly remedy: string;
  readonly test: (lab: Lab) => Promise<string>;
}

const kernelRemedy =
  'use a kernel that has it: the stock Debian kernel does (apt-get install linux-image-amd64)';

const tests: readonly NetworkTest[] = [
  {
    title: 'network namespaces',
    remedy: 'run welkin on the machine itself, not in a container without privileges',
    async test({ bridge, left, right }) {
      for (const name of [bridge, left, right]) await commandRun(['ip', 'netns', 'add', name]);
      return 'can be made';
    },
  },
  { title: 'bridge', remedy: `modprobe bridge veth; or ${kernelRemedy}`, test: bridgeTest },
  { title: 'VXLAN', remedy: `modprobe vxlan; or ${kernelRemedy}`, test: vxlanTest },
  {
    title: 'tap for guests',
    remedy: 'modprobe tun; and let everyone open the device: chmod 666 /dev/net/tun',
    test: tapTest,
  },
  { title: 'guard rules (nft, bridge)', remedy: kernelRemedy, test: guardTest },
  {
    title: 'bridge filter (br_netfilter)',
    remedy: `modprobe br_netfilter; or ${kernelRemedy}`,
    test: bridgeFilterTest,
  },
  { title: 'security groups (nft, conntrack)', remedy: kernelRemedy, test: groupTest },
  { title: 'address translation (nft, nat)', remedy: kernelRemedy, test: natTest },
];

const ipIn = (namespace: string, words: string): Promise<string> =>
  commandRun(['ip', '-n', namespace, ...words.split(' ')]);
const execIn = (namespace: string, argv: readonly string[], input?: string): Promise<string> =>
  commandRun(['ip', 'netns', 'exec', namespace, ...argv], input === undefined ? {} : { input });

async function bridgeTest({ bridge, left, right }: Lab): Promise<string> {
  await ipIn(bridge, 'link add br0 type bridge forward_delay 0 stp_state 0');
  await ipIn(bridge, 'link set br0 up');
  for (const [end, address] of [
    [left, '10.254.254.1/24'],
    [right, '10.254.254.2/24'],
  ] as const) {
    const port = end === left ? 'left' : 'right';
    await ipIn(bridge, `link add ${port} type veth peer name eth0 netns ${end}`);
    await ipIn(bridge, `link set ${port} master br0 up`);
    await ipIn(bridge, `link set ${port} type bridge_slave neigh_suppress off`);
    await ipIn(end, `addr add ${address} dev eth0`);
    await ipIn(end, 'link set eth0 up');
  }
  return 'a bridge with two ends';
}

/** The tunnel is made where its socket shall stay and then moved, as for a tenant's network. */
async function vxlanTest({ bridge }: Lab): Promise<string> {
  const device = `wkdr${process.pid}`;
  const number = 16_700_000 + (process.pid % 70_000);
  const make = `link add ${device} type vxlan id ${number} local 127.0.0.1 dstport 4789 nolearning`;
  await commandRun(['ip', ...make.split(' ')]);
  try {
    await commandRun(['ip', 'link', 'set', device, 'netns', bridge]);
  } catch (error) {
    await commandRun(['ip', 'link', 'delete', device]);
    throw error;
  }
  await ipIn(bridge, `link delete ${device}`);
  return 'can be made and moved into a namespace';
}

/** QEMU itself opens the tap, under the account that guests run as. */
async function tapTest({ bridge }: Lab): Promise<string> {
  await ipIn(bridge, `tuntap add dev tap0 mode tap user ${guestUid} vnet_hdr`);
  const uid = String(guestUid);
  const quit = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n';
  await execIn(
    bridge,
    [
      ...['setpriv', '--reuid', uid, '--regid', uid, '--clear-groups', '--no-new-privs'],
      ...['qemu-system-x86_64', '-machine', 'none', '-nodefaults', '-display', 'none'],
      ...['-netdev', 'tap,id=n0,ifname=tap0,script=no,downscript=no', '-qmp', 'stdio'],
    ],
    quit,
  );
  return `QEMU opens it as user ${guestUid}`;
}

/** The number of a port is put into the packet's mark by a map, which the security groups look up later. */
async function guardTest({ bridge }: Lab): Promise<string> {
  const rules = `table bridge doctor {
  map ports { typeof iifname : meta mark; elements = { "left" : 7, "right" : 8 }; }
  set senders { typeof iifname . ip saddr; elements = { "left" . 10.254.254.1, "right" . 10.254.254.2 }; }
  chain pre { type filter hook prerouting priority -300; policy accept;
    meta mark set iifname map @ports
    ether type ip iifname . ip saddr != @senders drop
  }
}
`;
  await execIn(bridge, ['nft', '-f', '-'], rules);
  return 'sets, maps and marks';
}

async function bridgeFilterTest({ bridge }: Lab): Promise<string> {
  const setting = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  await execIn(bridge, ['sh', '-c', `echo 1 > ${setting}`]);
  return 'can be switched on for one namespace';
}

async function groupTest({ bridge, left, right }: Lab): Promise<string> {
  const rules = `table ip doctor {
  counter seen { }
  chain forward { type filter hook forward priority 0; policy accept;
    meta mark 7 ct state new counter name seen
  }
}
`;
  await execIn(bridge, ['nft', '-f', '-'], rules);
  await ipIn(left, 'link set lo up');
  await ipIn(right, 'link set lo up');
  // The first packet may be lost while the ends learn each other's addresses.
  const send = 'for n in 1 2 3; do echo hello > /dev/udp/10.254.254.2/9; sleep 0.2; done';
  await execIn(left, ['bash', '-c', send]);
  const seen = await execIn(bridge, ['nft', 'list', 'counter', 'ip', 'doctor', 'seen']);
  const packets = Number(/packets (\d+)/.exec(seen)?.[1] ?? 0);
  if (packets === 0)
    throw new Error('a packet that crossed the bridge did not reach the rules with mark and state');
  return 'a packet across the bridge reached the rules with its mark and connection state';
}

async function natTest({ left }: Lab): Promise<string> {
  const rules = `table ip doctor {
  map inward { type ipv4_addr : ipv4_addr; elements = { 192.0.2.1 : 10.254.254.1 }; }
  chain pre { type nat hook prerouting priority -100; dnat to ip daddr map @inward; }
  chain post { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
}
`;
  await execIn(left, ['nft', '-f', '-'], rules);
  await execIn(left, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  return 'sources and destinations';
}

/** Removes the namespaces of a doctor that has ended, and of this one when its number is given. */
async function leftoversRemove(own?: number): Promise<void> {
  for (const name of namespaces()) {
    const pid = Number(new RegExp(`^${prefix}(\\d+)[lr]?$`).exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    if (pid === own || runningOf(pid) === null)
      await commandRun(['ip', 'netns', 'delete', name]).catch(() => '');
  }
}

function namespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}
