/**
 * Security groups: the table `inet groups` of a tenant network's namespace.
 *
 * A packet from one guest to another passes `egress` with the sender's number as its mark and `ingress` with the
 * receiver's; 0 stands for a router or another host, whose side of the connection is judged elsewhere. Each namespace
 * has connection tracking of its own, so tenants with the same addresses never meet in it.
 */
import type { NetworkWanted, PortWanted, SecurityGroupWanted, SecurityRule } from '../api.ts';
import { addressVersion, cidrParse, cidrText } from './addresses.ts';
import { metadataAddress4, metadataAddress6 } from './guard-rules.ts';
import { networkBridge } from './names.ts';
import { chainText, cidrsDisjoint, mapText, setText, tableReplace } from './nft-text.ts';
import { guestPorts, portMarks } from './port-mark.ts';

export function groupRules(network: NetworkWanted): string {
  const marks = portMarks(network.ports);
  const ports = guestPorts(network.ports);
  const guarded = ports.filter((port) => port.portSecurity && port.adminUp);
  const markOf = (port: PortWanted): number => marks.get(port.id) ?? 0;
  const groups = new Map(network.securityGroups.map((group) => [group.id, group]));
  const jumps = (direction: SecurityRule['direction']): string[] =>
    guarded.map((port) => `${markOf(port)} : jump ${direction}_${markOf(port)}`);
  return tableReplace('inet', 'groups', [
    ...network.securityGroups.flatMap(memberSets),
    ...setText(
      'open',
      'type mark',
      ports.filter((port) => !port.portSecurity).map((port) => `${markOf(port)}`),
    ),
    ...setText(
      'stateless',
      'type mark',
      guarded.filter((port) => isStateless(port, groups)).map((port) => `${markOf(port)}`),
    ),
    ...network.securityGroups.flatMap((group) => groupChains(group, groups)),
    ...guarded.flatMap((port) => portChains(port, markOf(port), groups)),
    ...mapText('egress_of', 'type mark : verdict', jumps('egress')),
    ...mapText('ingress_of', 'type mark : verdict', jumps('ingress')),
    ...egressChain,
    ...ingressChain,
    ...inputChain,
  ]);
}

/** Neutron refuses a port in groups of both kinds. */
export const isStateless = (port: PortWanted, groups: Groups): boolean =>
  port.securityGroupIds.length > 0 &&
  port.securityGroupIds.every((id) => groups.get(id)?.stateful === false);

const plain = (id: string): string => id.replaceAll('-', '');

function memberSets(group: SecurityGroupWanted): string[] {
  const members = (version: 4 | 6): string[] =>
    cidrsDisjoint(group.members.filter((member) => addressVersion(member) === version));
  return [
    ...setText(`members4_${plain(group.id)}`, 'type ipv4_addr; flags interval', members(4)),
    ...setText(`members6_${plain(group.id)}`, 'type ipv6_addr; flags interval', members(6)),
  ];
}

type Groups = ReadonlyMap<string, SecurityGroupWanted>;

function groupChains(group: SecurityGroupWanted, groups: Groups): string[] {
  const rules = (direction: SecurityRule['direction']): string[] =>
    group.rules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule) => ruleText(rule, groups));
  return [
    ...chainText(`group_ingress_${plain(group.id)}`, rules('ingress')),
    ...chainText(`group_egress_${plain(group.id)}`, rules('egress')),
  ];
}

function portChains(port: PortWanted, mark: number, groups: Groups): string[] {
  const known = port.securityGroupIds.filter((id) => groups.has(id));
  const jumps = (direction: SecurityRule['direction']): string[] => [
    ...known.map((id) => `jump group_${direction}_${plain(id)}`),
    'drop',
  ];
  return [
    ...chainText(`ingress_${mark}`, jumps('ingress')),
    ...chainText(`egress_${mark}`, jumps('egress')),
  ];
}

/** No line for a rule that can match nothing. */
function ruleText(rule: SecurityRule, groups: Groups): string[] {
  const remote = remoteText(rule, groups);
  return remote === null
    ? []
    : [
        [`meta nfproto ipv${rule.version}`, remote, protocolText(rule), 'accept']
          .filter(Boolean)
          .join(' '),
      ];
}

function remoteText(rule: SecurityRule, groups: Groups): string | null {
  const family = rule.version === 4 ? 'ip' : 'ip6';
  const side = rule.direction === 'ingress' ? 'saddr' : 'daddr';
  if (rule.remote === null) return '';
  if ('groupId' in rule.remote) {
    if (!groups.has(rule.remote.groupId)) return null;
    return `${family} ${side} @members${rule.version}_${plain(rule.remote.groupId)}`;
  }
  const cidr = cidrParse(rule.remote.cidr);
  if (cidr.version !== rule.version) return null;
  return cidr.prefix === 0 ? '' : `${family} ${side} ${cidrText(cidr)}`;
}

const withPorts: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [132, 'sctp'],
  [136, 'udplite'],
]);

export const isIcmp = (protocol: number | null): boolean => protocol === 1 || protocol === 58;

function protocolText({ version, protocol, portMin, portMax }: SecurityRule): string {
  if (protocol === null) return '';
  if (isIcmp(protocol)) {
    const name = version === 4 ? 'icmp' : 'icmpv6';
    if (portMin === null) return `meta l4proto ${name}`;
    const code = portMax === null ? '' : ` ${name} code ${portMax}`;
    return `${name} type ${portMin}${code}`;
  }
  const name = withPorts.get(protocol);
  if (name === undefined || (portMin === null && portMax === null))
    return `meta l4proto ${protocol}`;
  const first = portMin ?? 0;
  const last = portMax ?? 65_535;
  return `${name} dport ${first === last ? first : `${first}-${last}`}`;
}

/** Mark of a connection whose rule was taken away: it stays known to the kernel, so that nothing revives it. */
export const flowForbidden = 1;

const stateful = [
  `ct mark ${flowForbidden} drop`,
  'meta mark != @stateless ct state established,related accept',
  'meta mark != @stateless ct state invalid drop',
];

const egressChain = chainText('egress', [
  'type filter hook prerouting priority -50; policy accept;',
  'meta mark 0 accept',
  'meta mark @open accept',
  // What no group can forbid, as in Neutron; the kernel does not track neighbour discovery.
  'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
  'meta nfproto ipv6 udp sport 546 udp dport 547 accept',
  'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
  `ip daddr ${metadataAddress4} tcp dport 80 accept`,
  `ip6 daddr ${metadataAddress6} tcp dport 80 accept`,
  ...stateful,
  'meta mark vmap @egress_of',
  'drop',
]);

const ingressChain = chainText('ingress', [
  'type filter hook forward priority 0; policy accept;',
  'meta mark 0 accept',
  'meta mark @open accept',
  'icmpv6 type { mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept',
  ...stateful,
  'meta mark vmap @ingress_of',
  'drop',
]);

/** Our own services. What comes from routers (mark 0) may ask whether they are alive and nothing else. */
const inputChain = chainText('input', [
  'type filter hook input priority 0; policy drop;',
  'iifname "lo" accept',
  'ct state established,related accept',
  `iifname != "${networkBridge}" drop`,
  'icmp type echo-request accept',
  'icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept',
  'meta mark 0 drop',
  'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
  'meta nfproto ipv6 udp sport 546 udp dport 547 accept',
  'meta l4proto { tcp, udp } th dport 53 accept',
  `ip daddr ${metadataAddress4} tcp dport 80 accept`,
  `ip6 daddr ${metadataAddress6} tcp dport 80 accept`,
]);
