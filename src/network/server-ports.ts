import { conflict, Failure, invalid, notFound, unavailable } from '../kernel/errors.ts';
import type { Actor } from '../kernel/policy.ts';
import { floatingIpPoint } from './floating-ip.store.ts';
import type { PortTable } from './network.tables.ts';
import { networkWrite, type NetworkWorld, type Work } from './network.world.ts';
import type { NetworkPort, PortServer, PortWire, ServerPort, ServerPortNew } from './port.ts';
import { portGet, portGroupIds, portRemove } from './port-delete.ts';
import {
  fixedIpsOf,
  fixedIpsReplace,
  floatingIpsRelease,
  portGroupsInsert,
  portInsert,
  portTouched,
} from './port-insert.ts';
import { quotaTake } from './quota.store.ts';
import { defaultGroupEnsure } from './security-group.ts';
import { apiCall } from './api-call.ts';
import { portsOf, portsShown, serversByAddress } from './server-addresses.ts';
import { askerOf, nicsPlan, securityGroupsFind } from './server-nics.ts';

/** What compute asks of networks, over the service itself. */
export function networkPort(world: NetworkWorld): NetworkPort {
  const one = async (serverId: string, portId: string): Promise<ServerPort> => {
    const ports = (await portsOf(world, [serverId])).get(serverId) ?? [];
    const port = ports.find(({ id }) => id === portId);
    if (port === undefined) throw notFound(`Port ${portId} could not be found.`);
    return port;
  };
  const write = <T>(work: (work: Work) => Promise<T>): Promise<T> => networkWrite(world, work);
  return {
    nicsPlan: (actor, wish, count) => nicsPlan(world, askerOf(actor), wish, count),
    securityGroupsFind: (actor, names) => securityGroupsFind(world, askerOf(actor), names),
    portCreate: (port) => write((work) => serverPortInsert(work, port)),
    async portAttach(portId, server) {
      await write((work) => serverPortAttach(work, portId, server));
      return one(server.serverId, portId);
    },
    portDetach: (serverId, portId) =>
      write(async (work) => {
        const port = await portGet(work.tx, portId);
        if (port?.server_id === serverId) await portLetGo(work, port);
      }),
    serverBind: (serverId, host) =>
      write((work) =>
        serverPortsChange(work, serverId, {
          binding_host: host ?? '',
          ...(host === null && { status: 'DOWN' }),
        }),
      ),
    serverRename: (serverId, hostname) =>
      write((work) => serverPortsChange(work, serverId, { hostname })),
    serverRelease: (serverId) =>
      write(async (work) => {
        for (const port of await serverPorts(work, serverId)) await portLetGo(work, port);
      }),
    async fixedIpAdd(serverId, networkId) {
      const portId = await write((work) => fixedIpAdd(work, serverId, networkId));
      return one(serverId, portId);
    },
    async fixedIpRemove(serverId, address) {
      const portId = await write((work) => fixedIpRemove(work, serverId, address));
      return one(serverId, portId);
    },
    securityGroupAdd: (serverId, groupId) => write((work) => groupAdd(work, serverId, groupId)),
    securityGroupRemove: (serverId, groupId) =>
      write((work) => groupRemove(work, serverId, groupId)),
    floatingIpAssociate: (actor, address, serverId, fixedAddress) =>
      write((work) => floatingIpAssociate(work, actor, { address, serverId, fixedAddress })),
    floatingIpDisassociate: (actor, address, serverId) =>
      write((work) => floatingIpDisassociate(work, actor, address, serverId)),
    apiCall: (context, id, input) => apiCall(world, context, id, input),
    portsOf: (serverIds) => portsOf(world, serverIds),
    portsShown: (serverIds) => portsShown(world, serverIds),
    serversByAddress: (projectId, text, version) =>
      serversByAddress(world, projectId, text, version),
    async hostPrepare(hostName, networkIds, signal) {
      const host = world.hosts.get(hostName);
      if (host === null) throw unavailable(`Host ${hostName} is no member of the cloud.`);
      const pushed = [...new Set(networkIds)].map((id) =>
        world.documents.push(world, host, 'network', id),
      );
      await Promise.race([Promise.all(pushed), aborted(signal)]);
    },
    onServersChange: (listener) => world.changes.onServers(listener),
  };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const fail = (): void => reject(unavailable('The operation was interrupted.'));
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });

