import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { flavorParse, type ServerFlavor, type ServerRow } from './server.model.ts';

export interface UsageWindow {
  /** Null: all projects. */
  readonly projectId: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Id of the last server of the page before. */
  readonly marker: string | null;
}

export interface ServerUsage {
  readonly server: ServerRow;
  readonly flavor: ServerFlavor;
  readonly launchedMs: number;
  /** Of the window alone. */
  readonly hours: number;
}

/** Every server that ran in the window, deleted ones too, oldest id first. */
export async function usageList(
  { world }: Context<ComputeWorld>,
  { projectId, fromMs, toMs, limit, marker }: UsageWindow,
): Promise<ServerUsage[]> {
  const servers = await world.cell.read(async (tx) => {
    if (marker !== null) {
      const known = tx.selectFrom('server').select('id').where('id', '=', marker);
      if ((await known.executeTakeFirst()) === undefined) {
        throw invalid(`marker [${marker}] not found`);
      }
    }
    let query = tx
      .selectFrom('server')
      .selectAll()
      .where('launched_at', '<', toMs)
      .where((e) => e.or([e('terminated_at', 'is', null), e('terminated_at', '>', fromMs)]));
    if (projectId !== null) query = query.where('project_id', '=', projectId);
    if (marker !== null) query = query.where('id', '>', marker);
    return query.orderBy('id').limit(limit).execute();
  });
  return servers.map((server) => {
    const launchedMs = server.launched_at ?? toMs;
    const endMs = Math.min(server.terminated_at ?? toMs, toMs);
    return {
      server,
      flavor: flavorParse(server.flavor),
      launchedMs,
      hours: Math.max(0, endMs - Math.max(launchedMs, fromMs)) / 3_600_000,
    };
  });
}
