/**
 * DHCPv6 as far as guests with addresses by SLAAC need it (RFC 8415 section 18.3.6): information-request is answered
 * with name servers and search domain. Messages that ask for addresses get no answer.
 */
import type { NetworkWanted, SubnetWanted } from '../../api.ts';
import { addressNumber } from '../addresses.ts';
import { bridgeMacOf } from '../network-plan.ts';

const messageTypes = { reply: 7, informationRequest: 11 } as const;
const optionCodes = { client: 1, server: 2, dns: 23, domains: 24, refreshTime: 32 } as const;

const refreshSec = 86_400;

/** Null: silence. */
export function dhcp6Answer(network: NetworkWanted, request: Uint8Array): Uint8Array | null {
  const view = Buffer.from(request.buffer, request.byteOffset, request.length);
  if (view.length < 4 || view[0] !== messageTypes.informationRequest) return null;
  const options = dhcp6OptionsDecode(view.subarray(4));
  const subnets = network.subnets.filter(({ version, dhcp }) => version === 6 && dhcp);
  if (options === null || subnets.length === 0) return null;
  const server = serverId(network);
  const asked = options.get(optionCodes.server);
  if (asked !== undefined && !server.equals(asked)) return null;
  const client = options.get(optionCodes.client);
  const dns = dnsServers(subnets);
  return Buffer.concat([
    Uint8Array.of(messageTypes.reply),
    view.subarray(1, 4),
    ...(client === undefined ? [] : [option(optionCodes.client, client)]),
    option(optionCodes.server, server),
    ...(dns.length === 0 ? [] : [option(optionCodes.dns, Buffer.concat(dns))]),
    ...domainOption(network.dnsDomain),
    option(optionCodes.refreshTime, number(4, refreshSec)),
  ]);
}

/** Null where an option is longer than the message. */
export function dhcp6OptionsDecode(bytes: Buffer): Map<number, Uint8Array> | null {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    if (at + 4 > bytes.length) return null;
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) return null;
    options.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, end));
    at = end;
  }
  return options;
}

/** DUID-LL (RFC 8415 section 11.4) of the bridge. */
function serverId(network: NetworkWanted): Buffer {
  const mac = Buffer.from(bridgeMacOf(network).replaceAll(':', ''), 'hex');
  return Buffer.concat([number(2, 3), number(2, 1), mac]);
}

function dnsServers(subnets: readonly SubnetWanted[]): Uint8Array[] {
  const addresses = subnets.flatMap(({ dnsServers: configured, serviceAddress }) =>
    configured.length > 0 ? configured : (serviceAddress ?? []),
  );
  return [...new Set(addresses)]
    .filter((address) => address.includes(':'))
    .map((address) => Buffer.from(addressNumber(address).toString(16).padStart(32, '0'), 'hex'));
}

function domainOption(domain: string): Uint8Array[] {
  const labels = domain.split('.').filter(Boolean);
  if (labels.length === 0) return [];
  const parts = labels.flatMap((label) => [
    Uint8Array.of(label.length),
    Buffer.from(label, 'latin1'),
  ]);
  return [option(optionCodes.domains, Buffer.concat([...parts, Uint8Array.of(0)]))];
}

const option = (code: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([number(2, code), number(2, value.length), value]);

function number(bytes: 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
