import { sql, type SqlBool } from 'kysely';
import {
  flagged,
  ofProject,
  standardAttributes,
  text,
  type Collection,
  type Loaded,
} from './collection.ts';
import { flagOf, tagsOf } from './collection.store.ts';
import { standardOf } from './network.collection.ts';
import { RouterView } from './router.schema.ts';
import type { RouterTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import type { RouteText } from './subnet.model.ts';

const gatewayNetwork = sql`(SELECT g.network_id FROM port AS g WHERE g.id = t.gateway_port_id)`;

export const routers: Collection<RouterTable, RouterView> = {
  name: 'router',
  plural: 'routers',
  path: 'routers',
  table: 'router',
  schema: RouterView,
  isTaggable: true,
  attributes: {
    ...standardAttributes,
    name: text('name'),
    admin_state_up: flagged('admin_state_up'),
    status: {
      where: (values) => (values.includes('ACTIVE') ? sql<SqlBool>`1 = 1` : sql<SqlBool>`1 = 0`),
    },
    // python-openstackclient and the SDK ask by the parts of the gateway.
    external_gateway_info: {
      where: (values) => {
        const ids = values.map((value) => value.replace(/^network_id=/, ''));
        return sql<SqlBool>`${gatewayNetwork} IN (${sql.join(ids)})`;
      },
    },
    enable_snat: {
      where: (values) => {
        const flags = values.map((value) => (flagOf('enable_snat', value) ? 1 : 0));
        return sql<SqlBool>`t.enable_snat IN (${sql.join(flags)})`;
      },
    },
  },
  visible: ofProject,
  load: routersLoad,
};

async function routersLoad(
  tx: NetworkTx,
  rows: readonly RouterTable[],
): Promise<Loaded<RouterTable, RouterView>[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const gateways = Map.groupBy(
    await tx
      .selectFrom('router')
      .innerJoin('port', 'port.id', 'router.gateway_port_id')
      .leftJoin('fixed_ip', 'fixed_ip.port_id', 'port.id')
      .select(['router.id', 'port.network_id', 'fixed_ip.subnet_id', 'fixed_ip.address'])
      .where('router.id', 'in', ids)
      .orderBy('fixed_ip.position')
      .execute(),
    ({ id }) => id,
  );
  const tags = await tagsOf(tx, ids);
  return rows.map((row) => {
    const outside = gateways.get(row.id) ?? [];
    const [first] = outside;
    const view: RouterView = {
      ...standardOf(row),
      name: row.name,
      admin_state_up: row.admin_state_up === 1,
      status: 'ACTIVE',
      external_gateway_info:
        first === undefined
          ? null
          : {
              network_id: first.network_id,
              enable_snat: row.enable_snat === 1,
              external_fixed_ips: outside.flatMap(({ subnet_id, address }) =>
                subnet_id === null || address === null ? [] : [{ subnet_id, ip_address: address }],
              ),
            },
      routes: JSON.parse(row.routes) as RouteText[],
      availability_zone_hints: JSON.parse(row.zone_hints) as string[],
      availability_zones: row.host === null ? [] : ['nova'],
      tags: tags.get(row.id) ?? [],
    };
    return { row, view, target: { project_id: row.project_id, tenant_id: row.project_id } };
  });
}
