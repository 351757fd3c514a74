import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NetworkWanted } from '../../../src/agent/api.ts';
import { dhcp4Answer, type Dhcp4Answer } from '../../../src/agent/network/services/dhcp4-answer.ts';
import {
  dhcp4Decode,
  dhcp4Encode,
  type Dhcp4Message,
} from '../../../src/agent/network/services/dhcp4-message.ts';
import { optionExtra } from '../../../src/agent/network/services/dhcp4-options.ts';
import { network, port, subnet4 } from './documents-of.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

const request = (type: number, change: Partial<Dhcp4Message> = {}): Dhcp4Message => ({
  op: 'request',
  xid: 0x1234_5678,
  secs: 0,
  broadcast: false,
  clientAddress: '0.0.0.0',
  yourAddress: '0.0.0.0',
  serverAddress: '0.0.0.0',
  relayAddress: '0.0.0.0',
  mac: port.mac,
  bootFile: '',
  ...change,
  options: new Map([[53, bytes(type)], ...(change.options ?? [])]),
});

const [discover, ask, decline, release, inform] = [1, 3, 4, 7, 8] as const;
const typeOf = (answer: Dhcp4Answer | null): number | undefined =>
  answer?.message.options.get(53)?.[0];

test('a message is the same after it was on the wire', () => {
  const address = fc.ipV4();
  const option = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 700 }));
  const message = fc.record<Dhcp4Message>({
    op: fc.constantFrom('request', 'reply'),
    xid: fc.integer({ min: 0, max: 0xffff_ffff }),
    secs: fc.integer({ min: 0, max: 0xffff }),
    broadcast: fc.boolean(),
    clientAddress: address,
    yourAddress: address,
    serverAddress: address,
    relayAddress: address,
    mac: fc
      .uint8Array({ minLength: 6, maxLength: 6 })
      .map((mac) => [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':')),
    bootFile: fc.string({ unit: fc.constantFrom('a', '/', '.'), maxLength: 127 }),
    options: fc.array(option, { maxLength: 6 }).map((options) => new Map(options)),
  });
  fc.assert(
    fc.property(message, (before) => {
      const after = dhcp4Decode(dhcp4Encode(before));
      assert.ok(after);
      assert.deepEqual({ ...after, options: null }, { ...before, options: null });
      for (const [code, value] of before.options)
        assert.deepEqual(Buffer.from(after.options.get(code) ?? []), Buffer.from(value));
    }),
  );
});

test('hostile datagrams are no messages, or messages without an answer, never an exception', () => {
  const good = dhcp4Encode(request(discover));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
      const message = dhcp4Decode(noise);
      if (message !== null) dhcp4Answer(network, message);
    }),
  );
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      const changed = Uint8Array.from(good).subarray(0, length);
      if (at < length) changed[at] = value;
      const message = dhcp4Decode(changed);
      if (message !== null) dhcp4Answer(network, message);
    }),
  );
});

test('what is discovered is what is then acknowledged, with every option', () => {
  const offer = dhcp4Answer(network, request(discover));
  const ack = dhcp4Answer(
    network,
    request(ask, {
      options: new Map([
        [50, bytes(10, 0, 0, 5)],
        [54, bytes(10, 0, 0, 2)],
      ]),
    }),
  );
  assert.equal(typeOf(offer), 2);
  assert.equal(typeOf(ack), 5);
  for (const { message, destination } of [offer, ack].filter((answer) => answer !== null)) {
    assert.equal(destination, '10.0.0.5');
    assert.equal(message.yourAddress, '10.0.0.5');
    assert.equal(message.xid, 0x1234_5678);
    const { options } = message;
    assert.deepEqual([...(options.get(1) ?? [])], [255, 255, 255, 0]);
    assert.deepEqual([...(options.get(3) ?? [])], [10, 0, 0, 1]);
    assert.deepEqual([...(options.get(6) ?? [])], [10, 0, 0, 2]);
    assert.equal(text(options.get(12)), 'alpha');
    assert.equal(text(options.get(15)), 'cloud.test');
    assert.deepEqual([...(options.get(26) ?? [])], [5, 170]);
    assert.deepEqual([...(options.get(28) ?? [])], [10, 0, 0, 255]);
    assert.deepEqual([...(options.get(51) ?? [])], [0, 1, 0x51, 0x80]);
    assert.deepEqual([...(options.get(58) ?? [])], [0, 0, 0xa8, 0xc0]);
    assert.deepEqual([...(options.get(59) ?? [])], [0, 1, 0x27, 0x50]);
    assert.deepEqual(
      [...(options.get(121) ?? [])],
      [32, 169, 254, 169, 254, 10, 0, 0, 2, 0, 10, 0, 0, 1],
    );
  }
});

test('a client that wants another address is refused aloud', () => {
  const nak = dhcp4Answer(network, request(ask, { options: new Map([[50, bytes(10, 0, 0, 9)]]) }));
  assert.equal(typeOf(nak), 6);
  assert.equal(nak?.destination, '255.255.255.255');
  assert.equal(nak?.message.yourAddress, '0.0.0.0');
  assert.equal(typeOf(dhcp4Answer(network, request(ask, { clientAddress: '192.168.1.7' }))), 6);
});

