/** Pure: what must change in a router's namespace so that it is as its document says. */
import type { RouterGateway, RouterInterface, RouterWanted } from '../api.ts';
import { addressCanonical, addressVersion, cidrParse, cidrText, linkLocalOf } from './addresses.ts';
import type { KernelState, Link } from './kernel-state.ts';
import { routerGateway, routerInside } from './names.ts';

export interface RouterChanges {
  /** Interfaces that no document names. */
  readonly goneLinks: readonly string[];
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[];
}

/** A router that is switched off is connected to nothing. */
export const routerEffective = (router: RouterWanted): RouterWanted =>
  router.adminUp
    ? router
    : { ...router, interfaces: [], gateway: null, routes: [], floatingIps: [] };

/** `gatewayMtu` is that of the external network. Interfaces that are wanted are there when this is asked. */
export function routerPlan(
  router: RouterWanted,
  gatewayMtu: number,
  kernel: KernelState,
): RouterChanges {
  const wanted = new Set(['lo', ...router.interfaces.map(({ portId }) => routerInside(portId))]);
  if (router.gateway !== null) wanted.add(routerGateway);
  const inside = router.interfaces.flatMap((each) => insideLines(each, kernel));
  const outside =
    router.gateway === null ? [] : gatewayLines(router, router.gateway, gatewayMtu, kernel);
  return {
    goneLinks: [...kernel.links.keys()].filter((name) => !wanted.has(name)),
    ip: [...inside, ...outside, ...routeLines(router, kernel)],
  };
}

function insideLines(wanted: RouterInterface, kernel: KernelState): string[] {
  const name = routerInside(wanted.portId);
  return linkLines(name, kernel.links.get(name), {
    mac: wanted.mac,
    mtu: wanted.mtu,
    addresses: wanted.addresses,
  });
}

function gatewayLines(
  router: RouterWanted,
  { mac, addresses }: RouterGateway,
  mtu: number,
  kernel: KernelState,
): string[] {
  // The kernel answers ARP for floating addresses because they are its own.
  const floating = router.floatingIps.map(({ address }) => `${address}/32`);
  return linkLines(routerGateway, kernel.links.get(routerGateway), {
    mac,
    mtu,
    addresses: [...addresses, ...floating],
  });
}

interface LinkWanted {
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
}

function linkLines(name: string, link: Link | undefined, wanted: LinkWanted): string[] {
  const lines: string[] = [];
  if (link?.mac !== wanted.mac) lines.push(`link set ${name} address ${wanted.mac}`);
  if (link?.mtu !== wanted.mtu) lines.push(`link set ${name} mtu ${wanted.mtu}`);
  if (link?.up !== true) lines.push(`link set ${name} up`);
  const addresses = new Set(wanted.addresses.map(canonical));
  if ([...addresses].some((address) => address.includes(':')))
    addresses.add(`${linkLocalOf(wanted.mac)}/64`);
  const actual = new Set(link?.addresses ?? []);
  const added = [...addresses.difference(actual)];
  lines.push(
    ...added.map(
      (address) => `addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`,
    ),
    ...[...actual.difference(addresses)].map((address) => `addr del ${address} dev ${name}`),
  );
  // Setting its MAC makes the kernel announce every address of an interface (`arp_notify`, `ndisc_notify`): who has
  // one of them in memory for another router learns at once.
  if (added.length > 0) lines.push(`link set ${name} address ${wanted.mac}`);
  return lines;
}

function canonical(text: string): string {
  const [address = '', length] = text.split('/');
  return `${addressCanonical(address)}/${length}`;
}

/** Wanted ones are all set again: those over an address that was taken away went with it. */
function routeLines(router: RouterWanted, kernel: KernelState): string[] {
  const defaults = (router.gateway?.nexthops ?? []).map((nexthop) => ({
    destination: addressVersion(nexthop) === 4 ? '0.0.0.0/0' : '::/0',
    nexthop,
    link: ` dev ${routerGateway} onlink`,
  }));
  const fixed = router.routes.map(({ destination, nexthop }) => ({
    destination: cidrText(cidrParse(destination)),
    nexthop,
    link: '',
  }));
  // A route of the operator's own for everything goes before that of the gateway.
  const routes = new Map([...defaults, ...fixed].map((route) => [route.destination, route]));
  return [
    ...kernel.routes
      .filter(({ destination }) => !routes.has(destination))
      .map(({ destination }) => `route del ${destination} proto static`),
    ...[...routes.values()].map(
      ({ destination, nexthop, link }) =>
        `route replace ${destination} via ${nexthop}${link} proto static`,
    ),
  ];
}
