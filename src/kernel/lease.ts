import type { Clock } from './clock.ts';
import type { Db, Tx } from './db.ts';
import type { Log } from './log.ts';
import type { KernelTables } from './tables.ts';

const leaseMs = 3_000;
const renewMs = 1_000;

/**
 * Whatever must run once in a cloud runs where its lease is. The epoch grows with every new holder; a writer that
 * names the epoch it was given is fenced once another has taken over.
 */
export interface Lease {
  readonly epoch: number;
  /** Aborted when the lease is lost or given up. */
  readonly lost: AbortSignal;
}

/** The epoch when taken or renewed, null while another holds it. Settled by one conditional write. */
export async function leaseTake(
  tx: Tx<KernelTables>,
  name: string,
  holder: string,
  now: number,
): Promise<number | null> {
  const held = await tx.selectFrom('lease').selectAll().where('name', '=', name).executeTakeFirst();
  const expires_at = now + leaseMs;
  if (held === undefined) {
    await tx.insertInto('lease').values({ name, holder, epoch: 1, expires_at }).execute();
    return 1;
  }
  if (held.holder !== holder && held.expires_at > now) return null;
  const epoch = held.holder === holder ? held.epoch : held.epoch + 1;
  await tx
    .updateTable('lease')
    .set({ holder, epoch, expires_at })
    .where('name', '=', name)
    .execute();
  return epoch;
}

/** Throws when the epoch is no longer the lease's: the transaction of a late writer must not commit. */
export async function leaseAssert(
  tx: Tx<KernelTables>,
  name: string,
  epoch: number,
): Promise<void> {
  const held = await tx
    .selectFrom('lease')
    .select('epoch')
    .where('name', '=', name)
    .executeTakeFirst();
  if (held?.epoch !== epoch) throw new Error(`the lease ${name} was lost to a later holder`);
}

export interface LeaseOptions {
  readonly db: Db<KernelTables>;
  readonly clock: Clock;
  readonly log: Log;
  readonly name: string;
  readonly holder: string;
}

/** All leases of a process are renewed in one turn: one commit, synced once, serves them all. */
const untilRenewal = (nowMs: number): number => renewMs - (nowMs % renewMs);

/** Runs `work` whenever this process holds the lease, until `stop`; gives the lease up at the end. */
export async function leaseHold(
  { db, clock, log, name, holder }: LeaseOptions,
  stop: AbortSignal,
  work: (lease: Lease) => Promise<void>,
): Promise<void> {
  while (!stop.aborted) {
    const epoch = await db
      .write((tx) => leaseTake(tx, name, holder, clock.now()))
      .catch(
        (error: unknown) => (
          log.warning('a lease could not be asked for', { name, error: String(error) }),
          null
        ),
      );
    if (epoch === null) {
      await clock.sleep(renewMs, stop);
      continue;
    }
    const lost = new AbortController();
    const ended = AbortSignal.any([lost.signal, stop]);
    const running = work({ epoch, lost: ended }).catch(async (error: unknown) => {
      log.error('the work under a lease ended by a fault', { name, error: String(error) });
      lost.abort();
      await clock.sleep(renewMs, stop);
    });
    let renewedMs = clock.now();
    while (!ended.aborted) {
      await clock.sleep(untilRenewal(clock.now()), ended);
      if (ended.aborted) break;
      const renewed = await db
        .write((tx) => leaseTake(tx, name, holder, clock.now()))
        .catch(() => undefined);
      if (renewed === epoch) renewedMs = clock.now();
      else if (renewed !== undefined || clock.now() - renewedMs > leaseMs) lost.abort();
    }
    await running;
  }
  const giveUp = db.write(async (tx) => {
    await tx
      .updateTable('lease')
      .set({ expires_at: 0 })
      .where('name', '=', name)
      .where('holder', '=', holder)
      .execute();
  });
  await giveUp.catch(() => {});
}
