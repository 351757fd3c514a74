import { s3Front } from '../../fronts/s3/s3.front.ts';
import { s3Reconcilers } from '../../fronts/s3/s3.reconcilers.ts';
import { syncReconciler } from '../../object/swift/sync.reconciler.ts';
import { swiftFront } from '../../object/swift/swift.front.ts';
import type { ObjectFronts } from './object-serve.ts';

/** The tongues that the store speaks. */
export const objectFronts: ObjectFronts = {
  swift: swiftFront,
  s3: s3Front,
  reconcilers: (world) => [...s3Reconcilers(world), syncReconciler(world)],
};
