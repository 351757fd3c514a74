import type { Reconciler } from '../../kernel/reconciler.ts';
import type { ObjectWorld } from '../object.world.ts';
import { uploadRemove, uploadsBefore } from '../store/upload.store.ts';

/** Nobody uploads for so long; lifecycle rules of a bucket may say less. */
const staleMs = 30 * 86_400_000;
const pageSize = 100;

/** Multipart uploads that nobody will complete any more give their space back. */
export const uploadSweep = (world: ObjectWorld): Reconciler => ({
  name: 'object-uploads',
  everyMs: 3_600_000,
  async run(signal) {
    for (const shard of world.shards) {
      while (!signal.aborted) {
        const nowMs = world.clock.now();
        const beforeUs = (nowMs - staleMs) * 1000;
        const uploads = await shard.read((tx) => uploadsBefore(tx, beforeUs, pageSize));
        for (const { id } of uploads) await shard.write((tx) => uploadRemove(tx, id, nowMs));
        if (uploads.length < pageSize) break;
      }
    }
  },
});
