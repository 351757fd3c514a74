import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkWanted, SecurityRule } from '../../../src/agent/api.ts';
import { groupRules } from '../../../src/agent/network/group-rules.ts';
import { guardRules } from '../../../src/agent/network/guard-rules.ts';
import { namesOf } from '../../../src/agent/network/names.ts';
import { cidrsDisjoint } from '../../../src/agent/network/nft-text.ts';
import { portMarks } from '../../../src/agent/network/port-mark.ts';
import { routerRules } from '../../../src/agent/network/router-rules.ts';
import { group, network, otherPort, port, router, rule } from './documents-of.ts';

const names = namesOf('abcd');
const guard = (wanted: NetworkWanted): string => guardRules(wanted, names, 'fa:16:3e:a9:fe:fe');

/** The lines of a chain, set or map. */
function block(script: string, name: string): string[] {
  const lines = script.split('\n').map((line) => line.trim());
  const start = lines.findIndex((line) => new RegExp(`^(chain|set|map) ${name} \\{$`).test(line));
  assert.notEqual(start, -1, `${name} is in the script`);
  return lines.slice(start + 1, lines.indexOf('}', start));
}

const remoteGroup = {
  ...group,
  id: '01930000-0000-7000-8000-0000000000b2',
  members: ['10.0.0.6', 'fd00:1::6'],
};
const members4 = '@members4_01930000000070008000'.concat('0000000000b2');

test('a rule is one line, or none when it can match nothing', () => {
  const table: readonly (readonly [Partial<SecurityRule>, string | null])[] = [
    [{}, 'meta nfproto ipv4 accept'],
    [{ version: 6 }, 'meta nfproto ipv6 accept'],
    [{ protocol: 6 }, 'meta nfproto ipv4 meta l4proto 6 accept'],
    [{ protocol: 6, portMin: 22, portMax: 22 }, 'meta nfproto ipv4 tcp dport 22 accept'],
    [{ protocol: 17, portMin: 1, portMax: 65_535 }, 'meta nfproto ipv4 udp dport 1-65535 accept'],
    [{ protocol: 132, portMin: 5, portMax: 6 }, 'meta nfproto ipv4 sctp dport 5-6 accept'],
    [{ protocol: 112 }, 'meta nfproto ipv4 meta l4proto 112 accept'],
    [{ protocol: 1 }, 'meta nfproto ipv4 meta l4proto icmp accept'],
    [{ protocol: 1, portMin: 8 }, 'meta nfproto ipv4 icmp type 8 accept'],
    [{ protocol: 1, portMin: 3, portMax: 4 }, 'meta nfproto ipv4 icmp type 3 icmp code 4 accept'],
    [
      { protocol: 58, version: 6, portMin: 128, portMax: 0 },
      'meta nfproto ipv6 icmpv6 type 128 icmpv6 code 0 accept',
    ],
    [{ remote: { cidr: '10.0.0.7/24' } }, 'meta nfproto ipv4 ip saddr 10.0.0.0/24 accept'],
    [{ remote: { cidr: '0.0.0.0/0' } }, 'meta nfproto ipv4 accept'],
    [{ version: 6, remote: { cidr: 'fd00::/8' } }, 'meta nfproto ipv6 ip6 saddr fd00::/8 accept'],
    [{ remote: { cidr: 'fd00::/8' } }, null],
    [{ remote: { groupId: remoteGroup.id } }, `meta nfproto ipv4 ip saddr ${members4} accept`],
    [{ remote: { groupId: '01930000-0000-7000-8000-00000000dead' } }, null],
    [
      { protocol: 6, portMin: 80, portMax: 80, remote: { groupId: remoteGroup.id } },
      `meta nfproto ipv4 ip saddr ${members4} tcp dport 80 accept`,
    ],
  ];
  for (const direction of ['ingress', 'egress'] as const)
    for (const [change, wanted] of table) {
      const rules = [{ ...rule, direction, ...change }];
      const script = groupRules({ ...network, securityGroups: [{ ...group, rules }, remoteGroup] });
      const line = direction === 'ingress' ? wanted : (wanted?.replace('saddr', 'daddr') ?? null);
      const chain = block(script, `group_${direction}_${group.id.replaceAll('-', '')}`);
      assert.deepEqual(chain, line === null ? [] : [line]);
      const other = direction === 'ingress' ? 'egress' : 'ingress';
      assert.deepEqual(block(script, `group_${other}_${group.id.replaceAll('-', '')}`), []);
    }
});

