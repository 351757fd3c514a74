import { conflict, forbidden, notFound } from '../kernel/errors.ts';
import { imageAuthorize, imageSee } from './image-access.ts';
import { blobDoom, blobLive } from './image-blob.store.ts';
import { blobsReclaim, storeOf } from './image-blob.ts';
import type { ImageContext } from './image.world.ts';

/** A copy in one store may go when another store has the image too. */
export async function storeCopyRemove(
  context: ImageContext,
  id: string,
  storeId: string,
): Promise<void> {
  const { world } = context;
  await world.db.write(async (tx) => {
    const { image, target } = await imageSee(context, tx, id);
    imageAuthorize(context, 'get_image_location', target);
    imageAuthorize(context, 'delete_image_location', target);
    if (storeOf(world, storeId) === null) {
      throw conflict(`The selected store ${storeId} is not available on this node.`);
    }
    if (image.status !== 'active') {
      throw conflict(
        "It's not allowed to remove image data from store if image status is not 'active'",
      );
    }
    const blobs = await blobLive(tx, id);
    const copy = blobs.find(({ store }) => store === storeId);
    if (copy === undefined) throw notFound(`Image ${id} is not stored in store ${storeId}.`);
    if (blobs.length === 1) {
      throw forbidden(
        'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
      );
    }
    await blobDoom(tx, copy.id);
  });
  await blobsReclaim(world, id);
}
