import type { HostNetwork } from '../../../src/agent/network/host-network.ts';

/** A host without networks, for servers without interfaces. */
export function emptyNetwork(): HostNetwork {
  const none = async (): Promise<void> => {};
  const refuse = (): Promise<never> => Promise.reject(new Error('this host has no networks'));
  return {
    start: none,
    stop: none,
    externalPut: refuse,
    externalDelete: none,
    networkPut: refuse,
    networkDelete: none,
    routerPut: refuse,
    routerDelete: none,
    documents: () => [],
    onReport: () => () => {},
    network: () => null,
    tapEnsure: refuse,
    tapPlug: refuse,
    tapRemove: none,
    tapList: async () => [],
    nicCounters: refuse,
    purge: none,
  };
}
