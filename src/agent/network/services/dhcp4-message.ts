/** DHCPv4 on the wire (RFC 2131, 2132, 3396). */
import { addressNumber, addressText } from '../addresses.ts';

export interface Dhcp4Message {
  readonly op: 'request' | 'reply';
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly clientAddress: string;
  readonly yourAddress: string;
  readonly serverAddress: string;
  readonly relayAddress: string;
  readonly mac: string;
  readonly bootFile: string;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export const dhcp4Types = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

export const dhcp4Options = {
  mask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  mtu: 26,
  broadcast: 28,
  requestedAddress: 50,
  leaseTime: 51,
  type: 53,
  server: 54,
  renewalTime: 58,
  rebindingTime: 59,
  classlessRoutes: 121,
} as const;

const cookie = 0x6382_5363;
const optionsAt = 240;
/** Older clients drop what is shorter (RFC 1542 section 2.1). */
const lengthMin = 300;

/** Null for what is no DHCP message over Ethernet. */
export function dhcp4Decode(bytes: Uint8Array): Dhcp4Message | null {
  if (bytes.length < optionsAt) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const op = view[0];
  if ((op !== 1 && op !== 2) || view[1] !== 1 || view[2] !== 6) return null;
  if (view.readUInt32BE(236) !== cookie) return null;
  const options = optionsDecode(view.subarray(optionsAt));
  if (options === null) return null;
  const address = (offset: number): string => addressText(4, BigInt(view.readUInt32BE(offset)));
  return {
    op: op === 1 ? 'request' : 'reply',
    xid: view.readUInt32BE(4),
    secs: view.readUInt16BE(8),
    broadcast: (view.readUInt16BE(10) & 0x8000) !== 0,
    clientAddress: address(12),
    yourAddress: address(16),
    serverAddress: address(20),
    relayAddress: address(24),
    mac: [...view.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    bootFile: textUntilZero(view.subarray(108, 236)),
    options,
  };
}

/** Null where an option is longer than the message. */
function optionsDecode(bytes: Buffer): Map<number, Uint8Array> | null {
  const options = new Map<number, Uint8Array>();
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at];
    if (code === undefined || code === 255) break;
    at += 1;
    if (code === 0) continue;
    const length = bytes[at];
    if (length === undefined || at + 1 + length > bytes.length) return null;
    const value = bytes.subarray(at + 1, at + 1 + length);
    // RFC 3396: an option that comes again goes on where it stopped.
    options.set(code, Buffer.concat([options.get(code) ?? new Uint8Array(), value]));
    at += 1 + length;
  }
  return options;
}

export function dhcp4Encode(message: Dhcp4Message): Uint8Array {
  const head = Buffer.alloc(optionsAt);
  head[0] = message.op === 'request' ? 1 : 2;
  head[1] = 1;
  head[2] = 6;
  head.writeUInt32BE(message.xid, 4);
  head.writeUInt16BE(message.secs, 8);
  head.writeUInt16BE(message.broadcast ? 0x8000 : 0, 10);
  const addresses = [
    message.clientAddress,
    message.yourAddress,
    message.serverAddress,
    message.relayAddress,
  ];
  for (const [index, address] of addresses.entries())
    head.writeUInt32BE(Number(addressNumber(address)), 12 + 4 * index);
  Buffer.from(message.mac.replaceAll(':', ''), 'hex').copy(head, 28);
  // The last byte stays zero: firmware reads a C string.
  Buffer.from(message.bootFile, 'utf8').subarray(0, 127).copy(head, 108);
  head.writeUInt32BE(cookie, 236);
  const parts: Uint8Array[] = [head];
  for (const [code, value] of message.options) parts.push(...optionEncode(code, value));
  parts.push(Uint8Array.of(255));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(new Uint8Array(Math.max(0, lengthMin - length)));
  return Buffer.concat(parts);
}

function optionEncode(code: number, value: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const piece = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, piece.length), piece);
  }
  return parts;
}

const textUntilZero = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end === -1 ? bytes.length : end).toString('utf8');
};
