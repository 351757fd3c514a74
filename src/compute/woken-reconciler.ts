import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Reconciler } from '../kernel/reconciler.ts';

export interface Parts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** A reconciler that knows what it must be woken by. */
export interface WokenReconciler extends Reconciler {
  readonly onWake?: (wake: () => void) => void;
}
