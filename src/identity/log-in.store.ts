import type { Tx } from './identity.tables.ts';

export interface LogInRecord {
  readonly failures: number;
  readonly failedAtMs: number | null;
  readonly activeAtMs: number | null;
}

const table = 'identity_log_in';
const none: LogInRecord = { failures: 0, failedAtMs: null, activeAtMs: null };

export async function logInRecordGet(tx: Tx, userId: string): Promise<LogInRecord> {
  const row = await tx
    .selectFrom(table)
    .select(['failures', 'failed_at as failedAtMs', 'active_at as activeAtMs'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row ?? none;
}

/** Counted by the database: attempts at one time are all counted. */
export async function logInFailureAdd(tx: Tx, userId: string, nowMs: number): Promise<void> {
  await tx
    .insertInto(table)
    .values({ user_id: userId, failures: 1, failed_at: nowMs, active_at: null })
    .onConflict((conflict) =>
      conflict.column('user_id').doUpdateSet((eb) => ({
        failures: eb('identity_log_in.failures', '+', 1),
        failed_at: nowMs,
      })),
    )
    .execute();
}

export async function logInActiveSet(tx: Tx, userId: string, nowMs: number): Promise<void> {
  await tx
    .insertInto(table)
    .values({ user_id: userId, failures: 0, failed_at: null, active_at: nowMs })
    .onConflict((conflict) =>
      conflict.column('user_id').doUpdateSet({ failures: 0, failed_at: null, active_at: nowMs }),
    )
    .execute();
}
