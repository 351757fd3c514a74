import { urlFill } from './catalog.ts';
import type { IdentityWorld } from './identity.world.ts';
import { limitList, registeredLimitList } from './limit.store.ts';
import { snapshotGet } from './snapshot.ts';

/** URL of a service in a region; null: the catalog has none that is the same for everybody. */
export async function endpointFind(
  world: IdentityWorld,
  { serviceType, region, face }: Readonly<Record<'serviceType' | 'region' | 'face', string>>,
): Promise<string | null> {
  const { services, endpoints } = await snapshotGet(world);
  const of = services.filter(({ type }) => type === serviceType).map(({ id }) => id);
  const found = endpoints.find(
    (one) => of.includes(one.service_id) && one.region_id === region && one.interface === face,
  );
  return found === undefined ? null : urlFill(found.url, { projectId: null, userId: null });
}

/** A project's own limit comes before the one that is registered for all. */
export async function projectLimits(
  world: IdentityWorld,
  {
    serviceType,
    region,
    projectId,
  }: Readonly<Record<'serviceType' | 'region' | 'projectId', string>>,
): Promise<Readonly<Record<string, number>>> {
  const { services } = await snapshotGet(world);
  const of = services.filter(({ type }) => type === serviceType).map(({ id }) => id);
  const applies = (one: {
    readonly serviceId: string;
    readonly regionId: string | null;
  }): boolean => of.includes(one.serviceId) && (one.regionId === null || one.regionId === region);
  return world.db.read(async (tx) => {
    const registered = (await registeredLimitList(tx)).filter(applies);
    if (registered.length === 0) return {};
    const own = (await limitList(tx, { projectIds: [projectId] })).filter(applies);
    return Object.fromEntries([
      ...registered.map((one) => [one.resourceName, one.defaultLimit] as const),
      ...own.map((one) => [one.resourceName, one.resourceLimit] as const),
    ]);
  });
}
