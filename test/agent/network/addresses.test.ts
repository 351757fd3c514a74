import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressCanonical,
  addressNumber,
  addressText,
  cidrHas,
  cidrMask,
  cidrParse,
  cidrText,
  linkLocalOf,
} from '../../../src/agent/network/addresses.ts';

const ip6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test('an address is the same after it was a number', () => {
  fc.assert(fc.property(ip6, (value) => addressNumber(addressText(6, value)) === value));
  fc.assert(fc.property(fc.ipV4(), (text) => addressText(4, addressNumber(text)) === text));
  fc.assert(fc.property(fc.ipV6(), (text) => isIPv6(addressCanonical(text))));
  fc.assert(
    fc.property(fc.ipV6(), (text) => addressNumber(addressCanonical(text)) === addressNumber(text)),
  );
});

test('IPv6 is written as RFC 5952 says', () => {
  const table = {
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:0DB8::0001': '2001:db8::1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::': '::',
    '0:0:0:0:0:0:0:1': '::1',
    'fe80::': 'fe80::',
    '::ffff:10.0.0.5': '::ffff:a00:5',
  };
  for (const [text, wanted] of Object.entries(table)) assert.equal(addressCanonical(text), wanted);
});

test('a network has the addresses up to its last and none of the other version', () => {
  const cidr = cidrParse('10.0.0.37/26');
  assert.equal(cidrText(cidr), '10.0.0.0/26');
  assert.equal(cidrHas(cidr, '10.0.0.63'), true);
  assert.equal(cidrHas(cidr, '10.0.0.64'), false);
  assert.equal(cidrHas(cidrParse('0.0.0.0/0'), '::1'), false);
  assert.equal(cidrHas(cidrParse('::/0'), 'fd00::1'), true);
  assert.equal(cidrText(cidrParse('10.0.0.5')), '10.0.0.5/32');
  assert.equal(cidrMask(cidrParse('10.0.0.0/22')), '255.255.252.0');
});

test('what is no address is refused', () => {
  for (const text of ['', '10.0.0', '10.0.0.256', 'fd00', 'fd00:::1', '10.0.0.5; drop'])
    assert.throws(() => addressNumber(text), TypeError, text);
});

test('the link-local address of a MAC is the one its guest makes', () => {
  assert.equal(linkLocalOf('fa:16:3e:00:01:03'), 'fe80::f816:3eff:fe00:103');
});
