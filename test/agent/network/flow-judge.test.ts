import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkWanted, SecurityRule } from '../../../src/agent/api.ts';
import { flowJudgeOf } from '../../../src/agent/network/flow-judge.ts';
import { flowParse, type Flow } from '../../../src/agent/network/flows.ts';
import { isTranslatedSo } from '../../../src/agent/network/router.ts';
import { group, network, otherPort, port, router, rule } from './documents-of.ts';

const flow = (change: Partial<Flow> = {}): Flow => ({
  protocol: 6,
  source: '10.0.0.6',
  destination: '10.0.0.5',
  replySource: '10.0.0.5',
  replyDestination: '10.0.0.6',
  destinationPort: 22,
  icmp: null,
  mark: 0,
  ...change,
});

const out = { ...rule, direction: 'egress' } as const;
const sender = { ...otherPort, securityGroupIds: ['01930000-0000-7000-8000-0000000000b9'] };
const sending = {
  ...group,
  id: '01930000-0000-7000-8000-0000000000b9',
  rules: [out],
  members: ['10.0.0.6'],
};

const withRules = (rules: readonly SecurityRule[]): NetworkWanted => ({
  ...network,
  ports: [port, sender],
  securityGroups: [{ ...group, rules }, sending],
});

test('a connection may go on while a rule of its receiver allows it', () => {
  const table: readonly (readonly [Partial<SecurityRule>, Partial<Flow>, boolean])[] = [
    [{}, {}, true],
    [{ direction: 'egress' }, {}, false],
    [{ version: 6 }, {}, false],
    [{ protocol: 6, portMin: 22, portMax: 22 }, {}, true],
    [{ protocol: 6, portMin: 23, portMax: 24 }, {}, false],
    [{ protocol: 6 }, {}, true],
    [{ protocol: 17 }, {}, false],
    [
      { protocol: 1, portMin: 8, portMax: 0 },
      { protocol: 1, destinationPort: null, icmp: { type: 8, code: 0 } },
      true,
    ],
    [
      { protocol: 1, portMin: 13 },
      { protocol: 1, destinationPort: null, icmp: { type: 8, code: 0 } },
      false,
    ],
    [{ protocol: 1 }, {}, false],
    [{ remote: { cidr: '10.0.0.0/24' } }, {}, true],
    [{ remote: { cidr: '10.0.1.0/24' } }, {}, false],
    [{ remote: { groupId: sending.id } }, {}, true],
    [{ remote: { groupId: group.id } }, {}, false],
    [{ remote: { groupId: '01930000-0000-7000-8000-00000000dead' } }, {}, false],
  ];
  for (const [change, of, isAllowed] of table)
    assert.equal(
      flowJudgeOf(withRules([{ ...rule, ...change }]))(flow(of)),
      isAllowed,
      JSON.stringify([change, of]),
    );
});

test('a connection may go on only while a rule of its sender allows it too', () => {
  const closed = {
    ...withRules([rule]),
    securityGroups: [
      { ...group, rules: [rule] },
      { ...sending, rules: [] },
    ],
  };
  assert.equal(flowJudgeOf(closed)(flow()), false);
  assert.equal(flowJudgeOf(closed)(flow({ source: '203.0.113.7' })), true, 'from elsewhere');
});

test('what no group can forbid goes on: DHCP, metadata, ports without port security', () => {
  const judge = flowJudgeOf(withRules([]));
  assert.equal(judge(flow()), false);
  const from5 = { source: '10.0.0.5', replyDestination: '10.0.0.5' };
  assert.equal(
    judge(flow({ ...from5, destination: '169.254.169.254', destinationPort: 80 })),
    true,
  );
  assert.equal(
    judge(flow({ ...from5, protocol: 17, destination: '10.0.0.2', destinationPort: 67 })),
    true,
  );
  assert.equal(
    judge(flow({ ...from5, protocol: 17, destination: '10.0.0.2', destinationPort: 53 })),
    false,
  );
  const open = { ...withRules([]), ports: [{ ...port, portSecurity: false }, sender] };
  assert.equal(flowJudgeOf(open)(flow()), true);
});

test('addresses of allowed pairs belong to their port', () => {
  const pairs = [{ address: '10.9.0.0/16', mac: port.mac }];
  const wanted = { ...withRules([]), ports: [{ ...port, allowedPairs: pairs }, sender] };
  assert.equal(flowJudgeOf(wanted)(flow({ destination: '10.9.1.1' })), false);
  assert.equal(flowJudgeOf(withRules([]))(flow({ destination: '10.9.1.1' })), true);
});

test('connections are read as conntrack writes them', () => {
  const tcp =
    'ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.6 dst=172.24.4.101 sport=50954 dport=22 src=10.0.0.5 dst=172.24.4.11 sport=22 dport=50954 [ASSURED] mark=1 use=1';
  assert.deepEqual(flowParse(tcp), [
    flow({ destination: '172.24.4.101', replyDestination: '172.24.4.11', mark: 1 }),
  ]);
  const ping =
    'ipv6     10 icmpv6   58 29 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=fd00:1::6 type=128 code=0 id=18174 src=fd00:1::6 dst=fd00:1::5 type=129 code=0 id=18174 mark=0 use=1';
  assert.deepEqual(flowParse(ping), [
    flow({
      protocol: 58,
      source: 'fd00:1::5',
      destination: 'fd00:1::6',
      replySource: 'fd00:1::6',
      replyDestination: 'fd00:1::5',
      destinationPort: null,
      icmp: { type: 128, code: 0 },
    }),
  ]);
  assert.equal(
    flowParse(
      'ipv4     2 unknown  89 599 src=10.0.0.5 dst=10.0.0.6 [UNREPLIED] src=10.0.0.6 dst=10.0.0.5 mark=0 use=1',
    )[0]?.protocol,
    89,
  );
  assert.deepEqual(flowParse(''), []);
  assert.deepEqual(
    flowParse('conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.'),
    [],
  );
});

test('a translated connection goes on while its translation is the one of the document', () => {
  const floatingIps = [{ address: '172.24.4.101', fixedAddress: '10.0.0.5' }];
  const withFloating = { ...router, floatingIps };
  const into = flow({
    source: '172.24.4.1',
    destination: '172.24.4.101',
    replyDestination: '172.24.4.1',
  });
  assert.equal(isTranslatedSo(withFloating, into), true);
  assert.equal(isTranslatedSo(router, into), false);
  const moved = [{ address: '172.24.4.101', fixedAddress: '10.0.0.6' }];
  assert.equal(isTranslatedSo({ ...router, floatingIps: moved }, into), false);
  const out5 = { source: '10.0.0.5', destination: '198.51.100.7', replySource: '198.51.100.7' };
  const own = flow({ ...out5, replyDestination: '172.24.4.101' });
  assert.equal(isTranslatedSo(withFloating, own), true);
  assert.equal(isTranslatedSo(router, own), false);
  const shared = flow({ ...out5, replyDestination: '172.24.4.11' });
  assert.equal(isTranslatedSo(withFloating, shared), true, 'as it began');
  const between = flow();
  assert.equal(isTranslatedSo(router, between), true, 'not translated');
});
