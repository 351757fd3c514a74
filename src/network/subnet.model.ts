/** What the parts of a subnet must be to each other: pure. */
import { conflict, invalid } from '../kernel/errors.ts';
import {
  addressParse,
  addressText,
  bitsOf,
  hostRange,
  prefixHas,
  prefixParse,
  prefixText,
  rangesMerge,
  rangesOverlap,
  rangeWithout,
  type Prefix,
  type Range,
} from './address.model.ts';
import { invalidInput } from './network.errors.ts';
import type { Ipv6Mode } from './network.tables.ts';

export interface PoolText {
  readonly start: string;
  readonly end: string;
}
export interface RouteText {
  readonly destination: string;
  readonly nexthop: string;
}

export function cidrRead(text: string, version: 4 | 6): Prefix {
  const prefix = prefixParse(text);
  if (prefix === null) throw invalidInput(`'${text}' is not a valid IP subnet`);
  if (prefix.version !== version) {
    throw invalidInput(
      `The ip_version '${version}' does not match the ip_version of the cidr '${text}'`,
    );
  }
  if (prefix.length === 0) throw invalidInput('0 is not allowed as CIDR prefix length');
  return prefix;
}

/** Null: none. Undefined: the first address that hosts can have. */
export function gatewayRead(prefix: Prefix, text: string | null | undefined): string | null {
  if (text === null) return null;
  const version = prefix.version;
  if (text === undefined) return addressText({ version, value: prefix.first + 1n });
  const address = addressParse(text);
  if (address === null) throw invalidInput(`'${text}' is not a valid IP address`);
  if (address.version !== version) {
    throw invalidInput(`gateway_ip '${text}' does not match the ip_version '${version}'`);
  }
  const { first, last } = hostRange(prefix);
  if (prefixHas(prefix, address) && (address.value < first || address.value > last)) {
    throw invalidInput('Gateway is not valid on subnet');
  }
  return addressText(address);
}

const poolText = (version: 4 | 6, { first, last }: Range): PoolText => ({
  start: addressText({ version, value: first }),
  end: addressText({ version, value: last }),
});

export function poolsDefault(prefix: Prefix, gateway: string | null): PoolText[] {
  const address = gateway === null ? null : addressParse(gateway);
  const value = address?.version === prefix.version ? address.value : null;
  return rangeWithout(hostRange(prefix), value).map((range) => poolText(prefix.version, range));
}

export function poolsRead(prefix: Prefix, pools: readonly PoolText[]): PoolText[] {
  const ranges = pools.map(({ start, end }) => {
    const shown = `${start}-${end}`;
    const [low, high] = [addressParse(start), addressParse(end)];
    if (low === null || high === null || low.version !== high.version || low.value > high.value) {
      throw invalid(`The allocation pool ${shown} is not valid.`, {
        type: 'InvalidAllocationPool',
      });
    }
    const { first, last } = hostRange(prefix);
    if (low.version !== prefix.version || low.value < first || high.value > last) {
      throw invalid(
        `The allocation pool ${shown} spans beyond the subnet cidr ${prefixText(prefix)}.`,
        { type: 'OutOfBoundsAllocationPool' },
      );
    }
    return { first: low.value, last: high.value, shown };
  });
  for (const [index, range] of ranges.entries()) {
    const other = ranges.slice(index + 1).find((one) => rangesOverlap(one, range));
    if (other === undefined) continue;
    throw conflict(
      `Found overlapping allocation pools: ${range.shown} ${other.shown} for subnet ${prefixText(prefix)}.`,
      { type: 'OverlappingAllocationPools' },
    );
  }
  return rangesMerge(ranges).map((range) => poolText(prefix.version, range));
}

/** A pool would give the gateway's address away. */
export function gatewayApart(gateway: string | null, pools: readonly PoolText[]): void {
  const address = gateway === null ? null : addressParse(gateway);
  if (address === null) return;
  const pool = pools.find(({ start, end }) => {
    const [low, high] = [addressParse(start), addressParse(end)];
    return (
      low !== null &&
      high !== null &&
      low.version === address.version &&
      address.value >= low.value &&
      address.value <= high.value
    );
  });
  if (pool === undefined) return;
  throw conflict(
    `Gateway ip ${gateway} conflicts with allocation pool ${pool.start}-${pool.end}.`,
    { type: 'GatewayConflictWithAllocationPools' },
  );
}

const [serversMax, routesMax] = [5, 20];

export function dnsServersRead(texts: readonly string[]): string[] {
  if (texts.length > serversMax) {
    throw invalid(
      `Unable to complete operation. The number of DNS nameservers exceeds the limit ${serversMax}.`,
      {
        type: 'DNSNameServersExhausted',
      },
    );
  }
  const servers = texts.map((text) => {
    const address = addressParse(text);
    if (address === null) throw invalidInput(`'${text}' is not a valid nameserver`);
    return addressText(address);
  });
  if (new Set(servers).size < servers.length) throw invalidInput('Duplicate nameserver');
  return servers;
}

export function hostRoutesRead(routes: readonly RouteText[], version: 4 | 6): RouteText[] {
  if (routes.length > routesMax) {
    throw invalid(
      `Unable to complete operation. The number of host routes exceeds the limit ${routesMax}.`,
      {
        type: 'HostRoutesExhausted',
      },
    );
  }
  return routes.map((route) => routeRead(route, version));
}

export function routeRead({ destination, nexthop }: RouteText, version: 4 | 6 | null): RouteText {
  const [prefix, address] = [prefixParse(destination), addressParse(nexthop)];
  if (prefix === null || !destination.includes('/')) {
    throw invalidInput(`'${destination}' is not a valid IP subnet`);
  }
  if (address === null) throw invalidInput(`'${nexthop}' is not a valid IP address`);
  if (prefix.version !== address.version || (version !== null && version !== address.version)) {
    throw invalidInput(`route ${destination} via ${nexthop} mixes IP versions`);
  }
  return { destination: prefixText(prefix), nexthop: addressText(address) };
}

export interface Modes {
  readonly ra: Ipv6Mode | null;
  readonly address: Ipv6Mode | null;
}

export function modesCheck(prefix: Prefix, modes: Modes, isDhcp: boolean): void {
  const { ra, address } = modes;
  if (ra === null && address === null) {
    if (isDhcp && prefix.length > bitsOf(prefix.version) - 2) {
      throw invalidInput(
        'Subnet has a prefix length that is incompatible with DHCP service enabled',
      );
    }
    return;
  }
  if (prefix.version === 4) {
    throw invalidInput(
      'ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is set to 4',
    );
  }
  if (!isDhcp) {
    throw invalidInput(
      'ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False',
    );
  }
  if (ra !== null && address !== null && ra !== address) {
    throw invalidInput(
      `ipv6_ra_mode set to '${ra}' with ipv6_address_mode set to '${address}' is not valid. If both attributes are set, they must be the same value`,
    );
  }
  if ((address ?? ra) !== 'dhcpv6-stateful' && prefix.length !== 64) {
    throw invalidInput(
      `Invalid CIDR ${prefixText(prefix)} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
    );
  }
}
