/**
 * The network half of the agent on Linux. The kernel's namespaces, bridges and rules carry the packets; this process
 * only makes them be as control's documents say, so it may die and come back at any time.
 */
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { ExternalWanted, NetworkWanted, RouterWanted, ServerWanted } from '../api.ts';
import { AgentFailure } from '../failure.ts';
import { advertisersOpen, type Advertisers } from './advertise.ts';
import { addressCanonical, linkLocalOf } from './addresses.ts';
import type { DocumentActual, HostNetwork, MetadataGuest, MetadataOf } from './host-network.ts';
import { externalApply, externalRemove } from './external-network.ts';
import { keeperOpen, type Keeper } from './keeper.ts';
import { ipBatch, linkDelete, linksRead, namespaceDelete, namespaceList } from './kernel-state.ts';
import { namesOf, type Names } from './names.ts';
import { guestPorts } from './port-mark.ts';
import { routersOpen } from './router.ts';
import { dnsForwardOpen, hostResolvers } from './services/dns-forward.ts';
import { networkServicesOpen, type NetworkServices } from './services/services.ts';
import { tapsOpen, type Taps } from './taps.ts';
import { tenantNetworksOpen } from './tenant-network.ts';

export interface HostNetworkOptions {
  /** Four characters of 0-9a-z in every name, so that clouds can share a host. */
  readonly cloud: string;
  readonly stateDir: string;
  /** Owner of the taps. */
  readonly guestUid: number;
  /** Answer what a tenant network does not know itself; empty: those of the host. */
  readonly resolvers: readonly string[];
  readonly metadata: MetadataOf;
  /** The document of a server on this host. */
  readonly server: (id: string) => ServerWanted | null;
  readonly clock: Clock;
  readonly log: Log;
}

