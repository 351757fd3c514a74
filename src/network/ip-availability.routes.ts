import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { poolsOf } from './address.store.ts';
import { endpoint } from './collection.routes.ts';
import { standardAttributes, text } from './collection.ts';
import { rowsList } from './collection.store.ts';
import { listQueryParse } from './list-query.ts';
import { networks } from './network.collection.ts';
import { badRequest, missingOf } from './network.errors.ts';
import type { NetworkTable, SubnetTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';

// IPv6 pools hold more than an integer can say exactly.
const Count = Type.Number();
const Availability = Type.Object({
  network_id: Type.String(),
  network_name: Type.String(),
  project_id: Type.String(),
  tenant_id: Type.String(),
  total_ips: Count,
  used_ips: Count,
  subnet_ip_availability: Type.Array(
    Type.Object({
      subnet_id: Type.String(),
      subnet_name: Type.String(),
      cidr: Type.String(),
      ip_version: Type.Integer(),
      total_ips: Count,
      used_ips: Count,
    }),
  ),
});
type Availability = Static<typeof Availability>;

const { project_id, tenant_id } = standardAttributes;
const attributes = {
  network_id: text('id'),
  network_name: text('name'),
  project_id: project_id ?? {},
  tenant_id: tenant_id ?? {},
  ip_version: {},
};

const everyVersion = ['4', '6'];

async function availabilityOf(
  tx: NetworkTx,
  rows: readonly NetworkTable[],
  versions: readonly string[],
): Promise<Availability[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const subnets = await tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', 'in', ids)
    .orderBy('id')
    .execute();
  const used = await tx
    .selectFrom('fixed_ip')
    .select(['subnet_id', (e) => e.fn.countAll<number>().as('count')])
    .where('network_id', 'in', ids)
    .groupBy('subnet_id')
    .execute();
  const all = rows.map((network) => {
    const own = subnets
      .filter((one) => one.network_id === network.id && versions.includes(String(one.ip_version)))
      .map((one) =>
        subnetAvailability(one, Number(used.find((row) => row.subnet_id === one.id)?.count ?? 0)),
      );
    const sum = (key: 'total_ips' | 'used_ips'): number =>
      own.reduce((total, one) => total + one[key], 0);
    return {
      network_id: network.id,
      network_name: network.name,
      project_id: network.project_id,
      tenant_id: network.project_id,
      total_ips: sum('total_ips'),
      used_ips: sum('used_ips'),
      subnet_ip_availability: own,
    };
  });
  return all;
}

function subnetAvailability(subnet: SubnetTable, used: number) {
  const total = poolsOf(subnet).reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
  return {
    subnet_id: subnet.id,
    subnet_name: subnet.name,
    cidr: subnet.cidr,
    ip_version: subnet.ip_version,
    total_ips: Number(total),
    used_ips: used,
  };
}

export const ipAvailabilityRoutes = [
  endpoint(
    {
      id: 'network_ip_availabilities.list',
      method: 'GET',
      path: '/v2.0/network-ip-availabilities',
      rule: 'get_network_ip_availability',
      reply: { 200: Type.Object({ network_ip_availabilities: Type.Array(Availability) }) },
    },
    async (context, { query }) => {
      context.authorize('get_network_ip_availability');
      const parsed = listQueryParse(query, attributes, false);
      const filters = new Map(parsed.filters);
      const versions = filters.get('ip_version') ?? everyVersion;
      if (versions.some((version) => !everyVersion.includes(version))) {
        throw badRequest(`Invalid input for ip_version: '${versions.join()}' is not in [4, 6].`);
      }
      filters.delete('ip_version');
      const body = await context.world.db.read(async (tx) => {
        const viewer = { projectId: null, seesAll: true };
        const collection = { ...networks, attributes };
        const rows = await rowsList(tx, collection, { ...parsed, filters }, viewer);
        const found = await availabilityOf(tx, rows, versions);
        return { network_ip_availabilities: found };
      });
      return { status: 200, body };
    },
  ),
  endpoint(
    {
      id: 'network_ip_availabilities.show',
      method: 'GET',
      path: '/v2.0/network-ip-availabilities/:id',
      rule: 'get_network_ip_availability',
      reply: { 200: Type.Object({ network_ip_availability: Availability }) },
    },
    async (context, { params: { id = '' } }) => {
      context.authorize('get_network_ip_availability');
      const [found] = await context.world.db.read(async (tx) => {
        const rows = await tx.selectFrom('network').selectAll().where('id', '=', id).execute();
        return availabilityOf(tx, rows, everyVersion);
      });
      if (found === undefined) throw missingOf('network', id);
      return { status: 200, body: { network_ip_availability: found } };
    },
  ),
];
