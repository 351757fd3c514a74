import { hash } from 'node:crypto';
import type { ExternalWanted, RouterWanted } from '../agent/api.ts';
import { subnetPrefix } from './address.store.ts';
import type { SubnetTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';

/** Names a version of a document: control sends again whatever the agent reports under another. */
export const digestOf = (document: object): string => digestOfText(JSON.stringify(document));

export const digestOfText = (text: string): string => hash('sha256', text).slice(0, 32);

/** A flat network is the host's own bridge: this machine has its gateway's address. Others have no way to the host. */
export async function externalDocument(tx: NetworkTx, id: string): Promise<ExternalWanted | null> {
  const network = await tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (network === undefined) return null;
  const subnets = await tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', '=', id)
    .orderBy('id')
    .execute();
  const hostAddresses = subnets.flatMap((subnet) =>
    network.network_type === 'flat' && subnet.gateway_ip !== null
      ? [`${subnet.gateway_ip}/${subnetPrefix(subnet).length}`]
      : [],
  );
  return { id, mtu: network.mtu, hostAddresses };
}

/** Null: it does not run on the host (any more). */
export async function routerDocument(
  tx: NetworkTx,
  host: string,
  id: string,
): Promise<RouterWanted | null> {
  const router = await tx
    .selectFrom('router')
    .selectAll()
    .where('id', '=', id)
    .where('host', '=', host)
    .executeTakeFirst();
  if (router === undefined) return null;
  const ports = await tx
    .selectFrom('port')
    .innerJoin('network', 'network.id', 'port.network_id')
    .selectAll('port')
    .select('network.mtu')
    .where('port.device_id', '=', id)
    .where('port.device_owner', 'like', 'network:router_%')
    .orderBy('port.id')
    .execute();
  const subnets = await subnetsOfPorts(
    tx,
    ports.map((port) => port.id),
  );
  const floating = await tx
    .selectFrom('floating_ip')
    .select(['floating_address', 'fixed_address'])
    .where('router_id', '=', id)
    .where('fixed_address', 'is not', null)
    .orderBy('floating_address')
    .execute();
  const gateway = ports.find((port) => port.id === router.gateway_port_id);
  const withPrefix = (portId: string): string[] =>
    (subnets.get(portId) ?? []).map(
      ({ address, subnet }) => `${address}/${subnetPrefix(subnet).length}`,
    );
  return {
    id,
    adminUp: router.admin_state_up === 1,
    interfaces: ports
      .filter(({ device_owner }) => device_owner === 'network:router_interface')
      .map((port) => ({
        portId: port.id,
        networkId: port.network_id,
        mac: port.mac,
        mtu: port.mtu,
        addresses: withPrefix(port.id),
        advertise: (subnets.get(port.id) ?? []).flatMap(({ subnet }) => advertised(subnet)),
      })),
    gateway:
      gateway === undefined
        ? null
        : {
            portId: gateway.id,
            externalId: gateway.network_id,
            mac: gateway.mac,
            addresses: withPrefix(gateway.id),
            nexthops: (subnets.get(gateway.id) ?? []).flatMap(
              ({ subnet }) => subnet.gateway_ip ?? [],
            ),
            snat: router.enable_snat === 1,
          },
    routes: JSON.parse(router.routes) as { destination: string; nexthop: string }[],
    floatingIps: floating.flatMap(({ floating_address, fixed_address }) =>
      fixed_address === null ? [] : [{ address: floating_address, fixedAddress: fixed_address }],
    ),
  };
}

const advertised = (
  subnet: SubnetTable,
): RouterWanted['interfaces'][number]['advertise'][number][] =>
  subnet.ip_version === 6 && subnet.ipv6_ra_mode !== null
    ? [
        {
          prefix: subnet.cidr,
          mode: subnet.ipv6_ra_mode,
          dnsServers: JSON.parse(subnet.dns_nameservers) as string[],
        },
      ]
    : [];

async function subnetsOfPorts(
  tx: NetworkTx,
  portIds: readonly string[],
): Promise<ReadonlyMap<string, readonly { address: string; subnet: SubnetTable }[]>> {
  if (portIds.length === 0) return new Map();
  const rows = await tx
    .selectFrom('fixed_ip')
    .innerJoin('subnet', 'subnet.id', 'fixed_ip.subnet_id')
    .selectAll('subnet')
    .select(['fixed_ip.port_id', 'fixed_ip.address'])
    .where('fixed_ip.port_id', 'in', portIds)
    .orderBy('fixed_ip.position')
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ port_id }) => port_id)].map(([id, list]) => [
      id,
      list.map(({ address, ...subnet }) => ({ address, subnet })),
    ]),
  );
}
