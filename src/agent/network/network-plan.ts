/** Pure: what must change in a tenant network's namespace so that it is as its document says. */
import type { NetworkWanted, PortWanted, SubnetWanted } from '../api.ts';
import { addressCanonical, cidrParse, cidrText } from './addresses.ts';
import { metadataAddress4, metadataAddress6 } from './guard-rules.ts';
import type { KernelState, Link } from './kernel-state.ts';
import { networkBridge, type Names } from './names.ts';
import { guestPorts } from './port-mark.ts';

export interface Changes {
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[];
  /** Lines for `bridge -batch`. */
  readonly bridge: readonly string[];
}

/** The bridge's own MAC is that of the API's DHCP port, or the same in every network. */
export const bridgeMacOf = (network: NetworkWanted): string =>
  network.ports.find((port) => port.kind === 'service')?.mac ?? 'fa:16:3e:a9:fe:fe';

export function networkPlan(network: NetworkWanted, kernel: KernelState, names: Names): Changes {
  return {
    ip: [
      ...bridgeLines(network, kernel.links.get(networkBridge), names.bridgeIndex),
      ...addressLines(network, kernel.links.get(networkBridge)),
      ...routeLines(network, kernel),
      ...tapsOf(network, kernel, names).flatMap(({ link, port }) => tapLines(network, link, port)),
      ...neighbourLines(network, kernel),
    ],
    bridge: forwardingLines(network, kernel, names),
  };
}

/** Lines that connect one tap, whatever state it is in. */
export function tapPlan(network: NetworkWanted, portId: string, names: Names): Changes {
  const name = names.tap(portId);
  const port = guestPorts(network.ports).find(({ id }) => id === portId);
  const wanted = tapOptions(port);
  return {
    ip: [
      `link set ${name} mtu ${network.mtu} master ${networkBridge} up`,
      `link set ${name} type bridge_slave ${optionsText(wanted)}`,
    ],
    bridge: port === undefined ? [] : [`fdb replace ${port.mac} dev ${name} master static`],
  };
}

function bridgeLines(network: NetworkWanted, bridge: Link | undefined, index: number): string[] {
  const mac = bridgeMacOf(network);
  const lines: string[] = [];
  if (bridge === undefined)
    lines.push(
      `link add ${networkBridge} index ${index} address ${mac} type bridge ${optionsText(bridgeOptions)}`,
      `link set ${networkBridge} addrgenmode none`,
    );
  else {
    if (bridge.mac !== mac) lines.push(`link set ${networkBridge} address ${mac}`);
    if (optionsDiffer(bridge.options, bridgeOptions))
      lines.push(`link set ${networkBridge} type bridge ${optionsText(bridgeOptions)}`);
  }
  if (bridge?.mtu !== network.mtu) lines.push(`link set ${networkBridge} mtu ${network.mtu}`);
  if (bridge?.up !== true) lines.push(`link set ${networkBridge} up`);
  return lines;
}

const bridgeOptions = {
  forward_delay: 0,
  stp_state: 0,
  mcast_snooping: 0,
  // The IP rules see bridged packets, whatever the host's defaults are.
  nf_call_iptables: 1,
  nf_call_ip6tables: 1,
};

type Options = Readonly<Record<string, string | number>>;

const optionsText = (options: Options): string =>
  Object.entries(options)
    .map(([key, value]) => `${key} ${value}`)
    .join(' ');

const optionsDiffer = (actual: Readonly<Record<string, unknown>>, wanted: Options): boolean =>
  Object.entries(wanted).some(
    ([key, value]) => actual[key] !== (value === 'on' ? true : value === 'off' ? false : value),
  );

function addressLines(network: NetworkWanted, bridge: Link | undefined): string[] {
  const wanted = new Set([
    `${metadataAddress4}/32`,
    `${metadataAddress6}/64`,
    ...network.subnets.flatMap(serviceAddressOf),
  ]);
  const actual = new Set(bridge?.addresses ?? []);
  return [
    ...[...actual.difference(wanted)].map((address) => `addr del ${address} dev ${networkBridge}`),
    ...[...wanted.difference(actual)].map(
      (address) =>
        `addr add ${address} dev ${networkBridge}${address.includes(':') ? ' nodad' : ''}`,
    ),
  ];
}

