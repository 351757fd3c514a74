import { flag } from '../kernel/db.ts';
import { networkWrite, type NetworkTx, type NetworkWorld } from './network.world.ts';

/** Members of the cloud that have no row yet get one. */
export async function agentsEnsure(world: NetworkWorld): Promise<void> {
  const known = await world.db.read((tx) =>
    tx.selectFrom('network_agent').select('host').execute(),
  );
  const missing = world.hosts
    .list()
    .filter(({ name }) => !known.some(({ host }) => host === name))
    .map(({ name }) => ({
      id: world.ids.uuid(),
      host: name,
      description: '',
      admin_state_up: flag(true),
      created_at: world.clock.now(),
    }));
  if (missing.length === 0) return;
  await networkWrite(world, async ({ tx }) => {
    await tx
      .insertInto('network_agent')
      .values(missing)
      .onConflict((c) => c.column('host').doNothing())
      .execute();
  });
}

/** Hosts that an operator keeps new routers away from. */
export async function hostsDown(tx: NetworkTx): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectFrom('network_agent')
    .select('host')
    .where('admin_state_up', '=', 0)
    .execute();
  return new Set(rows.map(({ host }) => host));
}