const ownerOf = ({ availabilityZone }: PortServer): string => `compute:${availabilityZone}`;

const serverPorts = ({ tx }: Work, serverId: string): Promise<PortTable[]> =>
  tx.selectFrom('port').selectAll().where('server_id', '=', serverId).orderBy('id').execute();

/** Repeatable: the id was chosen by the caller. */
async function serverPortInsert(work: Work, port: ServerPortNew): Promise<PortWire> {
  const made = await portGet(work.tx, port.id);
  const network = await work.tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', port.networkId)
    .executeTakeFirst();
  if (network === undefined) throw invalid(`Network ${port.networkId} could not be found.`);
  if (made !== undefined) return { mac: made.mac, mtu: network.mtu };
  await quotaTake(work.tx, work.world, 'port', port.projectId);
  const isGuarded = network.port_security === 1;
  const named = port.securityGroupIds;
  const groupIds = !isGuarded
    ? []
    : named.length > 0
      ? named
      : [await defaultGroupEnsure(work, port.projectId)];
  const { mac } = await portInsert(work, {
    id: port.id,
    network,
    projectId: port.projectId,
    fixedIps: port.fixedAddress === null ? null : [{ subnetId: null, address: port.fixedAddress }],
    deviceId: port.serverId,
    deviceOwner: ownerOf(port),
    serverId: port.serverId,
    host: port.host ?? '',
    portSecurity: isGuarded,
    groupIds,
    hostname: port.hostname,
    isServerMade: true,
  });
  return { mac, mtu: network.mtu };
}

async function serverPortAttach(work: Work, portId: string, server: PortServer): Promise<void> {
  const port = await portGet(work.tx, portId);
  if (port === undefined) throw notFound(`Port id ${portId} could not be found.`);
  const holder = port.server_id ?? port.device_id;
  if (holder !== '' && holder !== server.serverId) {
    throw conflict(`Port ${portId} is still in use.`);
  }
  await portChange(work, port, {
    device_id: server.serverId,
    device_owner: ownerOf(server),
    server_id: server.serverId,
    binding_host: server.host ?? '',
    hostname: server.hostname,
  });
}

async function portChange(work: Work, port: PortTable, change: Partial<PortTable>): Promise<void> {
  const groups = await portGroupIds(work.tx, port.id);
  portTouched(work, port, groups);
  portTouched(work, { ...port, ...change }, groups);
  await work.tx
    .updateTable('port')
    .set((e) => ({ ...change, revision: e('revision', '+', 1), updated_at: work.now }))
    .where('id', '=', port.id)
    .execute();
}

async function serverPortsChange(
  work: Work,
  serverId: string,
  change: Partial<PortTable>,
): Promise<void> {
  for (const port of await serverPorts(work, serverId)) await portChange(work, port, change);
}

async function portLetGo(work: Work, port: PortTable): Promise<void> {
  if (port.is_server_made === 1) return portRemove(work, port);
  await portChange(work, port, {
    device_id: '',
    device_owner: '',
    server_id: null,
    binding_host: '',
    hostname: '',
    status: 'DOWN',
  });
}

async function fixedIpAdd(work: Work, serverId: string, networkId: string): Promise<string> {
  const port = (await serverPorts(work, serverId)).find(
    ({ network_id }) => network_id === networkId,
  );
  if (port === undefined) {
    throw invalid(`Network ${networkId} could not be found on instance ${serverId}.`);
  }
  const held = await fixedIpsOf(work.tx, port.id);
  const subnet = await work.tx
    .selectFrom('subnet')
    .select('id')
    .where('network_id', '=', networkId)
    .where('ip_version', '=', 4)
    .orderBy('id')
    .executeTakeFirst();
  if (subnet === undefined)
    throw invalid(`Network ${networkId} requires a subnet in order to add an address.`);
  const kept = held.map(({ subnetId, address }) => ({ subnetId, address }));
  await fixedIpsReplace(work, port, [...kept, { subnetId: subnet.id, address: null }]);
  await portChange(work, port, {});
  return port.id;
}

