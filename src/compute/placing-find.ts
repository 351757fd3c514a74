import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { isUuid } from '../kernel/ids.ts';
import type { Wanted } from '../placement/inventory.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Flavor } from './flavor.model.ts';
import { amountsOf } from './placement.ts';
import { projectOf } from './project.ts';
import type { ServerCreate, ServerGroupFound } from './server-create.model.ts';

export interface PlacingFound {
  readonly zone: string | null;
  readonly placing: Wanted;
  readonly group: ServerGroupFound | null;
}

/** Zone, host and scheduler hints of a create, as placement understands them. */
export async function placingFind(
  context: Context<ComputeWorld>,
  create: ServerCreate,
  flavor: Flavor,
): Promise<PlacingFound> {
  const { world } = context;
  const asked = zoneParse(create.zone);
  const target = { project_id: projectOf(context), user_id: context.actor.userId };
  if (asked.host !== null) {
    context.authorize('os_compute_api:servers:create:forced_host', target);
  }
  if (create.host !== null) {
    context.authorize('compute:servers:create:requested_destination', target);
    if (asked.host !== null) {
      throw invalid(
        'One mechanism with host and/or hypervisor_hostname and another mechanism with ' +
          'zone:host:node are mutually exclusive.',
      );
    }
  }
  const hostWanted = asked.host ?? create.host;
  const { zones, hostZone } = await zonesFind(world, hostWanted);
  if (hostWanted !== null && hostZone === null) {
    throw invalid(`Compute host ${hostWanted} could not be found.`);
  }
  if (asked.zone !== null && hostWanted === null && !zones.includes(asked.zone)) {
    throw invalid('The requested availability zone is not available');
  }
  // A forced host wins over a zone it is not in, as at Nova.
  const zone = asked.host !== null ? hostZone : asked.zone;
  const same = await hostsOfServers(context, create.hints['same_host']);
  const different = await hostsOfServers(context, create.hints['different_host']);
  const only = hostWanted !== null ? new Set([hostWanted]) : same.length > 0 ? new Set(same) : null;
  return {
    zone: asked.zone === null ? null : zone,
    group: await groupFind(context, create.hints['group']),
    placing: {
      ...amountsOf(flavor),
      zone,
      traits: traitsOf(flavor),
      onlyHosts: only,
      notHosts: new Set(different),
    },
  };
}

function zoneParse(text: string | null): { zone: string | null; host: string | null } {
  if (text === null) return { zone: null, host: null };
  const [zone = '', host = '', node = '', ...more] = text.split(':');
  if (more.length > 0) throw invalid('Unable to parse availability_zone');
  return { zone: zone || null, host: host || node || null };
}

async function zonesFind(
  { cell, settings }: ComputeWorld,
  host: string | null,
): Promise<{ zones: readonly string[]; hostZone: string | null }> {
  return cell.read(async (tx) => {
    const zones = await tx.selectFrom('host').select('availability_zone').distinct().execute();
    const found =
      host === null
        ? undefined
        : await tx
            .selectFrom('host')
            .select('availability_zone')
            .where('name', '=', host)
            .executeTakeFirst();
    return {
      zones: zones.map(({ availability_zone }) => availability_zone ?? settings.defaultZone),
      hostZone: found === undefined ? null : (found.availability_zone ?? settings.defaultZone),
    };
  });
}

const required = /^trait:([A-Z0-9_]+)$/;

export const traitsOf = ({ extraSpecs }: Pick<Flavor, 'extraSpecs'>): string[] =>
  Object.entries(extraSpecs).flatMap(([key, value]) => {
    const trait = required.exec(key)?.[1];
    return trait !== undefined && value === 'required' ? [trait] : [];
  });

/** Hosts of the actor's servers that a hint names; one server or several. */
async function hostsOfServers(
  context: Context<ComputeWorld>,
  hint: unknown,
): Promise<readonly string[]> {
  const ids = (Array.isArray(hint) ? hint : [hint]).filter((id) => typeof id === 'string');
  if (ids.length === 0) return [];
  if (!ids.every(isUuid)) throw invalid('Invalid input for a scheduler hint: not a server id.');
  const rows = await context.world.cell.read((tx) =>
    tx
      .selectFrom('server')
      .select('host')
      .where('id', 'in', ids)
      .where('project_id', '=', projectOf(context))
      .where('deleted', '=', 0)
      .execute(),
  );
  return rows.flatMap(({ host }) => host ?? []);
}

async function groupFind(
  context: Context<ComputeWorld>,
  hint: unknown,
): Promise<ServerGroupFound | null> {
  if (typeof hint !== 'string') return null;
  const group = await groupGet(context.world, hint, projectOf(context));
  if (group === null) throw invalid(`Instance group ${hint} could not be found.`);
  return group;
}

export async function groupGet(
  { region }: ComputeWorld,
  id: string,
  projectId: string,
): Promise<ServerGroupFound | null> {
  const row = await region.read((tx) =>
    tx
      .selectFrom('server_group')
      .select(['id', 'policy', 'rules'])
      .where('id', '=', id)
      .where('project_id', '=', projectId)
      .executeTakeFirst(),
  );
  if (row === undefined) return null;
  const rules = JSON.parse(row.rules) as { max_server_per_host?: number };
  return { id: row.id, policy: row.policy, maxServersPerHost: rules.max_server_per_host ?? 1 };
}
