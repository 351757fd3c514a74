import { causesOf } from '../kernel/errors.ts';
import { blobDoomed, blobRemove } from './image-blob.store.ts';
import type { ImageWorld } from './image.world.ts';
import type { ImageStore } from './stores/image-store.ts';

export const storeOf = ({ stores, staging }: ImageWorld, id: string): ImageStore | null =>
  [...stores, staging].find((store) => store.id === id) ?? null;

/**
 * Removes the bytes that nobody wants any more, of one image or of all. A store that fails is asked again by the
 * sweep: the caller's change is made, only the space comes back later.
 */
export async function blobsReclaim(world: ImageWorld, imageId: string | null): Promise<void> {
  const stores = [...world.stores, world.staging];
  await Promise.all(stores.map((store) => storeReclaim(world, store, imageId)));
}

/** So many that it does not give up one after the other, and a store is left alone until the next time. */
const refusalsMax = 3;

/** Each store by itself: one that does not answer is in nobody's way. */
async function storeReclaim(
  { db, clock, log }: ImageWorld,
  store: ImageStore,
  imageId: string | null,
): Promise<void> {
  const now = clock.now();
  const doomed = await db.read((tx) => blobDoomed(tx, now, store.id, imageId));
  // Each has a turn to be the first: what can never be removed keeps nothing else.
  const first = Math.floor(now / 1000) % Math.max(1, doomed.length);
  let refusals = 0;
  for (const blob of [...doomed.slice(first), ...doomed.slice(0, first)]) {
    if (refusals === refusalsMax) return;
    try {
      await store.remove(blob.key);
      await db.write((tx) => blobRemove(tx, blob.id));
      refusals = 0;
    } catch (error) {
      refusals++;
      log.warning('bytes of a deleted image could not be removed yet', {
        image: blob.image_id,
        store: blob.store,
        causes: causesOf(error),
      });
    }
  }
}
