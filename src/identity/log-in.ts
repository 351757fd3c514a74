import { unauthenticated } from './auth-failure.ts';
import { isExempt, isInactive } from './compliance.model.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityWorld } from './identity.world.ts';
import {
  logInActiveSet,
  logInFailureAdd,
  logInRecordGet,
  type LogInRecord,
} from './log-in.store.ts';
import { revocationInsert } from './revocation.store.ts';
import type { UserAccount } from './user.model.ts';
import { userUpdate } from './user.store.ts';

const dayMs = 86_400_000;

/**
 * After something secret was looked at, right or wrong: counts failures, and refuses who is locked out or was away too long. The
 * answer to a locked account is that to a wrong password, and comes after the same work.
 */
export async function logInSettle(
  world: IdentityWorld,
  user: UserAccount,
  { isRight, why }: { readonly isRight: boolean; readonly why: string },
): Promise<void> {
  const { db, clock, settings } = world;
  const { lockoutFailures, inactiveDays } = settings.compliance;
  if (lockoutFailures === 0 && inactiveDays === 0) {
    if (!isRight) throw unauthenticated(why, user.id);
    return;
  }
  const now = clock.now();
  const record = await db.read((tx) => logInRecordGet(tx, user.id));
  if (isLocked(world, user, record)) {
    throw unauthenticated(`The account is locked for user: ${user.id}.`, user.id);
  }
  if (!isRight) {
    if (lockoutFailures > 0) await db.write((tx) => logInFailureAdd(tx, user.id, now));
    throw unauthenticated(why, user.id);
  }
  await activeNote(world, user, record);
}

/** Who comes from an identity provider has no password that could be guessed, so that nothing locks the account. */
export async function federatedLogInSettle(world: IdentityWorld, user: UserAccount): Promise<void> {
  if (world.settings.compliance.inactiveDays === 0) return;
  await activeNote(world, user, await world.db.read((tx) => logInRecordGet(tx, user.id)));
}

async function activeNote(
  world: IdentityWorld,
  user: UserAccount,
  record: LogInRecord,
): Promise<void> {
  const { db, clock, settings } = world;
  await awayCheck(world, user, record);
  const now = clock.now();
  const { activeAtMs, failures } = record;
  const isDue = settings.compliance.inactiveDays > 0 && now - (activeAtMs ?? 0) >= dayMs;
  if (failures > 0 || isDue) await db.write((tx) => logInActiveSet(tx, user.id, now));
}

function isLocked(
  { settings, clock }: IdentityWorld,
  user: UserAccount,
  { failures, failedAtMs }: LogInRecord,
): boolean {
  const { lockoutFailures, lockoutMs } = settings.compliance;
  if (lockoutFailures === 0 || failures < lockoutFailures) return false;
  if (isExempt(user, 'ignore_lockout_failure_attempts')) return false;
  return lockoutMs === 0 || (failedAtMs ?? 0) + lockoutMs > clock.now();
}

/** Who was away too long is disabled, so that it shows and an administrator can undo it. */
async function awayCheck(
  world: IdentityWorld,
  user: UserAccount,
  { activeAtMs }: LogInRecord,
): Promise<void> {
  const { clock, settings } = world;
  if (!user.isEnabled) return;
  if (!isInactive(settings.compliance, user, { activeAtMs, nowMs: clock.now() })) return;
  await directoryWrite(world, async (tx) => {
    await userUpdate(tx, { ...user, isEnabled: false });
    await revocationInsert(tx, world, { kind: 'user', subject: user.id });
  });
  throw unauthenticated(`The account was not used for long, and is disabled: ${user.id}.`, user.id);
}
