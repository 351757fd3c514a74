/** Pure: what the DHCPv4 service of a tenant network answers. Leases are the fixed addresses of ports: nothing is remembered. */
import type { NetworkWanted, PortWanted, Route, SubnetWanted } from '../../api.ts';
import { addressText, cidrHas, cidrMask, cidrParse, cidrText } from '../addresses.ts';
import { metadataAddress4 } from '../guard-rules.ts';
import { guestPorts } from '../port-mark.ts';
import { dhcp4Options, dhcp4Types, type Dhcp4Message } from './dhcp4-message.ts';
import {
  optionAddresses,
  optionExtra,
  optionNumber,
  optionRoutes,
  optionText,
} from './dhcp4-options.ts';

export interface Dhcp4Answer {
  readonly message: Dhcp4Message;
  readonly destination: string;
}

interface Lease {
  readonly port: PortWanted;
  readonly subnet: SubnetWanted;
  readonly address: string;
  readonly server: string;
}

const none = '0.0.0.0';
const everybody = '255.255.255.255';
const leaseSec = 86_400;

/** Null: silence. */
export function dhcp4Answer(network: NetworkWanted, request: Dhcp4Message): Dhcp4Answer | null {
  // No relay stands between a guest and us.
  if (request.op !== 'request' || request.relayAddress !== none) return null;
  const lease = leaseOf(network, request);
  if (lease === null) return null;
  const type = request.options.get(dhcp4Options.type)?.[0];
  if (type === dhcp4Types.discover) return granted(network, request, lease, dhcp4Types.offer);
  if (type === dhcp4Types.request) return requestAnswer(network, request, lease);
  if (type === dhcp4Types.inform) return granted(network, request, lease, dhcp4Types.ack);
  return null;
}

function requestAnswer(
  network: NetworkWanted,
  request: Dhcp4Message,
  lease: Lease,
): Dhcp4Answer | null {
  const chosen = addressOption(request, dhcp4Options.server);
  if (chosen !== null && chosen !== lease.server) return null;
  const asked = addressOption(request, dhcp4Options.requestedAddress) ?? request.clientAddress;
  return asked === lease.address
    ? granted(network, request, lease, dhcp4Types.ack)
    : refused(request, lease);
}

/** A port with several addresses gets the one it asks for, else its first. */
function leaseOf(network: NetworkWanted, request: Dhcp4Message): Lease | null {
  const port = guestPorts(network.ports).find(({ mac }) => mac === request.mac);
  if (port === undefined) return null;
  const leases = port.fixedIps.flatMap(({ subnetId, address }) => {
    const subnet = network.subnets.find(({ id }) => id === subnetId);
    return subnet?.version === 4 && subnet.dhcp && subnet.serviceAddress !== null
      ? [{ port, subnet, address, server: subnet.serviceAddress }]
      : [];
  });
  const asked = addressOption(request, dhcp4Options.requestedAddress) ?? request.clientAddress;
  return leases.find(({ address }) => address === asked) ?? leases[0] ?? null;
}

function addressOption(message: Dhcp4Message, code: number): string | null {
  const value = message.options.get(code);
  if (value?.length !== 4) return null;
  return addressText(4, BigInt(Buffer.from(value).readUInt32BE(0)));
}

function granted(
  network: NetworkWanted,
  request: Dhcp4Message,
  lease: Lease,
  type: number,
): Dhcp4Answer {
  const isInform = request.options.get(dhcp4Options.type)?.[0] === dhcp4Types.inform;
  const extra = (name: string): string | undefined =>
    lease.port.dhcpOptions.find((option) => option.version === 4 && option.name === name)?.value;
  return {
    message: {
      ...reply(request, lease, type),
      clientAddress: request.clientAddress,
      yourAddress: isInform ? none : lease.address,
      // dnsmasq's name for the next server of a network boot.
      serverAddress: addressOr(extra('server-ip-address'), lease.server),
      bootFile: extra('bootfile-name') ?? extra('67') ?? '',
      options: new Map([
        [dhcp4Options.type, Uint8Array.of(type)],
        [dhcp4Options.server, optionAddresses([lease.server])],
        ...(isInform ? [] : leaseTimes),
        ...configuration(network, lease),
        ...lease.port.dhcpOptions.flatMap(({ name, value, version }) => {
          const option = version === 4 ? optionExtra(name, value) : null;
          return option === null ? [] : [option];
        }),
      ]),
    },
    destination: destinationOf(request, lease),
  };
}

