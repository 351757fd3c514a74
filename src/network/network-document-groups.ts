/** The security groups of a network's document: those of its ports, and those that their rules name. */
import type { SecurityGroupWanted } from '../agent/api.ts';
import type { SecurityGroupRuleTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { AllowedPair } from './port-insert.ts';
import { protocolNumber } from './security-group-rule.model.ts';

export interface GroupsOfNetwork {
  readonly ofPort: ReadonlyMap<string, readonly string[]>;
  /** Those of ports, and those that their rules name as remote. */
  readonly ids: readonly string[];
}

export async function groupsOfNetwork(tx: NetworkTx, networkId: string): Promise<GroupsOfNetwork> {
  const rows = await tx
    .selectFrom('port_security_group')
    .innerJoin('port', 'port.id', 'port_security_group.port_id')
    .select(['port_security_group.port_id', 'port_security_group.group_id'])
    .where('port.network_id', '=', networkId)
    .orderBy('port_security_group.group_id')
    .execute();
  const ofPort = new Map(
    [...Map.groupBy(rows, ({ port_id }) => port_id)].map(([port, list]) => [
      port,
      list.map(({ group_id }) => group_id),
    ]),
  );
  const used = [...new Set(rows.map(({ group_id }) => group_id))];
  if (used.length === 0) return { ofPort, ids: [] };
  const remote = await tx
    .selectFrom('security_group_rule')
    .select('remote_group_id')
    .distinct()
    .where('security_group_id', 'in', used)
    .where('remote_group_id', 'is not', null)
    .execute();
  const named = remote.flatMap(({ remote_group_id }) => remote_group_id ?? []);
  return { ofPort, ids: [...new Set([...used, ...named])].toSorted() };
}

export async function groupsWanted(
  tx: NetworkTx,
  ids: readonly string[],
): Promise<SecurityGroupWanted[]> {
  if (ids.length === 0) return [];
  const groups = await tx
    .selectFrom('security_group')
    .select(['id', 'stateful'])
    .where('id', 'in', ids)
    .orderBy('id')
    .execute();
  const rules = Map.groupBy(
    await tx
      .selectFrom('security_group_rule')
      .selectAll()
      .where('security_group_id', 'in', ids)
      .orderBy('id')
      .execute(),
    ({ security_group_id }) => security_group_id,
  );
  const members = await groupMembers(tx, ids);
  return groups.map(({ id, stateful }) => ({
    id,
    stateful: stateful === 1,
    rules: (rules.get(id) ?? []).map((rule) => ({
      direction: rule.direction,
      version: rule.ethertype === 'IPv4' ? 4 : 6,
      protocol: protocolOf(rule),
      portMin: rule.port_range_min,
      portMax: rule.port_range_max,
      remote:
        rule.remote_group_id !== null
          ? { groupId: rule.remote_group_id }
          : rule.remote_ip_prefix !== null
            ? { cidr: rule.remote_ip_prefix }
            : null,
    })),
    members: members.get(id) ?? [],
  }));
}

const [icmp, icmpv6] = [1, 58];

/** `icmp` in a rule for IPv6 means ICMPv6; protocol 0 is any. */
function protocolOf({ protocol, ethertype }: SecurityGroupRuleTable): number | null {
  const number = protocol === null ? null : protocolNumber(protocol);
  if (number === 0) return null;
  return number === icmp && ethertype === 'IPv6' ? icmpv6 : number;
}

async function groupMembers(
  tx: NetworkTx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const addresses = await tx
    .selectFrom('port_security_group')
    .innerJoin('fixed_ip', 'fixed_ip.port_id', 'port_security_group.port_id')
    .select(['port_security_group.group_id', 'fixed_ip.address'])
    .where('port_security_group.group_id', 'in', ids)
    .execute();
  const paired = await tx
    .selectFrom('port_security_group')
    .innerJoin('port', 'port.id', 'port_security_group.port_id')
    .select(['port_security_group.group_id', 'port.allowed_pairs'])
    .where('port_security_group.group_id', 'in', ids)
    .where('port.allowed_pairs', '!=', '[]')
    .execute();
  const all = [
    ...addresses.map(({ group_id, address }) => ({ group_id, address })),
    ...paired.flatMap(({ group_id, allowed_pairs }) =>
      (JSON.parse(allowed_pairs) as AllowedPair[]).map((pair) => ({
        group_id,
        address: pair.ip_address,
      })),
    ),
  ];
  return new Map(
    [...Map.groupBy(all, ({ group_id }) => group_id)].map(([id, list]) => [
      id,
      [...new Set(list.map(({ address }) => address))].toSorted(),
    ]),
  );
}
