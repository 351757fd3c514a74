/** Pure: what the DNS of a tenant network knows by itself. */
import type { NetworkWanted, PortWanted } from '../../api.ts';
import { addressNumber, addressText, addressVersion, cidrHas, cidrParse } from '../addresses.ts';
import {
  dnsCodes,
  dnsTypes,
  type DnsQuestion,
  type DnsRecord,
  type DnsReply,
} from './dns-message.ts';

/** Null: not ours, to be asked elsewhere. */
export function dnsAnswer(network: NetworkWanted, question: DnsQuestion): DnsReply | null {
  const domain = network.dnsDomain.replace(/\.$/, '').toLowerCase();
  if (question.class !== 1) return { code: dnsCodes.refused, authoritative: false, records: [] };
  const reversed = reversedAddress(question.name);
  if (reversed !== null) return reverseAnswer(network, question, domain, reversed);
  return forwardAnswer(network, question, domain);
}

function forwardAnswer(
  network: NetworkWanted,
  question: DnsQuestion,
  domain: string,
): DnsReply | null {
  const host = hostPart(question.name, domain);
  const addresses = host === null ? [] : addressesOf(network.ports, host);
  if (addresses.length === 0) {
    // A single label means nothing outside.
    return question.name.includes('.') ? null : nothing;
  }
  const records = addresses.flatMap((address): DnsRecord[] => {
    const type = addressVersion(address) === 4 ? 'A' : 'AAAA';
    return question.type === dnsTypes[type] || question.type === dnsTypes.ANY
      ? [{ type, address }]
      : [];
  });
  return { code: dnsCodes.ok, authoritative: true, records };
}

const nothing: DnsReply = { code: dnsCodes.noSuchName, authoritative: true, records: [] };

function hostPart(name: string, domain: string): string | null {
  if (!name.includes('.')) return name;
  const suffix = `.${domain}`;
  return domain !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : null;
}

/** Ports have the name control gave them, and Neutron's name by address: `host-10-0-0-5`. */
function addressesOf(ports: readonly PortWanted[], host: string): string[] {
  return ports.flatMap((port) =>
    port.fixedIps
      .map(({ address }) => address)
      .filter((address) => port.hostname.toLowerCase() === host || addressName(address) === host),
  );
}

const addressName = (address: string): string => `host-${address.replaceAll(/[.:]/g, '-')}`;

function reverseAnswer(
  network: NetworkWanted,
  question: DnsQuestion,
  domain: string,
  address: string,
): DnsReply | null {
  // RFC 6303: nobody outside knows the names of private addresses; the question stays here.
  if (!network.subnets.some(({ cidr }) => cidrHas(cidrParse(cidr), address))) return null;
  const number = addressNumber(address);
  const port = network.ports.find(({ fixedIps }) =>
    fixedIps.some(
      (ip) =>
        addressVersion(ip.address) === addressVersion(address) &&
        addressNumber(ip.address) === number,
    ),
  );
  if (port === undefined) return nothing;
  const host = port.hostname === '' ? addressName(address) : port.hostname;
  const name = domain === '' ? host : `${host}.${domain}`;
  const isAsked = question.type === dnsTypes.PTR || question.type === dnsTypes.ANY;
  return {
    code: dnsCodes.ok,
    authoritative: true,
    records: isAsked ? [{ type: 'PTR', name }] : [],
  };
}

function reversedAddress(name: string): string | null {
  const four = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name)?.[1];
  if (four !== undefined) {
    const parts = four.split('.').filter(Boolean).toReversed();
    return parts.every((part) => Number(part) < 256) ? parts.map(Number).join('.') : null;
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (six === undefined) return null;
  return addressText(6, BigInt(`0x${six.split('.').filter(Boolean).toReversed().join('')}`));
}
