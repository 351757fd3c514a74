/**
 * Taps of guests. A tap is made in the host's namespace, where QEMU opens it, and then moved into the tenant's: the open
 * descriptor goes with it. It stays down until it is connected, so a guest never speaks to the host. Its alias is the
 * id of its port, so it can be found again.
 */
import { AgentFailure } from '../failure.ts';
import { CommandFailed, commandRun } from '../command.ts';
import type { NetworkWanted } from '../api.ts';
import { guestPorts } from './port-mark.ts';
import type { NicCounters } from './host-network.ts';
import { bridgeBatch, ipBatch, linkDelete, linksRead } from './kernel-state.ts';
import type { Names } from './names.ts';
import { tapPlan } from './network-plan.ts';

export interface Taps {
  /** Finds the taps that are there: in the host's namespace and in those of networks. */
  find(networkIds: readonly string[]): Promise<void>;
  ensure(portId: string, mtu: number): Promise<string>;
  plug(portId: string, network: NetworkWanted): Promise<void>;
  remove(portId: string): Promise<void>;
  /** The namespace of a network, and every tap in it, is gone. */
  forget(networkId: string): void;
  list(): string[];
  /** Removes those in the host's namespace; the others go with theirs. */
  purge(): Promise<void>;
  counters(portId: string, network: NetworkWanted): Promise<NicCounters>;
}

const aliasPrefix = 'port ';

/** Where a tap is: the id of a network, or the host. */
type Place = { readonly networkId: string | null };

export function tapsOpen(names: Names, guestUid: number): Taps {
  const places = new Map<string, Place>();

  return {
    async find(networkIds) {
      const found = await Promise.all([null, ...networkIds].map((id) => tapsIn(id, names)));
      places.clear();
      for (const [portId, place] of found.flat()) places.set(portId, place);
    },
    async ensure(portId, mtu) {
      const name = names.tap(portId);
      const place = places.get(portId);
      // In a tenant's namespace no QEMU can open it: what is left there belonged to one that ended.
      if (place?.networkId != null) await linkDelete(names.networkNamespace(place.networkId), name);
      const isThere = place !== undefined && place.networkId === null;
      await ipBatch(null, [
        ...(isThere ? [] : [`tuntap add dev ${name} mode tap user ${guestUid} vnet_hdr`]),
        `link set ${name} addrgenmode none alias "${aliasPrefix}${portId}" mtu ${mtu}`,
      ]);
      places.set(portId, { networkId: null });
      return name;
    },
    async plug(portId, network) {
      const name = names.tap(portId);
      const namespace = names.networkNamespace(network.id);
      if (places.get(portId)?.networkId !== network.id) {
        await tapMove(name, namespace);
        places.set(portId, { networkId: network.id });
      }
      const { ip, bridge } = tapPlan(network, portId, names);
      await ipBatch(namespace, ip);
      await bridgeBatch(namespace, bridge);
    },
    async remove(portId) {
      const place = places.get(portId);
      if (place === undefined) return;
      const namespace = place.networkId === null ? null : names.networkNamespace(place.networkId);
      await linkDelete(namespace, names.tap(portId));
      places.delete(portId);
    },
    forget(networkId) {
      for (const [portId, place] of places)
        if (place.networkId === networkId) places.delete(portId);
    },
    list: () => [...places.keys()],
    async purge() {
      const links = await linksRead(null);
      const ours = [...links.keys()].filter((name) => name.startsWith(names.tapPrefix));
      await Promise.all(ours.map((name) => linkDelete(null, name)));
      places.clear();
    },
    counters: (portId, network) => countersRead(portId, network, names),
  };
}

async function tapsIn(networkId: string | null, names: Names): Promise<[string, Place][]> {
  const namespace = networkId === null ? null : names.networkNamespace(networkId);
  const links = await linksRead(namespace).catch((error: unknown) => {
    // The namespace is made later, and then holds nothing.
    if (namespace !== null && error instanceof CommandFailed) return new Map<string, never>();
    throw error;
  });
  return [...links.values()]
    .filter(({ name, alias }) => name.startsWith(names.tapPrefix) && alias.startsWith(aliasPrefix))
    .map(({ alias }) => [alias.slice(aliasPrefix.length), { networkId }]);
}

async function tapMove(name: string, namespace: string): Promise<void> {
  try {
    await commandRun(['ip', 'link', 'set', name, 'netns', namespace]);
  } catch (error) {
    throw new AgentFailure('no_network', `the tap ${name} could not be connected`, error);
  }
}

interface Counter {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

/** What the tap receives is what the guest sent. */
async function countersRead(
  portId: string,
  network: NetworkWanted,
  names: Names,
): Promise<NicCounters> {
  const namespace = names.networkNamespace(network.id);
  const text = await commandRun([
    'ip',
    '-n',
    namespace,
    '-s',
    '-j',
    'link',
    'show',
    names.tap(portId),
  ]);
  const [link]: { stats64: { rx: Counter; tx: Counter } }[] = JSON.parse(text);
  if (link === undefined) throw new AgentFailure('no_network', `port ${portId} has no tap`);
  const { rx: sent, tx: received } = link.stats64;
  return {
    mac: guestPorts(network.ports).find(({ id }) => id === portId)?.mac ?? '',
    rxBytes: received.bytes,
    rxPackets: received.packets,
    rxErrors: received.errors,
    rxDrops: received.dropped,
    txBytes: sent.bytes,
    txPackets: sent.packets,
    txErrors: sent.errors,
    txDrops: sent.dropped,
  };
}
