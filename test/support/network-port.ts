/** The network service as compute sees it, in memory: for tests of what compute does, not of networks. */
import type { AgentClient, NetworkWanted } from '../../src/agent/api.ts';
import { conflict, invalid, notFound } from '../../src/kernel/errors.ts';
import type { NetworkPort, NicPlan, ServerPort } from '../../src/network/port.ts';

export interface MemoryNetwork extends NetworkPort {
  readonly ports: Map<string, ServerPort>;
}

export const networkId = '00000000-0000-4000-8000-00000000000a';

export function networkMemory(agentOf: (host: string) => AgentClient): MemoryNetwork {
  const ports = new Map<string, ServerPort>();
  const listeners = new Set<(ids: readonly string[]) => void>();
  const changed = (id: string): void => {
    for (const listener of listeners) listener([id]);
  };
  let made = 0;
  const plan: NicPlan = { networkId, networkName: 'private', portId: null, fixedAddress: null };
  const ofServer = (id: string) => [...ports.values()].filter(({ serverId }) => serverId === id);
  const portsHeld = async (ids: readonly string[]) =>
    new Map(ids.map((id) => [id, ofServer(id)] as const).filter(([, own]) => own.length > 0));
  const edit = (port: ServerPort, change: Partial<ServerPort>): ServerPort => {
    const next = { ...port, ...change };
    ports.set(port.id, next);
    changed(port.serverId);
    return next;
  };
  return {
    ports,
    nicsPlan: async (_, wish) => {
      if (wish === 'none') return [];
      if (wish === 'auto' || wish === 'any') return [plan];
      return wish.map((one) => {
        if (one.networkId !== null && one.networkId !== networkId) {
          throw invalid(`Network ${one.networkId} could not be found.`);
        }
        return { ...plan, portId: one.portId, fixedAddress: one.fixedAddress };
      });
    },
    securityGroupsFind: async (_, names) => names.map((name) => ({ id: name, name })),
    portCreate: async (port) => {
      const known = ports.get(port.id);
      if (known !== undefined) return known;
      const n = ++made;
      const mac = n
        .toString(16)
        .padStart(6, '0')
        .replace(/(..)(..)(..)/, '$1:$2:$3');
      const created: ServerPort = {
        id: port.id,
        serverId: port.serverId,
        networkId: port.networkId,
        networkName: 'private',
        projectId: port.projectId,
        mac: `fa:16:3e:${mac}`,
        mtu: 1450,
        status: 'DOWN',
        host: port.host,
        isMadeForServer: true,
        fixedIps: [
          {
            subnetId: 's1',
            address: port.fixedAddress ?? `10.0.${n >> 8}.${n & 255}`,
            version: 4,
          },
        ],
        floatingIps: [],
        securityGroups: (port.securityGroupIds.length === 0
          ? ['default']
          : port.securityGroupIds
        ).map((name) => ({ id: name, name })),
      };
      ports.set(port.id, created);
      changed(port.serverId);
      return created;
    },
    portAttach: async (id, server) => {
      const port = ports.get(id);
      if (port === undefined) throw notFound(`Port ${id} could not be found.`);
      if (port.serverId !== '' && port.serverId !== server.serverId) {
        throw conflict(`Port ${id} is still in use.`);
      }
      return edit(port, { serverId: server.serverId, host: server.host });
    },
    portDetach: async (serverId, id) => {
      const port = ports.get(id);
      if (port?.serverId !== serverId) return;
      if (port.isMadeForServer) ports.delete(id);
      else edit(port, { serverId: '', host: null });
      changed(serverId);
    },
    serverBind: async (id, host) => {
      for (const port of ofServer(id)) edit(port, { host });
    },
    serverRename: async () => {},
    serverRelease: async (id) => {
      for (const port of ofServer(id)) {
        if (port.isMadeForServer) ports.delete(port.id);
        else edit(port, { serverId: '', host: null });
      }
    },
    fixedIpAdd: async (id) => {
      const [port] = ofServer(id);
      if (port === undefined) throw invalid('No network.');
      const more = { subnetId: 's1', address: `10.9.0.${++made}`, version: 4 } as const;
      return edit(port, { fixedIps: [...port.fixedIps, more] });
    },
    fixedIpRemove: async (id, address) => {
      const port = ofServer(id).find(({ fixedIps }) =>
        fixedIps.some((one) => one.address === address),
      );
      if (port === undefined) throw invalid(`Fixed IP ${address} not found.`);
      return edit(port, { fixedIps: port.fixedIps.filter((one) => one.address !== address) });
    },
    securityGroupAdd: async (id, group) => {
      for (const port of ofServer(id)) {
        edit(port, { securityGroups: [...port.securityGroups, { id: group, name: group }] });
      }
    },
    securityGroupRemove: async (id, group) => {
      for (const port of ofServer(id)) {
        edit(port, { securityGroups: port.securityGroups.filter((one) => one.id !== group) });
      }
    },
    floatingIpAssociate: async (_, address, id) => {
      const [port] = ofServer(id);
      if (port === undefined) throw invalid('No ports.');
      const fixedAddress = port.fixedIps[0]?.address ?? '';
      edit(port, { floatingIps: [...port.floatingIps, { address, fixedAddress }] });
    },
    floatingIpDisassociate: async (_, address, id) => {
      for (const port of ofServer(id)) {
        edit(port, { floatingIps: port.floatingIps.filter((one) => one.address !== address) });
      }
    },
    apiCall: async () => {
      throw notFound('This network has no security groups of its own.');
    },
    portsOf: portsHeld,
    portsShown: portsHeld,
    serversByAddress: async (projectId, text, version) =>
      [...ports.values()]
        .filter((port) => projectId === null || port.projectId === projectId)
        .filter(({ fixedIps }) =>
          fixedIps.some((one) => one.version === version && one.address.includes(text)),
        )
        .map(({ serverId }) => serverId),
    hostPrepare: async (host, ids) => {
      for (const id of ids) await agentOf(host).networkPut(documentOf(id), 'digest');
    },
    onServersChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const documentOf = (id: string): NetworkWanted => ({
  id,
  vni: 1,
  mtu: 1450,
  dnsDomain: 'example.org',
  subnets: [],
  ports: [],
  securityGroups: [],
  fabric: null,
});
