import type { UserAccount } from './user.model.ts';

const dayMs = 86_400_000;

/** Rules for passwords and log-ins; nought means that there is no such rule. */
export interface Compliance {
  /** Wrong passwords in a row that lock an account. */
  readonly lockoutFailures: number;
  /** Nought: until an administrator enables the user again. */
  readonly lockoutMs: number;
  readonly inactiveDays: number;
  readonly passwordExpiresDays: number;
  /** How many passwords in a row differ, the new one among them. */
  readonly uniqueLastCount: number;
  readonly minimumAgeDays: number;
  /** Text, since settings travel as JSON. */
  readonly passwordPattern: string | null;
  /** The pattern in words, for people. */
  readonly passwordPatternText: string;
  readonly changeUponFirstUse: boolean;
  /** Failures of one address that cost nothing yet, and the longest that a later one has to wait. */
  readonly backOffFree: number;
  readonly backOffMaxMs: number;
}

export const complianceDefaults: Compliance = {
  lockoutFailures: 0,
  lockoutMs: 1_800_000,
  inactiveDays: 0,
  passwordExpiresDays: 0,
  uniqueLastCount: 0,
  minimumAgeDays: 0,
  passwordPattern: null,
  passwordPatternText: '',
  changeUponFirstUse: false,
  backOffFree: 20,
  backOffMaxMs: 2_000,
};

type Option =
  | 'ignore_change_password_upon_first_use'
  | 'ignore_password_expiry'
  | 'ignore_lockout_failure_attempts'
  | 'ignore_user_inactivity';

export const isExempt = ({ options }: Pick<UserAccount, 'options'>, option: Option): boolean =>
  options[option] === true;

/** When a password set now ends; null: never. Whole seconds, as clients are shown them. */
export function passwordEnd(
  { passwordExpiresDays, changeUponFirstUse }: Compliance,
  user: Pick<UserAccount, 'options'>,
  { nowMs, byOwner }: { readonly nowMs: number; readonly byOwner: boolean },
): number | null {
  const isGiven = changeUponFirstUse && !byOwner;
  if (isGiven && !isExempt(user, 'ignore_change_password_upon_first_use')) return nowMs;
  if (passwordExpiresDays === 0 || isExempt(user, 'ignore_password_expiry')) return null;
  return Math.floor((nowMs + passwordExpiresDays * dayMs) / 1000) * 1000;
}

export const isPasswordExpired = (user: UserAccount, nowMs: number): boolean =>
  user.passwordExpiresAtMs !== null &&
  user.passwordExpiresAtMs <= nowMs &&
  !isExempt(user, 'ignore_password_expiry');

export const isInactive = (
  { inactiveDays }: Compliance,
  user: UserAccount,
  { activeAtMs, nowMs }: { readonly activeAtMs: number | null; readonly nowMs: number },
): boolean =>
  inactiveDays > 0 &&
  !isExempt(user, 'ignore_user_inactivity') &&
  nowMs - (activeAtMs ?? user.createdAtMs) >= inactiveDays * dayMs;

/** Whole days until a password of that age may be changed by its owner; nought or less: now. */
export const daysUntilChange = (
  { minimumAgeDays }: Compliance,
  createdAtMs: number,
  nowMs: number,
): number => Math.ceil((createdAtMs + minimumAgeDays * dayMs - nowMs) / dayMs);
