import { claimSync } from './claim-sync.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostSync } from './host-sync.ts';
import { imageEvict } from './image-evict.ts';
import { serverSync } from './server-sync.ts';
import type { Parts, WokenReconciler } from './woken-reconciler.ts';

/** What keeps a cell true, each to be run by one process at a time. */
export const computeReconcilers = (
  world: ComputeWorld,
  parts: Parts,
): readonly WokenReconciler[] => [
  hostSync(world, parts),
  serverSync(world, parts),
  claimSync(world, parts),
  imageEvict(world, parts),
];
