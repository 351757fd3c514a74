import type { Context } from '../kernel/context.ts';
import { notFound } from '../kernel/errors.ts';
import { isUuid } from '../kernel/ids.ts';
import { hostSelect } from './host.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverStatus, type ServerRow, type ShownServer } from './server.model.ts';
import { faultsOf, serverFind } from './server.store.ts';
import { viewFrame, type HostStatus, type ServerSeen, type ViewFrame } from './server.view.ts';

/**
 * The server, when the caller may do this to it. What it may not even see does not exist; what it may see but not
 * change is forbidden.
 */
export async function serverFor(
  context: Context<ComputeWorld>,
  id: string,
  rule: string,
): Promise<ServerRow> {
  const server = isUuid(id)
    ? await context.world.cell.read((tx) => serverFind(tx, id.toLowerCase()))
    : null;
  if (server === null) throw serverMissing(id);
  const target = { project_id: server.project_id, user_id: server.user_id };
  if (!context.allows('os_compute_api:servers:show', target)) throw serverMissing(id);
  context.authorize(rule, target);
  return server;
}

export const serverMissing = (id: string) => notFound(`Instance ${id} could not be found.`);

/** A frame for one server, or for all of the caller's project. */
export async function frameFor(
  context: Context<ComputeWorld>,
  projectId: string | null = null,
): Promise<ViewFrame> {
  const { scope } = context.actor;
  const own = scope.kind === 'project' ? scope.projectId : '';
  const target = { project_id: projectId ?? own };
  const hosts = await context.world.cell.read(hostSelect);
  const statuses = new Map<string, HostStatus>();
  for (const host of hosts) {
    const mirror = context.world.mirror.host(host.name);
    const status = (): HostStatus => {
      if (host.enabled === 0) return 'MAINTENANCE';
      if (host.forced_down === 1) return 'DOWN';
      return mirror?.isCurrent === true ? 'UP' : 'UNKNOWN';
    };
    statuses.set(host.name, status());
  }
  return viewFrame(context, target, (host) =>
    host === null ? '' : (statuses.get(host) ?? 'UNKNOWN'),
  );
}

/** What is shown of these servers: one question to each database, however many there are. */
export async function serversSeen(
  { network, cell, settings }: ComputeWorld,
  servers: readonly ShownServer[],
): Promise<ServerSeen[]> {
  const ids = servers.map(({ id }) => id);
  const faulty = servers.filter((server) => ['ERROR', 'DELETED'].includes(serverStatus(server)));
  const [ports, { faults, zones }] = await Promise.all([
    ids.length === 0 ? new Map() : network.portsShown(ids),
    cell.read(async (tx) => ({
      faults: await faultsOf(
        tx,
        faulty.map(({ id }) => id),
      ),
      zones: await tx.selectFrom('host').select(['name', 'availability_zone']).execute(),
    })),
  ]);
  const zoneOf = new Map(
    zones.map(({ name, availability_zone }) => [name, availability_zone ?? settings.defaultZone]),
  );
  return servers.map((server) => ({
    server,
    ports: ports.get(server.id) ?? [],
    fault: faults.get(server.id) ?? null,
    zone: server.host === null ? null : (zoneOf.get(server.host) ?? settings.defaultZone),
  }));
}
