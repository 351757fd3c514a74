/** What a rule of a security group may say: pure, and shared by the API and the data plane. */
import { conflict, invalid, type Failure } from '../kernel/errors.ts';
import { addressText, prefixParse, prefixText } from './address.model.ts';
import { missingOf } from './network.errors.ts';
import type { SecurityGroupRuleTable } from './network.tables.ts';

const protocolNumbers: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  icmpv6: 58,
  igmp: 2,
  ip: 0,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};
const withPorts = new Set([6, 17, 33, 132, 136]);
const onlyIpv6 = new Set([41, 43, 44, 58, 59, 60]);
const [icmp, icmpv6] = [1, 58];

export interface RuleWish {
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: string;
  readonly protocol: string | number | null;
  readonly portMin: number | string | null;
  readonly portMax: number | string | null;
  readonly remoteGroupId: string | null;
  readonly remoteIpPrefix: string | null;
}

export type Rule = Pick<
  SecurityGroupRuleTable,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'port_range_min'
  | 'port_range_max'
  | 'remote_group_id'
  | 'remote_ip_prefix'
>;

const refused = (type: string, message: string): Failure => invalid(message, { type });

/** The rule as it is stored; throws what Neutron would. */
export function ruleRead(wish: RuleWish): Rule {
  const ethertype = ethertypeRead(wish.ethertype);
  const protocol = protocolRead(wish.protocol, ethertype);
  const number = protocol === null ? null : protocolNumber(protocol);
  let [min, max] = [portRead(wish.portMin), portRead(wish.portMax)];
  // The whole range is the same as none.
  if (min === 1 && max === 65_535 && number !== null && withPorts.has(number)) min = max = null;
  portsCheck(number, min, max);
  if (ethertype === 'IPv4' && number !== null && onlyIpv6.has(number)) {
    throw refused(
      'SecurityGroupEthertypeConflictWithProtocol',
      `Invalid ethertype ${ethertype} for protocol ${protocol}.`,
    );
  }
  if (wish.remoteGroupId !== null && wish.remoteIpPrefix !== null) {
    throw refused(
      'SecurityGroupMultipleRemoteEntites',
      'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
    );
  }
  return {
    direction: wish.direction,
    ethertype,
    protocol,
    port_range_min: min,
    port_range_max: max,
    remote_group_id: wish.remoteGroupId,
    remote_ip_prefix: prefixRead(wish.remoteIpPrefix, ethertype),
  };
}

function ethertypeRead(text: string): 'IPv4' | 'IPv6' {
  const found = (['IPv4', 'IPv6'] as const).find(
    (name) => name.toLowerCase() === text.toLowerCase(),
  );
  if (found !== undefined) return found;
  throw refused(
    'SecurityGroupRuleInvalidEtherType',
    `Security group rule for ethertype '${text}' not supported. Allowed values are ['IPv4', 'IPv6'].`,
  );
}

function protocolRead(value: string | number | null, ethertype: 'IPv4' | 'IPv6'): string | null {
  if (value === null) return null;
  const text = String(value).toLowerCase();
  if (text === '' || text === 'any') return null;
  const isNumber = /^\d{1,3}$/.test(text) && Number(text) <= 255;
  if (!isNumber && !Object.hasOwn(protocolNumbers, text)) {
    const names = ['any', ...Object.keys(protocolNumbers)].join(', ');
    throw refused(
      'SecurityGroupRuleInvalidProtocol',
      `Security group rule protocol ${value} not supported. Only protocol values [${names}] and integer representations [0 to 255] are supported.`,
    );
  }
  if (ethertype === 'IPv4') return text;
  // ICMP is another protocol in IPv6.
  if (text === 'icmp' || text === 'icmpv6') return 'ipv6-icmp';
  return text === '1' ? '58' : text;
}

/** IANA's number of a stored protocol; IPv4's 0 and IPv6's hop-by-hop 0 mean any. */
export const protocolNumber = (protocol: string): number =>
  protocolNumbers[protocol] ?? Number(protocol);

function portRead(value: number | string | null): number | null {
  if (value === null) return null;
  const port = Number(value);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw refused('SecurityGroupInvalidPortValue', `Invalid value for port ${value}`);
}

function portsCheck(protocol: number | null, min: number | null, max: number | null): void {
  if (min === null && max === null) return;
  if (protocol === null) {
    throw refused(
      'SecurityGroupProtocolRequiredWithPorts',
      'Must also specify protocol if port range is given.',
    );
  }
  if (withPorts.has(protocol)) {
    if (min === 0 || max === 0) {
      throw refused('SecurityGroupInvalidPortValue', 'Invalid value for port 0');
    }
    if (min !== null && max !== null && min <= max) return;
    throw refused(
      'SecurityGroupInvalidPortRange',
      'For TCP/UDP protocols, port_range_min must be <= port_range_max',
    );
  }
  if (protocol !== icmp && protocol !== icmpv6) {
    throw refused(
      'SecurityGroupInvalidProtocolForPort',
      `Ports cannot be specified for protocol ${protocol}. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.`,
    );
  }
  for (const [value, field, attribute] of [
    [min, 'type', 'port_range_min'],
    [max, 'code', 'port_range_max'],
  ] as const) {
    if (value === null || value <= 255) continue;
    throw refused(
      'SecurityGroupInvalidIcmpValue',
      `Invalid value for ICMP ${field} (${attribute}) ${value}. It must be 0 to 255.`,
    );
  }
  if (min !== null) return;
  throw refused(
    'SecurityGroupMissingIcmpType',
    `ICMP code (port-range-max) ${max} is provided but ICMP type (port-range-min) is missing.`,
  );
}

function prefixRead(text: string | null, ethertype: 'IPv4' | 'IPv6'): string | null {
  if (text === null || text === '') return null;
  const prefix = prefixParse(text);
  if (prefix === null) throw refused('InvalidCIDR', `Invalid CIDR ${text} given as IP prefix.`);
  if (`IPv${prefix.version}` !== ethertype) {
    throw refused(
      'SecurityGroupRuleParameterConflict',
      `Conflicting value ethertype ${ethertype} for CIDR ${text}`,
    );
  }
  const [address = ''] = text.split('/');
  const host = prefixParse(address);
  return host === null
    ? prefixText(prefix)
    : `${addressText({ version: host.version, value: host.first })}/${prefix.length}`;
}

/** `remote_ip_prefix` without host bits. */
export function cidrNormal(text: string | null): string | null {
  const prefix = text === null ? null : prefixParse(text);
  return prefix === null ? null : prefixText(prefix);
}

/** Equal for rules that let the same packets through. */
export function ruleKey(rule: Rule): string {
  const cidr = cidrNormal(rule.remote_ip_prefix);
  return JSON.stringify([
    rule.direction,
    rule.ethertype,
    rule.protocol === null ? null : protocolNumber(rule.protocol),
    rule.port_range_min,
    rule.port_range_max,
    rule.remote_group_id,
    cidr === '0.0.0.0/0' || cidr === '::/0' ? null : cidr,
  ]);
}

export const ruleExists = (id: string): Failure =>
  conflict(`Security group rule already exists. Rule id is ${id}.`, {
    type: 'SecurityGroupRuleExists',
  });
export const groupMissing = (id: string): Failure => missingOf('security_group', id);
