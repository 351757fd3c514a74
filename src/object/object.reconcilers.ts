import type { Reconciler } from '../kernel/reconciler.ts';
import type { DiskBlobs } from './blob/disk-blobs.ts';
import type { OutsideBlobs } from './blob/outside-blobs.ts';
import type { ObjectWorld } from './object.world.ts';
import { segmentCompact } from './reconcile/compact.ts';
import { expirySweep } from './reconcile/expiry.ts';
import { outsideSweep } from './reconcile/outside-orphans.ts';
import { fileReclaim, orphanSweep } from './reconcile/reclaim.ts';
import { scrub } from './reconcile/scrub.ts';
import { uploadSweep } from './reconcile/stale-uploads.ts';

/** What keeps the store itself in order; those of the fronts come on top. */
export const objectReconcilers = (
  world: ObjectWorld,
  disk: DiskBlobs,
  blobs: OutsideBlobs,
): readonly Reconciler[] => [
  expirySweep(world),
  uploadSweep(world),
  fileReclaim(world, disk),
  segmentCompact(world, disk),
  orphanSweep(world, disk),
  outsideSweep(world, blobs),
  scrub(world, disk),
];