export async function hostNetworkOpen(options: HostNetworkOptions): Promise<HostNetwork> {
  const names = namesOf(options.cloud);
  const listeners = new Set<(document: DocumentActual) => void>();
  const report = (document: DocumentActual): void => {
    for (const listener of listeners) listener(document);
  };
  const world = await worldOpen(options, names, report);
  const { advertisers, externals, networks, routers, services, taps } = world;
  const stop = async (): Promise<void> => {
    services.close();
    advertisers.stop();
    await Promise.all([externals, networks, routers].map((keeper) => keeper.stop()));
  };
  return {
    async start() {
      // As udev has it everywhere: guests run without rights and open their taps by this file.
      await chmod('/dev/net/tun', 0o666);
      await orphansRemove(world);
      await scopeLinkEnsure(names);
      await taps.find(networks.all().map(({ id }) => id));
      await externals.start();
      await networks.start();
      await routers.start();
    },
    stop,
    externalPut: (wanted, digest) => externals.put(wanted.id, { wanted, digest }),
    externalDelete: (id) => externals.delete(id),
    networkPut: (wanted, digest) => networks.put(wanted.id, { wanted, digest }),
    networkDelete: (id) => networks.delete(id),
    routerPut: (wanted, digest) => routers.put(wanted.id, { wanted, digest }),
    routerDelete: (id) => routers.delete(id),
    documents: () => [externals, networks, routers].flatMap((keeper) => keeper.documents()),
    onReport(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    network: (id) => networks.get(id),
    tapEnsure: (portId, mtu) => taps.ensure(portId, mtu),
    tapPlug: (portId, networkId) =>
      networks.alone(networkId, () => taps.plug(portId, networkOf(networks, networkId))),
    tapRemove: (portId) => taps.remove(portId),
    tapList: () => Promise.resolve(taps.list()),
    nicCounters: async (portId, networkId) => taps.counters(portId, networkOf(networks, networkId)),
    async purge() {
      await stop();
      await hostPurge(world);
      await rm(world.directory, { recursive: true, force: true });
      await rm(names.runDirectory, { recursive: true, force: true });
    },
  };
}

interface World {
  readonly names: Names;
  readonly directory: string;
  readonly externals: Keeper<ExternalWanted>;
  readonly networks: Keeper<NetworkWanted>;
  readonly routers: Keeper<RouterWanted>;
  readonly services: NetworkServices;
  readonly taps: Taps;
  readonly advertisers: Advertisers;
}

async function worldOpen(
  options: HostNetworkOptions,
  names: Names,
  report: (document: DocumentActual) => void,
): Promise<World> {
  const directory = join(options.stateDir, 'network');
  const { clock, log } = options;
  const taps = tapsOpen(names, options.guestUid);
  const tenants = tenantNetworksOpen(names);
  const externals = await keeperOpen<ExternalWanted>({
    of: 'external',
    directory: join(directory, 'externals'),
    apply: (external) => externalApply(external, names),
    remove: (id) => externalRemove(id, names),
    report,
    clock,
    log,
  });
  const networks = await keeperOpen<NetworkWanted>({
    of: 'network',
    directory: join(directory, 'networks'),
    async apply(network) {
      if (await tenants.apply(network)) networkIsNew(network.id);
      await services.ensure(network.id, names.networkNamespace(network.id));
    },
    async remove(id) {
      services.remove(id);
      await tenants.remove(id);
      taps.forget(id);
    },
    report,
    clock,
    log,
  });
  const advertisers = advertisersOpen({ directory: names.runDirectory, clock, log });
  const kept = { networks, externals, advertisers };
  const routers = await routersKeep({ options, names, report, directory, ...kept });
  const services = networkServicesOpen({
    network: (id) => networks.get(id),
    metadata: (networkId, source) => metadataFor(options, networks, networkId, source),
    forward: dnsForwardOpen({ resolvers: resolversOf(options), timeoutMs: 3_000, asksMax: 256 }),
  });
  return { names, directory, routers, services, taps, ...kept };

  /** Sockets and cables of an earlier namespace went with it. */
  function networkIsNew(id: string): void {
    services.remove(id);
    for (const router of routers.all())
      if (router.interfaces.some(({ networkId }) => networkId === id)) routers.renew(router.id);
  }
}

interface RouterPlace {
  readonly options: HostNetworkOptions;
  readonly names: Names;
  readonly report: (document: DocumentActual) => void;
  readonly directory: string;
  readonly networks: Keeper<NetworkWanted>;
  readonly externals: Keeper<ExternalWanted>;
  readonly advertisers: Advertisers;
}

async function routersKeep(place: RouterPlace): Promise<Keeper<RouterWanted>> {
  const { names, advertisers, networks, externals, report, options } = place;
  const { clock, log } = options;
  const routers = routersOpen({
    names,
    advertisers,
    network: (id) => networks.get(id),
    externalMtu: (id) => externals.get(id)?.mtu ?? null,
  });
  return keeperOpen<RouterWanted>({
    of: 'router',
    directory: join(place.directory, 'routers'),
    apply: (router) => routers.apply(router),
    remove: (id) => routers.remove(id),
    report,
    clock,
    log,
  });
}

const resolversOf = ({ resolvers }: HostNetworkOptions): typeof hostResolvers =>
  resolvers.length === 0
    ? hostResolvers
    : async () => resolvers.map((address) => ({ address, port: 53 }));

function networkOf(networks: Keeper<NetworkWanted>, id: string): NetworkWanted {
  const network = networks.get(id);
  if (network === null) throw new AgentFailure('no_network', `network ${id} is not on this host`);
  return network;
}

/** The guest is known by the network it asks in and its address there, which the guard has verified. */
function metadataFor(
  options: HostNetworkOptions,
  networks: Keeper<NetworkWanted>,
  networkId: string,
  source: string,
): MetadataGuest | null {
  const ports = guestPorts(networks.get(networkId)?.ports ?? []);
  const port = ports.find(
    ({ mac, fixedIps }) =>
      fixedIps.some(({ address }) => addressCanonical(address) === source) ||
      linkLocalOf(mac) === source,
  );
  const server = port?.serverId == null ? null : options.server(port.serverId);
  if (server === null) return null;
  const nics = new Set(server.nics.map((nic) => nic.networkId));
  return options.metadata(
    server,
    networks.all().filter(({ id }) => nics.has(id)),
  );
}

/** What no document names was being removed, or is the rest of a life before this one. */
async function orphansRemove({
  names,
  networks,
  routers,
  externals,
  advertisers,
}: World): Promise<void> {
  const namespaces = new Set([
    ...networks.all().map(({ id }) => names.networkNamespace(id)),
    ...routers.all().map(({ id }) => names.routerNamespace(id)),
  ]);
  const links = new Set([
    ...externals.all().map(({ id }) => names.externalBridge(id)),
    ...routers
      .all()
      .flatMap(({ gateway }) => (gateway === null ? [] : names.gatewayOuter(gateway.portId))),
  ]);
  await advertisers.removeOthers(namespaces);
  await remove(names, (name) => !namespaces.has(name) && !links.has(name));
}

async function scopeLinkEnsure({ scopeLink, bridgeIndex }: Names): Promise<void> {
  if ((await linksRead(null)).has(scopeLink)) return;
  await ipBatch(null, [`link add ${scopeLink} index ${bridgeIndex} type bridge`]);
}

async function hostPurge({ names, taps, advertisers }: World): Promise<void> {
  await advertisers.removeOthers(new Set());
  await remove(names, () => true);
  await linkDelete(null, names.scopeLink);
  await taps.purge();
}

async function remove(names: Names, isUnwanted: (name: string) => boolean): Promise<void> {
  const namespaces = await namespaceList(names.namespacePrefix);
  await Promise.all(namespaces.filter(isUnwanted).map(namespaceDelete));
  const links = [...(await linksRead(null)).keys()].filter(
    (name) => name.startsWith(names.externalPrefix) || name.startsWith(names.gatewayPrefix),
  );
  await Promise.all(links.filter(isUnwanted).map((name) => linkDelete(null, name)));
}