async function fixedIpRemove(work: Work, serverId: string, address: string): Promise<string> {
  for (const port of await serverPorts(work, serverId)) {
    const held = await fixedIpsOf(work.tx, port.id);
    if (!held.some((one) => one.address === address)) continue;
    const kept = held.filter((one) => one.address !== address);
    await fixedIpsReplace(
      work,
      port,
      kept.map((one) => ({ subnetId: one.subnetId, address: one.address })),
    );
    await portChange(work, port, {});
    return port.id;
  }
  throw invalid(`Fixed IP ${address} not found on instance ${serverId}.`);
}

async function groupAdd(work: Work, serverId: string, groupId: string): Promise<void> {
  for (const port of await serverPorts(work, serverId)) {
    const held = await portGroupIds(work.tx, port.id);
    if (port.port_security !== 1 || held.includes(groupId)) continue;
    await portGroupsInsert(work.tx, port.id, [groupId]);
    work.touched.groups.add(groupId);
    await portChange(work, port, {});
  }
}

async function groupRemove(work: Work, serverId: string, groupId: string): Promise<void> {
  let isFound = false;
  for (const port of await serverPorts(work, serverId)) {
    if (!(await portGroupIds(work.tx, port.id)).includes(groupId)) continue;
    isFound = true;
    await work.tx
      .deleteFrom('port_security_group')
      .where('port_id', '=', port.id)
      .where('group_id', '=', groupId)
      .execute();
    work.touched.groups.add(groupId);
    await portChange(work, port, {});
  }
  if (!isFound) {
    throw notFound(`Security group ${groupId} not associated with the instance ${serverId}.`);
  }
}

async function floatingIpFind({ tx }: Work, actor: Actor, address: string) {
  const { projectId, isAdmin } = askerOf(actor);
  const all = await tx
    .selectFrom('floating_ip')
    .selectAll()
    .where('floating_address', '=', address)
    .execute();
  // Two external networks may have the same addresses.
  const found =
    all.find(({ project_id }) => project_id === projectId) ?? (isAdmin ? all[0] : undefined);
  if (found === undefined) {
    throw notFound('floating IP not found');
  }
  return found;
}

async function floatingIpAssociate(
  work: Work,
  actor: Actor,
  wish: {
    readonly address: string;
    readonly serverId: string;
    readonly fixedAddress: string | null;
  },
): Promise<void> {
  const floating = await floatingIpFind(work, actor, wish.address);
  for (const port of await serverPorts(work, wish.serverId)) {
    const fixed = (await fixedIpsOf(work.tx, port.id)).find(({ address }) =>
      wish.fixedAddress === null ? !address.includes(':') : address === wish.fixedAddress,
    );
    if (fixed === undefined) continue;
    const to = { port, subnetId: fixed.subnetId, address: fixed.address };
    try {
      return await floatingIpPoint(work, floating, to);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw invalid(
        `Unable to associate floating IP ${wish.address} to fixed IP ${fixed.address} for instance ${wish.serverId}. Error: ${error.message}`,
        { cause: error },
      );
    }
  }
  throw invalid('Instance network is not ready yet: no fixed address to associate with.');
}

async function floatingIpDisassociate(
  work: Work,
  actor: Actor,
  address: string,
  serverId: string,
): Promise<void> {
  const floating = await floatingIpFind(work, actor, address);
  const port = floating.port_id === null ? undefined : await portGet(work.tx, floating.port_id);
  if (port?.server_id !== serverId || floating.fixed_address === null) {
    throw conflict(`Floating IP ${address} is not associated with instance ${serverId}.`);
  }
  work.touched.servers.add(serverId);
  await floatingIpsRelease(work, port.id, [floating.fixed_address]);
}