test('there is silence for strangers, other servers, relays, and what needs no answer', () => {
  const silent: readonly (readonly [NetworkWanted, Dhcp4Message])[] = [
    [network, request(discover, { mac: 'fa:16:3e:00:00:99' })],
    [network, request(ask, { options: new Map([[54, bytes(10, 0, 0, 77)]]) })],
    [network, request(discover, { relayAddress: '10.0.0.9' })],
    [network, request(discover, { op: 'reply' })],
    [network, request(decline)],
    [network, request(release)],
    [{ ...network, subnets: [{ ...subnet4, dhcp: false }] }, request(discover)],
    [{ ...network, ports: [{ ...port, location: { vtep: '192.0.2.1' } }] }, request(discover)],
    [{ ...network, ports: [{ ...port, kind: 'router' }] }, request(discover)],
  ];
  for (const [wanted, message] of silent) assert.equal(dhcp4Answer(wanted, message), null);
});

test('a renewal is answered where the client is, and a client that cannot hear unicast by broadcast', () => {
  const renewal = dhcp4Answer(network, request(ask, { clientAddress: '10.0.0.5' }));
  assert.equal(typeOf(renewal), 5);
  assert.equal(renewal?.destination, '10.0.0.5');
  const deaf = dhcp4Answer(network, request(discover, { broadcast: true }));
  assert.equal(deaf?.destination, '255.255.255.255');
});

test('who has its address already learns the rest, without a lease', () => {
  const answer = dhcp4Answer(network, request(inform, { clientAddress: '10.0.0.5' }));
  assert.equal(typeOf(answer), 5);
  assert.equal(answer?.message.yourAddress, '0.0.0.0');
  assert.equal(answer?.message.options.has(51), false);
  assert.deepEqual([...(answer?.message.options.get(1) ?? [])], [255, 255, 255, 0]);
});

test('a subnet gives its own name servers, routes and no gateway when it has none', () => {
  const subnet = {
    ...subnet4,
    gateway: null,
    dnsServers: ['192.0.2.53', '192.0.2.54'],
    hostRoutes: [{ destination: '192.168.0.0/20', nexthop: '10.0.0.9' }],
  };
  const second = { ...subnet4, id: '01930000-0000-7000-8000-000000000014', cidr: '10.1.0.0/16' };
  const answer = dhcp4Answer({ ...network, subnets: [subnet, second] }, request(discover));
  const options = answer?.message.options;
  assert.deepEqual([...(options?.get(6) ?? [])], [192, 0, 2, 53, 192, 0, 2, 54]);
  assert.equal(options?.has(3), false);
  assert.deepEqual(
    [...(options?.get(121) ?? [])],
    [16, 10, 1, 0, 0, 0, 0]
      .concat([20, 192, 168, 0, 10, 0, 0, 9])
      .concat([32, 169, 254, 169, 254, 10, 0, 0, 2]),
  );
});

test('extra options go by name or number and win over ours', () => {
  const table: readonly (readonly [string, string, readonly [number, number[]] | null])[] = [
    ['ntp-server', '10.0.0.7,10.0.0.8', [42, [10, 0, 0, 7, 10, 0, 0, 8]]],
    ['42', '10.0.0.7', [42, [10, 0, 0, 7]]],
    ['mtu', '1400', [26, [5, 120]]],
    ['default-ttl', '300', null],
    ['domain-search', 'a.b,c', [119, [1, 97, 1, 98, 0, 1, 99, 0]]],
    ['bootfile-name', 'x', [67, [120]]],
    ['43', '01:ff', [43, [1, 255]]],
    ['224', '01:ff', [224, [1, 255]]],
    ['225', 'hi', [225, [104, 105]]],
    ['classless-static-route', '10.9.0.0/16,10.0.0.1', [121, [16, 10, 9, 10, 0, 0, 1]]],
    ['router', 'not an address', null],
    ['classless-static-route', '10.9.0.0/16', null],
    ['no-such-option', 'x', null],
    ['53', '5', null],
    ['255', '5', null],
    ['999', '5', null],
    ['toString', 'x', null],
  ];
  for (const [name, value, wanted] of table) {
    const option = optionExtra(name, value);
    assert.deepEqual(option === null ? null : [option[0], [...option[1]]], wanted, name);
  }
  const asked: NetworkWanted = {
    ...network,
    ports: [
      {
        ...port,
        dhcpOptions: [
          { name: 'router', value: '10.0.0.77', version: 4 },
          { name: 'bootfile-name', value: 'undionly.kpxe', version: 4 },
          { name: 'server-ip-address', value: '10.0.0.66', version: 4 },
          { name: 'ntp-server', value: 'fd00::1', version: 6 },
        ],
      },
    ],
  };
  const message = dhcp4Answer(asked, request(discover))?.message;
  assert.deepEqual([...(message?.options.get(3) ?? [])], [10, 0, 0, 77]);
  assert.equal(message?.bootFile, 'undionly.kpxe');
  assert.equal(message?.serverAddress, '10.0.0.66');
  assert.equal(message?.options.has(42), false);
});
