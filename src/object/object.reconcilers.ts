import type { Reconciler } from '../kernel/reconciler.ts';
import { expirySweep } from './reconcile/expiry.ts';
import type { ObjectWorld } from './object.world.ts';

/** What keeps the store itself in order; those of the fronts come on top. */
export const objectReconcilers = (world: ObjectWorld): readonly Reconciler[] => [
  expirySweep(world),
];
