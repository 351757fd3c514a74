import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  dhcp6Answer,
  dhcp6OptionsDecode,
} from '../../../src/agent/network/services/dhcp6-answer.ts';
import { network, subnet6 } from './documents-of.ts';

const six = { ...network, subnets: [subnet6] };
const request = (type: number, ...options: number[]): Buffer =>
  Buffer.from([type, 1, 2, 3, ...options]);
const client = [0, 1, 0, 4, 0xca, 0xfe, 0xba, 0xbe];

test('a guest that asks for the name servers gets them, under its own identifiers', () => {
  const reply = Buffer.from(dhcp6Answer(six, request(11, ...client)) ?? []);
  assert.deepEqual([...reply.subarray(0, 4)], [7, 1, 2, 3]);
  const options = dhcp6OptionsDecode(reply.subarray(4));
  assert.equal(Buffer.from(options?.get(1) ?? []).toString('hex'), 'cafebabe');
  assert.equal(Buffer.from(options?.get(2) ?? []).toString('hex'), '00030001fa163ea9fefe');
  assert.equal(
    Buffer.from(options?.get(23) ?? []).toString('hex'),
    'fd000001000000000000000000000002',
  );
  assert.equal(Buffer.from(options?.get(24) ?? []).toString(), '\x05cloud\x04test\0');
});

test('messages that want addresses, other servers or nothing we have get no answer', () => {
  for (const type of [1, 3, 4, 5, 6, 8, 9, 7, 12])
    assert.equal(dhcp6Answer(six, request(type)), null);
  assert.equal(dhcp6Answer(six, request(11, 0, 2, 0, 2, 9, 9)), null);
  assert.equal(dhcp6Answer(network, request(11)), null);
});

test('hostile datagrams get silence or an answer, never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
      dhcp6Answer(six, noise);
      dhcp6Answer(six, Buffer.concat([Uint8Array.of(11), noise]));
    }),
  );
});
