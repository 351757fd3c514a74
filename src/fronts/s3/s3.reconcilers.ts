import type { Reconciler } from '../../kernel/reconciler.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { lifecycleReconciler } from './lifecycle.reconciler.ts';
import { notifyReconciler } from './notify.reconciler.ts';

/** What keeps the promises of bucket settings; run once per store. */
export const s3Reconcilers = (world: ObjectWorld): readonly Reconciler[] => [
  lifecycleReconciler(world),
  notifyReconciler(world),
];