const addressOr = (text: string | undefined, otherwise: string): string =>
  text !== undefined && /^\d+(\.\d+){3}$/.test(text) ? text : otherwise;

const leaseTimes: readonly (readonly [number, Uint8Array])[] = [
  [dhcp4Options.leaseTime, optionNumber(4, leaseSec)],
  [dhcp4Options.renewalTime, optionNumber(4, leaseSec / 2)],
  [dhcp4Options.rebindingTime, optionNumber(4, (leaseSec * 7) / 8)],
];

function configuration(network: NetworkWanted, lease: Lease): (readonly [number, Uint8Array])[] {
  const { subnet, port } = lease;
  const cidr = cidrParse(subnet.cidr);
  const last = cidr.network | ((1n << BigInt(32 - cidr.prefix)) - 1n);
  const domain = network.dnsDomain.replace(/\.$/, '');
  const servers = subnet.dnsServers.length > 0 ? subnet.dnsServers : [lease.server];
  return [
    [dhcp4Options.mask, optionAddresses([cidrMask(cidr)])],
    [dhcp4Options.broadcast, optionAddresses([addressText(4, last)])],
    ...(subnet.gateway === null
      ? []
      : [[dhcp4Options.router, optionAddresses([subnet.gateway])] as const]),
    [dhcp4Options.dns, optionAddresses(servers)],
    ...(port.hostname === '' ? [] : [[dhcp4Options.hostname, optionText(port.hostname)] as const]),
    ...(domain === '' ? [] : [[dhcp4Options.domain, optionText(domain)] as const]),
    [dhcp4Options.mtu, optionNumber(2, network.mtu)],
    [dhcp4Options.classlessRoutes, optionRoutes(routesOf(network, lease))],
  ];
}

/** RFC 3442: who reads this option ignores the router option, so it repeats the default route. */
function routesOf(network: NetworkWanted, { subnet, server }: Lease): Route[] {
  const own = cidrText(cidrParse(subnet.cidr));
  const neighbours = network.subnets
    .filter(({ version, cidr }) => version === 4 && cidrText(cidrParse(cidr)) !== own)
    .map(({ cidr }) => ({ destination: cidr, nexthop: none }));
  const metadata = { destination: `${metadataAddress4}/32`, nexthop: server };
  const fallback =
    subnet.gateway === null ? [] : [{ destination: '0.0.0.0/0', nexthop: subnet.gateway }];
  return [...neighbours, ...subnet.hostRoutes, metadata, ...fallback];
}

function refused(request: Dhcp4Message, lease: Lease): Dhcp4Answer {
  const message = {
    ...reply(request, lease, dhcp4Types.nak),
    // RFC 2131 section 4.3.2: a client with a wrong address can only be reached by broadcast.
    broadcast: true,
  };
  return { message, destination: everybody };
}

function reply(request: Dhcp4Message, lease: Lease, type: number): Dhcp4Message {
  return {
    op: 'reply',
    xid: request.xid,
    secs: 0,
    broadcast: request.broadcast,
    clientAddress: none,
    yourAddress: none,
    serverAddress: none,
    relayAddress: none,
    mac: request.mac,
    bootFile: '',
    options: new Map([
      [dhcp4Options.type, Uint8Array.of(type)],
      [dhcp4Options.server, optionAddresses([lease.server])],
    ]),
  };
}

/** A client that has its address already is asked at it; a foreign one is never answered. */
function destinationOf(request: Dhcp4Message, lease: Lease): string {
  if (request.clientAddress !== none)
    return cidrHas(cidrParse(lease.subnet.cidr), request.clientAddress)
      ? request.clientAddress
      : everybody;
  return request.broadcast ? everybody : lease.address;
}
