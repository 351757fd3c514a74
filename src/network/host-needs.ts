import type { DocumentOf } from '../cluster/agent-mirror.ts';
import type { NetworkTx } from './network.world.ts';

/** Which documents a host must have: those of networks, routers and external networks in use there. */
export interface HostNeeds {
  readonly networks: ReadonlySet<string>;
  readonly routers: ReadonlySet<string>;
  readonly externals: ReadonlySet<string>;
}

export const needsNothing: HostNeeds = {
  networks: new Set(),
  routers: new Set(),
  externals: new Set(),
};

/** Documents that are to be looked at, by kind. */
export type Affected = Readonly<Record<DocumentOf, ReadonlySet<string>>>;

/**
 * By host; with `affected`, of these documents only. A network is needed where a server's port is bound or a router with
 * an interface in it runs.
 */
export async function hostsNeed(
  tx: NetworkTx,
  affected: Affected | null,
): Promise<ReadonlyMap<string, HostNeeds>> {
  const hosts = new Map<string, Record<keyof HostNeeds, Set<string>>>();
  const add = (host: string | null, of: keyof HostNeeds, id: string): void => {
    if (host === null || host === '') return;
    const needs = hosts.get(host) ?? {
      networks: new Set(),
      routers: new Set(),
      externals: new Set(),
    };
    hosts.set(host, needs);
    needs[of].add(id);
  };
  const networks = affected === null ? null : [...affected.network];
  const bound = tx
    .selectFrom('port')
    .select(['binding_host', 'network_id'])
    .distinct()
    .where('server_id', 'is not', null)
    .$if(networks !== null, (query) => query.where('network_id', 'in', networks));
  for (const row of await bound.execute()) add(row.binding_host, 'networks', row.network_id);
  const routers = tx
    .selectFrom('router')
    .select(['id', 'host'])
    .$if(affected !== null, (query) => query.where('id', 'in', [...(affected?.router ?? [])]));
  for (const row of await routers.execute()) add(row.host, 'routers', row.id);
  const routed = tx
    .selectFrom('port')
    .innerJoin('router', 'router.id', 'port.device_id')
    .select(['port.network_id', 'router.host'])
    .where('port.device_owner', '=', 'network:router_interface')
    .$if(networks !== null, (query) => query.where('port.network_id', 'in', networks));
  for (const row of await routed.execute()) add(row.host, 'networks', row.network_id);
  const gateways = tx
    .selectFrom('port')
    .innerJoin('router', 'router.gateway_port_id', 'port.id')
    .select(['port.network_id', 'router.host'])
    .$if(networks !== null, (query) => query.where('port.network_id', 'in', networks));
  for (const row of await gateways.execute()) add(row.host, 'externals', row.network_id);
  return hosts;
}