const serviceAddressOf = ({ serviceAddress, cidr }: SubnetWanted): string[] =>
  serviceAddress === null ? [] : [`${addressCanonical(serviceAddress)}/${cidrParse(cidr).prefix}`];

/** Subnets without an address of ours are on the link all the same: their guests get answers of the metadata service. */
function routeLines(network: NetworkWanted, kernel: KernelState): string[] {
  const onLink = network.subnets.filter(({ serviceAddress }) => serviceAddress === null);
  const wanted = new Set([
    '255.255.255.255/32',
    ...onLink.map(({ cidr }) => cidrText(cidrParse(cidr))),
  ]);
  const actual = new Set(kernel.routes.map(({ destination }) => destination));
  return [
    ...[...actual.difference(wanted)].map(
      (to) => `route del ${to} dev ${networkBridge} proto static`,
    ),
    ...[...wanted.difference(actual)].map(
      (to) => `route add ${to} dev ${networkBridge} proto static`,
    ),
  ];
}

interface Tap {
  readonly link: Link;
  readonly port: PortWanted | undefined;
}

function tapsOf(network: NetworkWanted, kernel: KernelState, names: Names): Tap[] {
  const ports = new Map(guestPorts(network.ports).map((port) => [names.tap(port.id), port]));
  return [...kernel.links.values()]
    .filter(({ name }) => name.startsWith(names.tapPrefix))
    .map((link) => ({ link, port: ports.get(link.name) }));
}

/**
 * The document says which MAC is where, so the bridge learns nothing and sends nothing on trial. Only a port that may
 * use MACs of its own choice gets the frames for MACs that nobody has.
 */
function tapOptions(port: PortWanted | undefined): Options {
  const foreign =
    port !== undefined &&
    (!port.portSecurity || port.allowedPairs.some(({ mac }) => mac !== port.mac));
  return { learning: 'off', flood: foreign ? 'on' : 'off', neigh_suppress: 'off' };
}

function tapLines(network: NetworkWanted, link: Link, port: PortWanted | undefined): string[] {
  const lines: string[] = [];
  const options = tapOptions(port);
  if (link.mtu !== network.mtu) lines.push(`link set ${link.name} mtu ${network.mtu}`);
  if (link.master !== networkBridge) lines.push(`link set ${link.name} master ${networkBridge}`);
  if (link.master !== networkBridge || optionsDiffer(link.port, options))
    lines.push(`link set ${link.name} type bridge_slave ${optionsText(options)}`);
  if (!link.up) lines.push(`link set ${link.name} up`);
  return lines;
}

/** So that our answers find a guest before it has its address, and without asking. */
function neighbourLines(network: NetworkWanted, kernel: KernelState): string[] {
  const wanted = new Map(
    network.ports
      .filter((port) => port.kind !== 'service' && port.location !== null)
      .flatMap((port) => port.fixedIps.map(({ address }) => [addressCanonical(address), port.mac])),
  );
  const actual = new Map(
    kernel.neighbours
      .filter(({ link }) => link === networkBridge)
      .map(({ address, mac }) => [address, mac]),
  );
  return [
    ...[...actual.keys()]
      .filter((address) => !wanted.has(address))
      .map((address) => `neigh del ${address} dev ${networkBridge}`),
    ...[...wanted]
      .filter(([address, mac]) => actual.get(address ?? '') !== mac)
      .map(
        ([address, mac]) =>
          `neigh replace ${address} lladdr ${mac} dev ${networkBridge} nud permanent`,
      ),
  ];
}

function forwardingLines(network: NetworkWanted, kernel: KernelState, names: Names): string[] {
  const taps = tapsOf(network, kernel, names);
  const wanted = new Set(
    taps.flatMap(({ link, port }) => (port === undefined ? [] : [`${port.mac} dev ${link.name}`])),
  );
  const actual = new Set(
    kernel.forwarding
      .filter(({ link, state }) => link.startsWith(names.tapPrefix) && state === 'static')
      .map(({ mac, link }) => `${mac} dev ${link}`),
  );
  return [
    ...[...actual.difference(wanted)].map((entry) => `fdb del ${entry} master`),
    ...[...wanted.difference(actual)].map((entry) => `fdb replace ${entry} master static`),
  ];
}
