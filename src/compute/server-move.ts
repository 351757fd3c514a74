import { Failure } from '../kernel/errors.ts';
import type { Wanted } from '../placement/inventory.ts';
import { claimRemove } from './claim.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { groupGet, traitsOf } from './placing-find.ts';
import { amountsOf, serverPlace } from './placement.ts';
import { groupWanted } from './server-create.ts';
import type { ServerAct } from './server-apply.ts';
import { flavorParse, type ServerRow } from './server.model.ts';
import { locationAppend, serverUpdate } from './server.store.ts';

export const hostsRefused = (server: ServerRow): readonly string[] =>
  JSON.parse(server.hosts_refused) as string[];

/**
 * Gives up the claim on a host that refused the server and takes one elsewhere, in one transaction. Null: no other
 * host fits; the server stays claimed where it was. What the refusing host has of it must be gone already.
 */
export async function serverMove(
  { world, clock, ids, requestId }: ServerAct,
  server: ServerRow,
  reason: string,
): Promise<string | null> {
  const refused = [...hostsRefused(server), ...(server.host === null ? [] : [server.host])];
  const flavor = flavorParse(server.flavor);
  const wanted: Wanted = {
    ...amountsOf(flavor),
    zone: server.zone_wanted,
    traits: traitsOf(flavor),
    onlyHosts: server.host_wanted === null ? null : new Set([server.host_wanted]),
    notHosts: new Set(refused),
  };
  const group =
    server.group_id === null ? null : await groupGet(world, server.group_id, server.project_id);
  const now = clock.now();
  return world.cell.write(async (tx) => {
    const host = await serverPlace(tx, {
      inventory: world.inventory,
      defaultZone: world.settings.defaultZone,
      serverId: server.id,
      wanted: await groupWanted(tx, group, wanted),
      now,
    });
    if (host === null) return null;
    await claimRemove(tx, server.id, server.host);
    await serverUpdate(
      tx,
      server.id,
      {},
      { host, hosts_refused: JSON.stringify(refused), updated_at: now },
    );
    await locationAppend(tx, {
      id: ids.uuid(),
      server_id: server.id,
      host,
      reason,
      user_id: null,
      request_id: requestId,
      at: now,
    });
    return host;
  });
}

/** Nothing of the server is left on the host. A host that is no member any more has nothing of ours. */
export async function hostRemove(
  world: ComputeWorld,
  hostName: string,
  serverId: string,
): Promise<void> {
  await world.hosts.get(hostName)?.agent.serverDelete(serverId);
}

/** As Nova words it in the fault of the server. */
export const noValidHost = (reason: string): Failure =>
  new Failure('no_capacity', `No valid host was found. ${reason}`);
