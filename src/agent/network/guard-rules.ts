/**
 * Who may send what into the bridge of a tenant network: the table `bridge guard`.
 *
 * A frame from a tap gets the number of its port as packet mark, or is dropped; on its way out to a tap it gets the
 * number of that port. The mark survives into the IP layer (br_netfilter), where `group-rules.ts` needs it, because
 * there every frame seems to come from the bridge. The number of rules is constant; ports are elements of sets.
 */
import type { NetworkWanted, PortWanted } from '../api.ts';
import { addressVersion, cidrParse, linkLocalOf } from './addresses.ts';
import type { Names } from './names.ts';
import { chainText, cidrsDisjoint, mapText, setText, tableReplace } from './nft-text.ts';
import { guestPorts, portMarks } from './port-mark.ts';

export const metadataAddress4 = '169.254.169.254';
export const metadataAddress6 = 'fe80::a9fe:a9fe';

export function guardRules(network: NetworkWanted, names: Names, bridgeMac: string): string {
  return tableReplace('bridge', 'guard', [
    ...guardSets(network, names),
    ...guardFromPorts(bridgeMac),
    ...guardArp,
    ...guardIp4,
    ...guardIp6,
    ...guardToPorts,
  ]);
}

function guardSets(network: NetworkWanted, names: Names): string[] {
  const marks = portMarks(network.ports);
  const up = guestPorts(network.ports).filter((port) => port.adminUp);
  const each = (list: (port: PortWanted, mark: number) => string[]): string[] =>
    up.flatMap((port) => list(port, marks.get(port.id) ?? 0));
  const services = network.subnets.flatMap(({ serviceAddress }) => serviceAddress ?? []);
  const fixed = (version: 4 | 6) => (port: PortWanted, mark: number) =>
    [...addressesOf(port, version)].map((address) => `${mark} . ${port.mac} . ${address}`);
  const pairs = (version: 4 | 6) => (port: PortWanted, mark: number) =>
    pairElements(port, mark, version, (cidr) => cidr);
  return [
    ...mapText(
      'port_mark',
      'type ifname : mark',
      each((port, mark) => [`"${names.tap(port.id)}" : ${mark}`]),
    ),
    ...setText(
      'open',
      'type mark',
      each((port, mark) => (port.portSecurity ? [] : [`${mark}`])),
    ),
    ...setText(
      'mac',
      'type mark . ether_addr',
      each((port, mark) => macsOf(port).map((mac) => `${mark} . ${mac}`)),
    ),
    ...setText('own4', 'type mark . ether_addr . ipv4_addr', each(fixed(4))),
    ...setText('own6', 'type mark . ether_addr . ipv6_addr', each(fixed(6))),
    ...setText('pair4', 'type mark . ether_addr . ipv4_addr; flags interval', each(pairs(4))),
    ...setText('pair6', 'type mark . ether_addr . ipv6_addr; flags interval', each(pairs(6))),
    // Neighbour advertisements name their address in the ICMPv6 body, for which nft has no name yet.
    ...setText(
      'own_target',
      targetType,
      each((port, mark) =>
        [...addressesOf(port, 6)].map((address) => `${mark} . ${port.mac} . ${rawRange(address)}`),
      ),
    ),
    ...setText(
      'pair_target',
      `${targetType}; flags interval`,
      each((port, mark) => pairElements(port, mark, 6, rawRange)),
    ),
    ...setText('service4', 'type ipv4_addr', [
      metadataAddress4,
      ...services.filter((a) => addressVersion(a) === 4),
    ]),
    ...setText('service6', 'type ipv6_addr', [
      metadataAddress6,
      ...services.filter((a) => addressVersion(a) === 6),
    ]),
  ];
}

const targetType = 'typeof meta mark . ether saddr . @th,64,128';

/** Its fixed addresses, and the link-local one of its MAC. */
function addressesOf(port: PortWanted, version: 4 | 6): Set<string> {
  const fixed = port.fixedIps
    .map(({ address }) => address)
    .filter((a) => addressVersion(a) === version);
  return new Set(version === 4 ? fixed : [linkLocalOf(port.mac), ...fixed]);
}

const macsOf = (port: PortWanted): string[] => [
  ...new Set([port.mac, ...port.allowedPairs.map(({ mac }) => mac)]),
];

