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
  const doomed = await world.db.read((tx) => blobDoomed(tx, world.clock.now(), imageId));
  for (const blob of doomed) {
    const store = storeOf(world, blob.store);
    if (store === null) continue;
    try {
      await store.remove(blob.key);
      await world.db.write((tx) => blobRemove(tx, blob.id));
    } catch (error) {
      world.log.warning('bytes of a deleted image could not be removed yet', {
        image: blob.image_id,
        store: blob.store,
        causes: causesOf(error),
      });
    }
  }
}
