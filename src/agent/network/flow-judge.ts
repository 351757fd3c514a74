/**
 * Pure: whether a connection that is under way may go on. Connection tracking lets what once was allowed pass for ever;
 * so whenever rules or members of groups change, every connection is judged anew, by the same rules as a first packet.
 */
import type { NetworkWanted, PortWanted, SecurityGroupWanted, SecurityRule } from '../api.ts';
import { addressCanonical, addressVersion, cidrHas, cidrParse } from './addresses.ts';
import type { Flow } from './flows.ts';
import { isIcmp } from './group-rules.ts';
import { metadataAddress4, metadataAddress6 } from './guard-rules.ts';
import { guestPorts } from './port-mark.ts';

export type FlowJudge = (flow: Flow) => boolean;

export function flowJudgeOf(network: NetworkWanted): FlowJudge {
  const groups = new Map(network.securityGroups.map((group) => [group.id, group]));
  const portOf = portFinder(network);
  return (flow) => {
    if (isAlways(flow)) return true;
    const sender = portOf(flow.source);
    const receiver = portOf(flow.destination);
    return (
      (sender === null || mayPass(sender, 'egress', flow, groups)) &&
      (receiver === null || mayPass(receiver, 'ingress', flow, groups))
    );
  };
}

/** DHCP and metadata: no group can forbid them. */
function isAlways({ protocol, destination, destinationPort }: Flow): boolean {
  const isMetadata = destination === metadataAddress4 || destination === metadataAddress6;
  const isDhcp = protocol === 17 && (destinationPort === 67 || destinationPort === 547);
  return isDhcp || (isMetadata && protocol === 6 && destinationPort === 80);
}

function portFinder(network: NetworkWanted): (address: string) => PortWanted | null {
  const ports = guestPorts(network.ports).filter((port) => port.adminUp);
  const owners = new Map(
    ports.flatMap((port) => port.fixedIps.map(({ address }) => [addressCanonical(address), port])),
  );
  const pairs = ports.flatMap((port) =>
    port.allowedPairs.map(({ address }) => ({ port, cidr: cidrParse(address) })),
  );
  return (address) =>
    owners.get(address) ?? pairs.find(({ cidr }) => cidrHas(cidr, address))?.port ?? null;
}

function mayPass(
  port: PortWanted,
  direction: SecurityRule['direction'],
  flow: Flow,
  groups: ReadonlyMap<string, SecurityGroupWanted>,
): boolean {
  if (!port.portSecurity) return true;
  return port.securityGroupIds.some((id) =>
    groups
      .get(id)
      ?.rules.some((rule) => rule.direction === direction && ruleMatches(rule, flow, groups)),
  );
}

function ruleMatches(
  rule: SecurityRule,
  flow: Flow,
  groups: ReadonlyMap<string, SecurityGroupWanted>,
): boolean {
  const remote = rule.direction === 'ingress' ? flow.source : flow.destination;
  return (
    addressVersion(flow.source) === rule.version &&
    protocolMatches(rule, flow) &&
    remoteMatches(rule, remote, groups)
  );
}

function protocolMatches({ protocol, portMin, portMax }: SecurityRule, flow: Flow): boolean {
  if (protocol === null) return true;
  if (isIcmp(protocol)) {
    if (flow.icmp === null || !isIcmp(flow.protocol)) return false;
    return (
      (portMin === null || portMin === flow.icmp.type) &&
      (portMin === null || portMax === null || portMax === flow.icmp.code)
    );
  }
  if (protocol !== flow.protocol) return false;
  if (flow.destinationPort === null || (portMin === null && portMax === null)) return true;
  return flow.destinationPort >= (portMin ?? 0) && flow.destinationPort <= (portMax ?? 65_535);
}

function remoteMatches(
  { remote }: SecurityRule,
  address: string,
  groups: ReadonlyMap<string, SecurityGroupWanted>,
): boolean {
  if (remote === null) return true;
  if ('cidr' in remote) return cidrHas(cidrParse(remote.cidr), address);
  const members = groups.get(remote.groupId)?.members ?? [];
  return members.some((member) => cidrHas(cidrParse(member), address));
}
