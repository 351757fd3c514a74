import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Reconciler } from '../kernel/reconciler.ts';
import { hostZonesCopy } from './aggregate.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostFind, hostInsert, hostReport } from './host.store.ts';

/** A host that was not heard of for so long is down. */
export const hostDownMs = 60_000;

/** Asks every member what it is; one that does not answer is not seen, and after a while down. */
export const hostSync = (
  world: ComputeWorld,
  { clock, ids, log }: { clock: Clock; ids: Ids; log: Log },
): Reconciler => ({
  name: 'host-sync',
  everyMs: 10_000,
  async run() {
    const reports = world.hosts.list().map(async ({ name, agent }) => {
      const facts = await agent.hostGet();
      await world.cell.write(async (tx) => {
        if ((await hostFind(tx, name)) === null) {
          const made = { name, uuid: ids.uuid(), serviceUuid: ids.uuid() };
          await hostInsert(tx, made, world.settings, clock.now());
        }
        await hostReport(tx, name, facts, clock.now());
      });
    });
    const results = await Promise.allSettled(reports);
    await hostZonesCopy(world);
    for (const result of results) {
      if (result.status === 'rejected') {
        log.warning('a host does not say what it is', { error: String(result.reason) });
      }
    }
  },
});
