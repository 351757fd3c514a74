/** Ethernet frames as a hostile guest would make them. */
import { addressNumber } from '../../src/agent/network/addresses.ts';

export const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
const number = (bytes: 1 | 2 | 4, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const address = (text: string): Buffer =>
  Buffer.from(
    addressNumber(text)
      .toString(16)
      .padStart(text.includes(':') ? 32 : 8, '0'),
    'hex',
  );

export const everybody = 'ff:ff:ff:ff:ff:ff';

export interface Ends {
  readonly from: string;
  readonly to: string;
}

export const frame = (mac: Ends, type: number, payload: Buffer): Buffer =>
  Buffer.concat([macBytes(mac.to), macBytes(mac.from), number(2, type), payload]);

function checksum(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  let sum = 0;
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

export function ip4(ends: Ends, protocol: number, payload: Buffer): Buffer {
  const head = (sum: number): Buffer =>
    Buffer.concat([
      Buffer.from([0x45, 0]),
      number(2, 20 + payload.length),
      Buffer.from([0, 1, 0, 0, 64, protocol]),
      number(2, sum),
      address(ends.from),
      address(ends.to),
    ]);
  return Buffer.concat([head(checksum(head(0))), payload]);
}

export const udp = (fromPort: number, toPort: number, payload: Buffer): Buffer =>
  Buffer.concat([
    number(2, fromPort),
    number(2, toPort),
    number(2, 8 + payload.length),
    number(2, 0),
    payload,
  ]);

export function tcpSyn(ends: Ends, fromPort: number, toPort: number): Buffer {
  const segment = (sum: number): Buffer =>
    Buffer.concat([
      number(2, fromPort),
      number(2, toPort),
      number(4, 1),
      number(4, 0),
      Buffer.from([0x50, 2, 0xff, 0xff]),
      number(2, sum),
      number(2, 0),
    ]);
  const pseudo = Buffer.concat([address(ends.from), address(ends.to), Buffer.from([0, 6, 0, 20])]);
  return segment(checksum(Buffer.concat([pseudo, segment(0)])));
}

export function ip6(ends: Ends, next: number, payload: Buffer): Buffer {
  return Buffer.concat([
    number(4, 0x6000_0000),
    number(2, payload.length),
    Buffer.from([next, 255]),
    address(ends.from),
    address(ends.to),
    payload,
  ]);
}

export function icmp6(ends: Ends, type: number, body: Buffer): Buffer {
  const message = (sum: number): Buffer =>
    Buffer.concat([Buffer.from([type, 0]), number(2, sum), body]);
  const pseudo = Buffer.concat([
    address(ends.from),
    address(ends.to),
    number(4, 4 + body.length),
    number(4, 58),
  ]);
  return ip6(ends, 58, message(checksum(Buffer.concat([pseudo, message(0)]))));
}

export const udp6 = (ends: Ends, fromPort: number, toPort: number, payload: Buffer): Buffer => {
  const datagram = (sum: number): Buffer =>
    Buffer.concat([
      number(2, fromPort),
      number(2, toPort),
      number(2, 8 + payload.length),
      number(2, sum),
      payload,
    ]);
  const pseudo = Buffer.concat([
    address(ends.from),
    address(ends.to),
    number(4, 8 + payload.length),
    number(4, 17),
  ]);
  return ip6(ends, 17, datagram(checksum(Buffer.concat([pseudo, datagram(0)]))));
};

export function arp(
  operation: 1 | 2,
  sender: { mac: string; ip: string },
  target: { mac: string; ip: string },
): Buffer {
  return Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4]),
    number(2, operation),
    macBytes(sender.mac),
    address(sender.ip),
    macBytes(target.mac),
    address(target.ip),
  ]);
}

/** An option that receivers pass over (RFC 4727), to carry the marker where padding would be cut off. */
const carrier = (marker: Buffer): Buffer =>
  Buffer.concat([Buffer.from([253, 2, 0, 0]), marker, Buffer.alloc(4)]);

/** A lifetime alone makes a default route. */
export const routerAdvert = (from: string, marker: Buffer): Buffer =>
  icmp6(
    { from, to: 'ff02::1' },
    134,
    Buffer.concat([Buffer.from([64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]), carrier(marker)]),
  );

export const neighborAdvert = (
  from: string,
  claim: { ip: string; mac: string },
  marker: Buffer,
): Buffer =>
  icmp6(
    { from, to: 'ff02::1' },
    136,
    Buffer.concat([
      number(4, 0x2000_0000),
      address(claim.ip),
      Buffer.from([2, 1]),
      macBytes(claim.mac),
      carrier(marker),
    ]),
  );

/** Runs in the guest: sends each argument, a frame in hex, as it is. */
export const sender = [
  '/usr/bin/python3',
  '-c',
  `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
for frame in sys.argv[1:]:
    s.send(bytes.fromhex(frame))`,
];
