import { Type } from '../kernel/type.ts';
import { endpoint } from './collection.routes.ts';
import { listQueryParse } from './list-query.ts';

const Zone = Type.Object({ name: Type.String(), resource: Type.String(), state: Type.String() });
const attributes = { name: {}, resource: {}, state: {} } as const;

/** The cloud is one zone, for networks and for routers. */
export const availabilityZoneRoutes = [
  endpoint(
    {
      id: 'availability_zones.list',
      method: 'GET',
      path: '/v2.0/availability_zones',
      rule: 'get_availability_zone',
      reply: { 200: Type.Object({ availability_zones: Type.Array(Type.Partial(Zone)) }) },
    },
    (context, { query }) => {
      context.authorize('get_availability_zone');
      const { filters, fields } = listQueryParse(query, attributes, false);
      const zones = ['network', 'router']
        .map((resource) => ({ name: context.world.settings.zone, resource, state: 'available' }))
        .filter((zone) =>
          [...filters].every(([key, values]) => values.includes(zone[key as keyof typeof zone])),
        );
      const shown = zones.map((zone) =>
        fields.length === 0
          ? zone
          : Object.fromEntries(Object.entries(zone).filter(([key]) => fields.includes(key))),
      );
      return { status: 200, body: { availability_zones: shown } };
    },
  ),
];