function pairElements(
  port: PortWanted,
  mark: number,
  version: 4 | 6,
  form: (cidr: string) => string,
): string[] {
  return macsOf(port).flatMap((mac) => {
    const pairs = port.allowedPairs
      .filter((pair) => pair.mac === mac)
      .map(({ address }) => address);
    const cidrs = pairs.filter((address) => addressVersion(address) === version);
    if (version === 6 && mac !== port.mac) cidrs.push(linkLocalOf(mac));
    return cidrsDisjoint(cidrs).map((cidr) => `${mark} . ${mac} . ${form(cidr)}`);
  });
}

/** An IPv6 network as a range of raw 128-bit numbers. */
function rawRange(text: string): string {
  const { network, prefix } = cidrParse(text);
  const last = network | ((1n << BigInt(128 - prefix)) - 1n);
  const hex = (value: bigint): string => `0x${value.toString(16).padStart(32, '0')}`;
  return prefix === 128 ? hex(network) : `${hex(network)}-${hex(last)}`;
}

/**
 * What goes to the metadata address is turned to the bridge itself, whatever route the guest has, and only for a
 * source that is the port's own: the metadata service knows the guest by it, also where port security is off.
 */
function guardFromPorts(bridgeMac: string): string[] {
  const toBridge = `meta pkttype set host ether daddr set ${bridgeMac} accept`;
  return chainText('from_port', [
    'type filter hook prerouting priority -300; policy drop;',
    'meta mark set 0',
    'iifname "vx*" arp saddr ip @service4 drop',
    'iifname "vx*" arp daddr ip @service4 drop',
    'iifname { "vx*", "r*" } accept',
    'meta mark set iifname map @port_mark',
    'meta mark 0 drop',
    'arp saddr ip @service4 drop',
    'ip saddr @service4 drop',
    'ip6 saddr @service6 drop',
    `ip daddr ${metadataAddress4} meta mark . ether saddr . ip saddr @own4 ${toBridge}`,
    `ip daddr ${metadataAddress4} drop`,
    `ip6 daddr ${metadataAddress6} meta mark . ether saddr . ip6 saddr @own6 ${toBridge}`,
    `ip6 daddr ${metadataAddress6} drop`,
    'meta mark @open accept',
    'meta mark . ether saddr != @mac drop',
    'ether type arp jump arp_in',
    'ether type ip jump ip4_in',
    'ether type ip6 jump ip6_in',
    'drop',
  ]);
}

const guardArp = chainText('arp_in', [
  'meta mark . arp saddr ether != @mac drop',
  'arp saddr ip 0.0.0.0 accept',
  'meta mark . arp saddr ether . arp saddr ip @own4 accept',
  'meta mark . arp saddr ether . arp saddr ip @pair4 accept',
  'drop',
]);

const guardIp4 = chainText('ip4_in', [
  'udp sport 67 drop',
  'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
  'meta mark . ether saddr . ip saddr @own4 accept',
  'meta mark . ether saddr . ip saddr @pair4 accept',
  'drop',
]);

const guardIp6 = [
  ...chainText('ip6_in', [
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    'udp sport 547 drop',
    'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept',
    'icmpv6 type nd-neighbor-advert jump advert_in',
    'meta mark . ether saddr . ip6 saddr @own6 accept',
    'meta mark . ether saddr . ip6 saddr @pair6 accept',
    'drop',
  ]),
  ...chainText('advert_in', [
    'meta mark . ether saddr . @th,64,128 @own_target return',
    'meta mark . ether saddr . @th,64,128 @pair_target return',
    'drop',
  ]),
];

/** A tap that no port names (or whose port is switched off) gets nothing. */
const guardToPorts = [
  ...chainText('to_port', [
    'type filter hook forward priority -10; policy accept;',
    'meta mark set 0',
    'oifname "vx*" arp daddr ip @service4 drop',
    'oifname "vx*" udp dport { 67, 68, 547 } drop',
    'oifname { "vx*", "r*" } accept',
    'meta mark set oifname map @port_mark',
    'meta mark 0 drop',
  ]),
  ...chainText('from_service', [
    'type filter hook output priority -10; policy accept;',
    'meta mark set 0',
    'oifname "vx*" arp saddr ip @service4 drop',
    'oifname "vx*" udp sport { 67, 547 } drop',
    'oifname { "vx*", "r*" } accept',
    'meta mark set oifname map @port_mark',
    'meta mark 0 drop',
  ]),
];
