import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostSelect } from './host.store.ts';
import { hostIsUp } from './service.routes.ts';

const endpoint = endpointsOf<ComputeWorld>();

const Zones = Type.Object({
  availabilityZoneInfo: Type.Array(
    Type.Object(
      {
        zoneName: Type.String(),
        zoneState: Type.Object({ available: Type.Boolean() }),
        hosts: Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())]),
      },
      { additionalProperties: false },
    ),
  ),
});

/** A zone is available when one of its hosts takes servers. A cloud without hosts still has its default zone. */
async function zonesOf(context: Context<ComputeWorld>, showsHosts: boolean) {
  const { cell, settings } = context.world;
  const hosts = await cell.read((tx) => hostSelect(tx));
  const zones = Map.groupBy(hosts, (host) => host.availability_zone ?? settings.defaultZone);
  if (zones.size === 0) zones.set(settings.defaultZone, []);
  return [...zones].map(([zoneName, members]) => {
    const services = members.map((host) => {
      const state = {
        active: host.enabled === 1,
        available: hostIsUp(context, host),
        updated_at: isoNaive(host.seen_at),
      };
      return [host.name, { 'nova-compute': state }] as const;
    });
    const available = services.some(
      ([, { 'nova-compute': state }]) => state.active && state.available,
    );
    return {
      zoneName,
      zoneState: { available },
      hosts: showsHosts ? Object.fromEntries(services) : null,
    };
  });
}

export const availabilityZoneRoutes = (['list', 'detail'] as const).map((kind) =>
  endpoint(
    {
      id: `availability-zones.${kind}`,
      method: 'GET',
      path: kind === 'list' ? '/v2.1/os-availability-zone' : '/v2.1/os-availability-zone/detail',
      rule: `os_compute_api:os-availability-zone:${kind}`,
      reply: { 200: Zones },
    },
    async (context) => {
      context.authorize(`os_compute_api:os-availability-zone:${kind}`);
      return {
        status: 200,
        body: { availabilityZoneInfo: await zonesOf(context, kind === 'detail') },
      };
    },
  ),
);
