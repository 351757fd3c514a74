import { unavailable } from '../kernel/errors.ts';
import type { IdentityContext } from './identity.world.ts';

/** Failures of one address are forgotten after this long without another. */
const forgetMs = 600_000;
const firstDelayMs = 50;
/** Attempts of one address that may wait at one time. */
const waitersLimit = 16;

/**
 * Whoever guesses from one address waits longer with each wrong guess before the next is looked at. It delays and does not
 * refuse: others may share the address.
 */
export async function backOffWait(context: IdentityContext): Promise<void> {
  const { world, remoteAddress, clock } = context;
  const { backOffFree, backOffMaxMs } = world.settings.compliance;
  const suspect = world.memory.suspects.get(remoteAddress);
  if (suspect === undefined || suspect.failures < backOffFree) return;
  if (clock.now() - suspect.failedAtMs > forgetMs) {
    world.memory.suspects.delete(remoteAddress);
    return;
  }
  if (suspect.waiting >= waitersLimit) {
    throw unavailable('Too many failed log-ins from this address. Try again later.', {
      headers: { 'Retry-After': '5' },
    });
  }
  suspect.waiting++;
  const doublings = Math.min(suspect.failures - backOffFree, 10);
  const delayMs = Math.min(firstDelayMs * 2 ** doublings, backOffMaxMs);
  await clock.sleep(delayMs, context.signal).finally(() => suspect.waiting--);
}

export function backOffFailure({ world, remoteAddress, clock }: IdentityContext): void {
  const { suspects } = world.memory;
  const suspect = suspects.get(remoteAddress) ?? { failures: 0, failedAtMs: 0, waiting: 0 };
  suspect.failures++;
  suspect.failedAtMs = clock.now();
  suspects.set(remoteAddress, suspect);
}
