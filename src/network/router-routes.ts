/** Extra routes of a router: their next hops must be reachable through what it is connected to. */
import { invalid } from '../kernel/errors.ts';
import { addressParse, prefixHas, type Address } from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import type { RouterTable } from './network.tables.ts';
import { routerAddresses, type RouterAddress } from './router.store.ts';
import type { NetworkTx } from './network.world.ts';
import { routeRead, type RouteText } from './subnet.model.ts';

const routesMax = 30;

export const routesOf = ({ routes }: Pick<RouterTable, 'routes'>): RouteText[] =>
  JSON.parse(routes) as RouteText[];

const sameRoute = (a: RouteText) => (b: RouteText) =>
  a.destination === b.destination && a.nexthop === b.nexthop;

/** All routes of a router, as they are stored from now on. */
export async function routesRead(
  tx: NetworkTx,
  router: RouterTable,
  wishes: readonly RouteText[],
): Promise<RouteText[]> {
  if (wishes.length > routesMax) {
    throw invalid(
      `Unable to complete operation for ${router.id}. The number of routes exceeds the maximum ${routesMax}.`,
      { type: 'RoutesExhausted' },
    );
  }
  const routes = wishes.map((wish) => routeRead(wish, null));
  const addresses = await routerAddresses(tx, router.id);
  for (const [index, route] of routes.entries()) {
    if (routes.findIndex(sameRoute(route)) < index) throw invalidRoutes(route, 'duplicate route');
    const nexthop = addressParse(route.nexthop);
    if (nexthop === null || !addresses.some((one) => reaches(one, nexthop))) {
      throw invalidRoutes(route, 'the nexthop is not connected with router');
    }
    if (addresses.some(({ address }) => address === route.nexthop)) {
      throw invalidRoutes(route, 'the nexthop is used by router');
    }
  }
  return routes;
}

const reaches = ({ subnet }: RouterAddress, nexthop: Address): boolean =>
  prefixHas(subnetPrefix(subnet), nexthop);

const invalidRoutes = ({ destination, nexthop }: RouteText, reason: string) =>
  invalid(`Invalid format for routes: ${destination} via ${nexthop}, ${reason}`, {
    type: 'InvalidRoutes',
  });

/** Routes that only these addresses of the router make possible. */
export function routesThrough(
  router: RouterTable,
  addresses: readonly RouterAddress[],
  others: readonly RouterAddress[],
): RouteText[] {
  return routesOf(router).filter(({ nexthop }) => {
    const address = addressParse(nexthop);
    if (address === null) return false;
    const isReachedBy = (one: RouterAddress): boolean => reaches(one, address);
    return addresses.some(isReachedBy) && !others.some(isReachedBy);
  });
}

export const routesAdded = (
  before: readonly RouteText[],
  wishes: readonly RouteText[],
): RouteText[] => {
  const added = wishes.map((wish) => routeRead(wish, null));
  return [...before, ...added.filter((route) => !before.some(sameRoute(route)))];
};

export const routesRemoved = (
  before: readonly RouteText[],
  wishes: readonly RouteText[],
): RouteText[] => {
  const removed = wishes.map((wish) => routeRead(wish, null));
  return before.filter((route) => !removed.some(sameRoute(route)));
};
