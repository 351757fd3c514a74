/** Addresses as numbers and back; text forms are those of RFC 5952 and dotted quads. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Cidr {
  readonly version: 4 | 6;
  readonly network: bigint;
  readonly prefix: number;
}

export function addressNumber(text: string): bigint {
  if (isIPv4(text)) return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  if (!isIPv6(text)) throw new TypeError(`not an address: ${text}`);
  const [address = ''] = text.split('%');
  const quad = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const hex =
    quad === null ? address : `${quad[1]}${hextets(addressNumber(quad[2] ?? ''), 2).join(':')}`;
  const [head = '', rest] = hex.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros =
    rest === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce(
    (sum, part) => (sum << 16n) | BigInt(`0x${part}`),
    0n,
  );
}

const hextets = (value: bigint, count: number): string[] =>
  Array.from({ length: count }, (_, index) =>
    ((value >> BigInt(16 * (count - 1 - index))) & 0xffffn).toString(16),
  );

export function addressText(version: 4 | 6, value: bigint): string {
  if (version === 4)
    return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 0xffn).toString()).join('.');
  const parts = hextets(value, 8);
  const zeros = longestZeros(parts);
  if (zeros.length < 2) return parts.join(':');
  const left = parts.slice(0, zeros.start).join(':');
  return `${left}::${parts.slice(zeros.start + zeros.length).join(':')}`;
}

function longestZeros(parts: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < parts.length; start += 1) {
    let length = 0;
    while (parts[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

export const addressVersion = (text: string): 4 | 6 => (text.includes(':') ? 6 : 4);

/** One spelling for each address, so that texts can be compared. */
export const addressCanonical = (text: string): string =>
  addressText(addressVersion(text), addressNumber(text));

/** A bare address is a network of one. */
export function cidrParse(text: string): Cidr {
  const [address = '', length] = text.split('/');
  const version = addressVersion(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  const host = BigInt(bits - prefix);
  return { version, network: (addressNumber(address) >> host) << host, prefix };
}

export const cidrText = (cidr: Cidr): string =>
  `${addressText(cidr.version, cidr.network)}/${cidr.prefix}`;

export function cidrHas(cidr: Cidr, address: string): boolean {
  if (addressVersion(address) !== cidr.version) return false;
  const host = BigInt((cidr.version === 4 ? 32 : 128) - cidr.prefix);
  return addressNumber(address) >> host === cidr.network >> host;
}

export function cidrMask(cidr: Cidr): string {
  const bits = cidr.version === 4 ? 32 : 128;
  const host = BigInt(bits - cidr.prefix);
  return addressText(cidr.version, (((1n << BigInt(bits)) - 1n) >> host) << host);
}

/** The link-local address that RFC 4291 makes of a MAC. */
export function linkLocalOf(mac: string): string {
  const bytes = mac.split(':').map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const id = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce(
    (sum, byte) => (sum << 8n) | BigInt(byte),
    0n,
  );
  return addressText(6, (0xfe80n << 112n) | id);
}
