import type { Context } from '../kernel/context.ts';
import { unavailable } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';

const patienceMs = 120_000;

/**
 * Waits for the end of a task whose result is the answer. It may run in another process, so the journal is what is
 * looked at. Null: it is done; otherwise why it failed.
 */
export async function taskSettled(
  { world, clock, signal }: Context<ComputeWorld>,
  taskId: string,
): Promise<string | null> {
  const untilMs = clock.now() + patienceMs;
  for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 200)) {
    const task = await world.cell.read((tx) =>
      tx.selectFrom('task').select(['state', 'error']).where('id', '=', taskId).executeTakeFirst(),
    );
    if (task === undefined || task.state === 'done') return null;
    if (task.state === 'failed') return task.error ?? 'unknown';
    if (clock.now() > untilMs || signal.aborted) {
      throw unavailable('The operation goes on, but takes too long to wait for.');
    }
    await clock.sleep(waitMs, signal);
  }
}
