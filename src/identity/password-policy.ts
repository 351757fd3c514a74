import { Failure, forbidden, invalid } from '../kernel/errors.ts';
import { daysUntilChange, isPasswordExpired, passwordEnd } from './compliance.model.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { passwordLengthMax, passwordVerify } from './password.ts';
import type { UserAccount } from './user.model.ts';
import { passwordInsert, passwordListOf, passwordRemoveOlder, passwordTrim } from './user.store.ts';

/** What every new password must be like, whoever sets it. */
export function passwordCheck({ settings }: IdentityWorld, password: string): void {
  const { passwordPattern, passwordPatternText } = settings.compliance;
  if (password === '') throw invalid('Password validation error: the password is empty.');
  if (password.length > passwordLengthMax) {
    throw forbidden(
      `The password length must be less than or equal to ${passwordLengthMax}. The server could not comply with the request because the password is invalid.`,
    );
  }
  if (passwordPattern === null || new RegExp(passwordPattern, 'u').test(password)) return;
  throw invalid(`The password does not match the requirements: ${passwordPatternText}.`);
}

/** What the owner is held to beside that: an administrator who resets a password is not. */
export async function ownChangeCheck(
  world: IdentityWorld,
  user: UserAccount,
  password: string,
): Promise<void> {
  const { compliance } = world.settings;
  if (user.options['lock_password'] === true) {
    throw new Failure(
      'invalid',
      'Password validation error: You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.',
    );
  }
  const held = await world.db.read((tx) => passwordListOf(tx, user.id));
  const [newest] = held;
  const now = world.clock.now();
  if (newest?.isOwners === true && !isPasswordExpired(user, now)) {
    const days = daysUntilChange(compliance, newest.createdAtMs, now);
    if (days > 0) throw tooYoung(compliance.minimumAgeDays, days);
  }
  const { uniqueLastCount } = compliance;
  for (const { hash } of held.slice(0, uniqueLastCount)) {
    if (!(await passwordVerify(world, hash, password))) continue;
    throw invalid(
      `The new password cannot be identical to a previous password. The total number which includes the new password must be unique is ${uniqueLastCount}.`,
    );
  }
}

const tooYoung = (minimumDays: number, days: number): Failure =>
  invalid(
    `You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for ${minimumDays} day(s) before it can be changed. Please try again in ${days} day(s) or contact your administrator to reset your password.`,
  );

/** Keeps as many of the older ones as the rules ask about. Gives back when the new one ends. */
export async function passwordSet(
  tx: Tx,
  { ids, clock, settings }: IdentityWorld,
  user: Pick<UserAccount, 'id' | 'options'>,
  { hash, byOwner }: { readonly hash: string; readonly byOwner: boolean },
): Promise<number | null> {
  const now = clock.now();
  const expiresAtMs = passwordEnd(settings.compliance, user, { nowMs: now, byOwner });
  await passwordInsert(tx, {
    id: ids.uuid(),
    userId: user.id,
    hash,
    createdAtMs: now,
    expiresAtMs,
    isOwners: byOwner,
  });
  await passwordTrim(tx, user.id, Math.max(1, settings.compliance.uniqueLastCount));
  return expiresAtMs;
}

export const passwordRemove = (tx: Tx, userId: string): Promise<void> =>
  passwordRemoveOlder(tx, userId, '');
