/** Routers in the kernel: a namespace each, with a cable to every network and one to the bridge outside. */
import type { NetworkWanted, RouterInterface, RouterWanted } from '../api.ts';
import { AgentFailure } from '../failure.ts';
import type { Advertisers } from './advertise.ts';
import { flowsDelete, flowsRead, type Flow } from './flows.ts';
import {
  bridgeBatch,
  ipBatch,
  kernelStateRead,
  linkDelete,
  linksRead,
  namespaceDelete,
  namespaceEnsure,
  nftLoad,
  sysctlSet,
} from './kernel-state.ts';
import { networkBridge, routerGateway, routerInside, routerPeer, type Names } from './names.ts';
import { gatewayAddress, routerRules } from './router-rules.ts';
import { routerEffective, routerPlan } from './router-plan.ts';

export interface Routers {
  apply(router: RouterWanted): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface RouterSurroundings {
  readonly names: Names;
  readonly advertisers: Advertisers;
  readonly network: (id: string) => NetworkWanted | null;
  /** Null: the external network is not on this host. */
  readonly externalMtu: (id: string) => number | null;
}

export function routersOpen(surroundings: RouterSurroundings): Routers {
  const { names, advertisers } = surroundings;
  const loaded = new Map<string, string>();
  return {
    async apply(document) {
      const router = routerEffective(document);
      const namespace = names.routerNamespace(router.id);
      if (await namespaceEnsure(namespace)) loaded.delete(router.id);
      if (!loaded.has(router.id)) await sysctlSet(namespace, settings);
      const rules = routerRules(router);
      // The wall stands before there is a way in.
      const isChanged = loaded.get(router.id) !== rules;
      if (isChanged) await nftLoad(namespace, rules);
      await cablesEnsure(router, surroundings);
      const mtu = router.gateway === null ? 0 : gatewayMtu(router.gateway.externalId, surroundings);
      const { goneLinks, ip } = routerPlan(router, mtu, await kernelStateRead(namespace));
      for (const name of goneLinks) await linkDelete(namespace, name);
      await ipBatch(namespace, ip);
      if (isChanged) {
        const flows = await flowsRead(namespace);
        await flowsDelete(
          namespace,
          flows.filter((flow) => !isTranslatedSo(router, flow)),
        );
      }
      await advertisers.ensure(namespace, router);
      loaded.set(router.id, rules);
    },
    async remove(id) {
      loaded.delete(id);
      const namespace = names.routerNamespace(id);
      await advertisers.remove(namespace);
      // A namespace dies some time after it was deleted; its cables are taken away at once.
      const links = await linksRead(namespace).catch(() => new Map<string, never>());
      for (const name of links.keys()) if (name !== 'lo') await linkDelete(namespace, name);
      await namespaceDelete(namespace);
    },
  };
}

const settings = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv6.conf.default.accept_ra': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  // Nobody outside learns of an inner address by asking for it.
  'net.ipv4.conf.all.arp_ignore': 1,
  'net.ipv4.conf.all.arp_announce': 2,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.conf.default.promote_secondaries': 1,
  'net.ipv4.conf.default.arp_notify': 1,
  'net.ipv6.conf.default.ndisc_notify': 1,
};

function gatewayMtu(
  externalId: string,
  { externalMtu }: Pick<RouterSurroundings, 'externalMtu'>,
): number {
  const mtu = externalMtu(externalId);
  if (mtu === null)
    throw new AgentFailure('no_network', `external network ${externalId} is not on this host`);
  return mtu;
}

async function cablesEnsure(router: RouterWanted, surroundings: RouterSurroundings): Promise<void> {
  const { names } = surroundings;
  const links = await linksRead(names.routerNamespace(router.id));
  for (const wanted of router.interfaces)
    await insideEnsure(router, wanted, links.has(routerInside(wanted.portId)), surroundings);
  if (router.gateway !== null) await gatewayEnsure(router, links.has(routerGateway), surroundings);
}

async function insideEnsure(
  router: RouterWanted,
  { portId, networkId, mac, mtu }: RouterInterface,
  isThere: boolean,
  { names, network }: RouterSurroundings,
): Promise<void> {
  if (network(networkId) === null)
    throw new AgentFailure('no_network', `network ${networkId} is not on this host`);
  const tenant = names.networkNamespace(networkId);
  const peer = routerPeer(portId);
  if (!isThere) {
    await linkDelete(tenant, peer);
    const inside = `name ${routerInside(portId)} address ${mac} netns ${names.routerNamespace(router.id)}`;
    await ipBatch(tenant, [`link add ${peer} type veth peer ${inside}`]);
    await ipBatch(names.routerNamespace(router.id), [
      `link set ${routerInside(portId)} addrgenmode none`,
    ]);
  }
  await ipBatch(tenant, [
    `link set ${peer} mtu ${mtu} master ${networkBridge}`,
    `link set ${peer} type bridge_slave learning off flood off neigh_suppress off`,
    `link set ${peer} up`,
  ]);
  await bridgeBatch(tenant, [`fdb replace ${mac} dev ${peer} master static`]);
}

async function gatewayEnsure(
  router: RouterWanted,
  isThere: boolean,
  { names, externalMtu }: RouterSurroundings,
): Promise<void> {
  if (router.gateway === null) return;
  const { portId, externalId, mac } = router.gateway;
  const mtu = gatewayMtu(externalId, { externalMtu });
  const outer = names.gatewayOuter(portId);
  const namespace = names.routerNamespace(router.id);
  const hostLinks = await linksRead(null);
  if (!isThere || !hostLinks.has(outer)) {
    // The other end may belong to a gateway of another port, or to one that is on its way out.
    await linkDelete(namespace, routerGateway);
    await linkDelete(null, outer);
    await ipBatch(null, [
      `link add ${outer} type veth peer name ${routerGateway} address ${mac} netns ${namespace}`,
      `link set ${outer} addrgenmode none`,
    ]);
    await ipBatch(namespace, [`link set ${routerGateway} addrgenmode none`]);
  }
  await ipBatch(null, [
    `link set ${outer} mtu ${mtu} master ${names.externalBridge(externalId)} up`,
  ]);
}

/** Whether a connection is translated as it would be if it began now, or needs no translation. */
export function isTranslatedSo(router: RouterWanted, flow: Flow): boolean {
  const fixedOf = new Map(router.floatingIps.map((ip) => [ip.address, ip.fixedAddress]));
  const isInRight =
    flow.destination === flow.replySource || fixedOf.get(flow.destination) === flow.replySource;
  const own = new Set([
    gatewayAddress(router.gateway),
    ...router.interfaces.flatMap(({ addresses }) =>
      addresses.map((address) => address.split('/')[0]),
    ),
  ]);
  const isOutRight =
    flow.source === flow.replyDestination ||
    fixedOf.get(flow.replyDestination) === flow.source ||
    own.has(flow.replyDestination);
  return isInRight && isOutRight;
}
