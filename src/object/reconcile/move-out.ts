import type { Blob } from '../blob/blob.model.ts';
import { blockBytes } from '../blob/body-intake.ts';
import type { DiskBlobs } from '../blob/disk-blobs.ts';
import type { OutsideStore } from '../blob/outside-blobs.ts';
import type { ObjectWorld } from '../object.world.ts';
import { blobMoveOut, blobsAfter } from '../store/reclaim.store.ts';

const pageSize = 50;

export interface MovedSums {
  readonly moved: number;
  readonly bytes: number;
  /** Damaged here: they stay. */
  readonly left: number;
}

/** Moves the bytes of a store, which is served meanwhile, from its disk to another store. Can be repeated. */
export async function blobsMoveOut(
  world: ObjectWorld,
  disk: DiskBlobs,
  outside: OutsideStore,
): Promise<MovedSums> {
  let [moved, bytes, left] = [0, 0, 0];
  for (const shard of world.shards) {
    for (let after = ''; ;) {
      const from = after;
      using pin = disk.pin();
      const blobs = await shard.read((tx) => blobsAfter(tx, from, pageSize));
      for (const blob of blobs.filter(({ place }) => place !== 'outside')) {
        const isCopied = await blobCopy(disk, outside, blob);
        const isMoved =
          isCopied && (await shard.write((tx) => blobMoveOut(tx, blob, world.clock.now())));
        if (isMoved) [moved, bytes] = [moved + 1, bytes + blob.sizeBytes];
        // Deleted or compacted meanwhile: the next run finds it where it is then.
        else if (isCopied) await outside.remove(blob.id);
        else left++;
      }
      pin[Symbol.dispose]();
      if (blobs.length < pageSize) break;
      after = blobs.at(-1)?.id ?? '';
    }
  }
  return { moved, bytes, left };
}

/** As stored, each block held against its sum on the way. False: it is damaged. */
async function blobCopy(disk: DiskBlobs, outside: OutsideStore, blob: Blob): Promise<boolean> {
  const writer = await outside.write(blob.id);
  try {
    for (let number = 0; number * blockBytes < blob.sizeBytes; number++) {
      const block = await disk.block(blob, number).catch(() => null);
      if (block === null) {
        await writer.abort();
        return false;
      }
      await writer.write(block);
    }
    await writer.finish();
    return true;
  } catch (error) {
    await writer.abort().catch(() => {});
    throw error;
  }
}
