/** Values of DHCPv4 options, and the names under which Neutron's `extra_dhcp_opts` know them (those of dnsmasq). */
import { isIPv4 } from 'node:net';
import { addressNumber, cidrParse } from '../addresses.ts';
import type { Route } from '../../api.ts';

export const optionText = (text: string): Uint8Array => Buffer.from(text, 'utf8');

export function optionNumber(bytes: 1 | 2 | 4, value: number): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

export const optionAddresses = (addresses: readonly string[]): Uint8Array =>
  Buffer.concat(addresses.map((address) => optionNumber(4, Number(addressNumber(address)))));

/** RFC 3442: prefix length, the significant bytes of the network, the router. */
export function optionRoutes(routes: readonly Route[]): Uint8Array {
  return Buffer.concat(
    routes.flatMap(({ destination, nexthop }) => {
      const { network, prefix } = cidrParse(destination);
      const significant = Math.ceil(prefix / 8);
      return [
        Uint8Array.of(prefix),
        optionNumber(4, Number(network)).subarray(0, significant),
        optionNumber(4, Number(addressNumber(nexthop))),
      ];
    }),
  );
}

/** Names as in DNS, without compression (RFC 3397). */
function optionDomains(value: string): Uint8Array | null {
  const parts: Uint8Array[] = [];
  for (const name of value.split(',')) {
    for (const label of name.trim().split('.').filter(Boolean)) {
      const bytes = Buffer.from(label, 'utf8');
      if (bytes.length > 63) return null;
      parts.push(Uint8Array.of(bytes.length), bytes);
    }
    parts.push(Uint8Array.of(0));
  }
  return Buffer.concat(parts);
}

type Form = 'addresses' | 'u8' | 'u16' | 'u32' | 'text' | 'domains' | 'routes' | 'hex';

const namedOptions: Readonly<Record<string, readonly [code: number, form: Form]>> = {
  netmask: [1, 'addresses'],
  'time-offset': [2, 'u32'],
  router: [3, 'addresses'],
  'dns-server': [6, 'addresses'],
  'log-server': [7, 'addresses'],
  'lpr-server': [9, 'addresses'],
  hostname: [12, 'text'],
  'boot-file-size': [13, 'u16'],
  'domain-name': [15, 'text'],
  'swap-server': [16, 'addresses'],
  'root-path': [17, 'text'],
  'extension-path': [18, 'text'],
  'ip-forward-enable': [19, 'u8'],
  'default-ttl': [23, 'u8'],
  mtu: [26, 'u16'],
  broadcast: [28, 'addresses'],
  'static-route': [33, 'addresses'],
  'arp-timeout': [35, 'u32'],
  'tcp-ttl': [37, 'u8'],
  'tcp-keepalive': [38, 'u32'],
  'nis-domain': [40, 'text'],
  'nis-server': [41, 'addresses'],
  'ntp-server': [42, 'addresses'],
  'vendor-encap': [43, 'hex'],
  'netbios-ns': [44, 'addresses'],
  'netbios-dd': [45, 'addresses'],
  'netbios-nodetype': [46, 'u8'],
  'netbios-scope': [47, 'text'],
  'lease-time': [51, 'u32'],
  'vendor-class': [60, 'text'],
  T1: [58, 'u32'],
  T2: [59, 'u32'],
  'tftp-server': [66, 'text'],
  'bootfile-name': [67, 'text'],
  'smtp-server': [69, 'addresses'],
  'pop3-server': [70, 'addresses'],
  'domain-search': [119, 'domains'],
  'sip-server': [120, 'addresses'],
  'classless-static-route': [121, 'routes'],
  'tftp-server-address': [150, 'addresses'],
};

const named = new Map(Object.entries(namedOptions));
const formOf = new Map(named.values());

/** What the protocol itself says in every message. */
const reserved = new Set([0, 50, 53, 54, 55, 61, 255]);

/** Code and bytes of one extra option; null for what has no meaning. */
export function optionExtra(name: string, value: string): [code: number, value: Uint8Array] | null {
  const number = /^\d{1,3}$/.test(name) ? Number(name) : null;
  const [code, form] = named.get(name) ?? [number, formOf.get(number ?? -1) ?? guess(value)];
  if (code === null || code > 254 || reserved.has(code)) return null;
  const bytes = encode(form, value);
  return bytes === null ? null : [code, bytes];
}

function guess(value: string): Form {
  if (value.split(',').every((part) => isIPv4(part.trim()))) return 'addresses';
  if (/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})+$/.test(value)) return 'hex';
  return 'text';
}

function encode(form: Form, value: string): Uint8Array | null {
  const parts = value.split(',').map((part) => part.trim());
  switch (form) {
    case 'addresses':
      return parts.every((part) => isIPv4(part)) ? optionAddresses(parts) : null;
    case 'u8':
      return bounded(1, value);
    case 'u16':
      return bounded(2, value);
    case 'u32':
      return bounded(4, value);
    case 'text':
      return optionText(value);
    case 'domains':
      return optionDomains(value);
    case 'hex':
      return Buffer.from(value.replaceAll(':', ''), 'hex');
    case 'routes':
      return routes(parts);
  }
}

function bounded(bytes: 1 | 2 | 4, value: string): Uint8Array | null {
  const number = Number(value);
  const fits = Number.isInteger(number) && number >= 0 && number < 2 ** (8 * bytes);
  return fits ? optionNumber(bytes, number) : null;
}

function routes(parts: readonly string[]): Uint8Array | null {
  if (parts.length % 2 !== 0) return null;
  const list = parts.flatMap((destination, index) =>
    index % 2 === 0 ? [{ destination, nexthop: parts[index + 1] ?? '' }] : [],
  );
  const good = list.every(
    ({ destination, nexthop }) => isIPv4(destination.split('/')[0] ?? '') && isIPv4(nexthop),
  );
  return good ? optionRoutes(list) : null;
}