test('a port is judged by its groups and by nothing else, and closed without any', () => {
  const mark = 0xa5;
  const script = groupRules(network);
  const chain = `jump group_ingress_${group.id.replaceAll('-', '')}`;
  assert.deepEqual(block(script, `ingress_${mark}`), [chain, 'drop']);
  assert.match(block(script, 'ingress_of').join(), new RegExp(`${mark} : jump ingress_${mark}`));
  const bare = groupRules({ ...network, ports: [{ ...port, securityGroupIds: [] }] });
  assert.deepEqual(block(bare, `ingress_${mark}`), ['drop']);
  assert.deepEqual(block(bare, `egress_${mark}`), ['drop']);
  const unknown = groupRules({ ...network, securityGroups: [] });
  assert.deepEqual(block(unknown, `ingress_${mark}`), ['drop']);
});

test('only guests of this host that are switched on are let in', () => {
  const own = block(guard(network), 'own4').join();
  assert.match(own, /165 \. fa:16:3e:00:00:a5 \. 10\.0\.0\.5/);
  assert.match(block(guard(network), 'port_mark').join(), /"tabc000000000a5" : 165/);
  for (const change of [
    { adminUp: false },
    { location: null },
    { location: { vtep: '192.0.2.1' } },
    { kind: 'service' },
    { kind: 'router' },
  ] as const) {
    const script = guard({ ...network, ports: [{ ...port, ...change }] });
    assert.doesNotMatch(block(script, 'port_mark').join(), /elements/);
    assert.doesNotMatch(block(script, 'own4').join(), /elements/);
  }
});

test('a port without port security is open, but owns no address more than its own', () => {
  const script = guard({ ...network, ports: [{ ...port, portSecurity: false }] });
  assert.match(block(script, 'open').join(), /165/);
  assert.match(block(script, 'own4').join(), /10\.0\.0\.5/);
  assert.doesNotMatch(block(guard(network), 'open').join(), /elements/);
});

test('allowed pairs that contain each other are one, because the kernel refuses overlaps', () => {
  const pairs = ['10.0.0.64/26', '10.0.0.70', '10.0.0.64/27', '10.1.0.0/16'].map((address) => ({
    address,
    mac: port.mac,
  }));
  const script = guard({ ...network, ports: [{ ...port, allowedPairs: pairs }] });
  assert.match(
    block(script, 'pair4').join(),
    /\{ 165 \. fa:16:3e:00:00:a5 \. 10\.1\.0\.0\/16, 165 \. fa:16:3e:00:00:a5 \. 10\.0\.0\.64\/26 \}/,
  );
  assert.deepEqual(cidrsDisjoint(['10.0.0.5', '10.0.0.5', '0.0.0.0/0']), ['0.0.0.0/0']);
});

test('the mark of a port is its own and stays when others come and go', () => {
  const twin = { ...port, id: '01940000-0000-7000-8000-0000000000a5' };
  const marks = portMarks([twin, port, otherPort]);
  assert.equal(new Set(marks.values()).size, 3);
  assert.equal(marks.get(port.id), 0xa5);
  assert.equal(portMarks([port]).get(port.id), 0xa5);
  const zero = { ...port, id: '01930000-0000-7000-8000-000000000000' };
  assert.notEqual(portMarks([zero]).get(zero.id), 0);
});

test('a port is stateless when all its groups are', () => {
  const loose = { ...group, id: '01930000-0000-7000-8000-0000000000b3', stateful: false };
  const stateless = (ids: string[]): string =>
    block(
      groupRules({
        ...network,
        ports: [{ ...port, securityGroupIds: ids }],
        securityGroups: [group, loose],
      }),
      'stateless',
    ).join();
  assert.match(stateless([loose.id]), /165/);
  assert.doesNotMatch(stateless([loose.id, group.id]), /165/);
  assert.doesNotMatch(stateless([]), /165/);
});

test('a router shares its address only when told to, and maps floating ones both ways', () => {
  const floatingIps = [{ address: '172.24.4.101', fixedAddress: '10.0.0.5' }];
  const script = routerRules({ ...router, floatingIps });
  assert.match(block(script, 'floating_in').join(), /172\.24\.4\.101 : 10\.0\.0\.5/);
  assert.match(block(script, 'floating_out').join(), /10\.0\.0\.5 : 172\.24\.4\.101/);
  assert.ok(block(script, 'outgoing').includes('oifname "gw" snat to 172.24.4.11'));
  assert.ok(router.gateway);
  const unshared = routerRules({ ...router, gateway: { ...router.gateway, snat: false } });
  assert.doesNotMatch(unshared, /snat to 172\.24\.4\.11/);
  assert.doesNotMatch(routerRules({ ...router, gateway: null }), /snat to 172/);
});
