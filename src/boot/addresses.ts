import { isIP, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, IPv6 in brackets; null when it is something else. */
export function listenParse(text: string): Listen | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) return null;
  if (match[1] !== undefined && isIP(host) !== 6) return null;
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) return null;
  return { host, port };
}

export const listenText = ({ host, port }: Listen): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Every address of this machine that another can use. */
export const ownAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ address, internal }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);

export function addressNumber(address: string): number | null {
  if (!isIPv4(address)) return null;
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

export interface Range {
  /** Network address and broadcast address. */
  readonly first: number;
  readonly last: number;
  address(number: number): string;
}

/** An IPv4 range with room for a host, a router and a floating IP; null for anything else. */
export function cidrParse(cidr: string): Range | null {
  const [network = '', length = ''] = cidr.split('/');
  const bits = Number(length);
  const first = addressNumber(network);
  if (first === null || length === '' || bits < 8 || bits > 29) return null;
  const size = 2 ** (32 - bits);
  if (first % size !== 0) return null;
  return { first, last: first + size - 1, address: addressText };
}

const addressText = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

export const rangesMeet = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;
