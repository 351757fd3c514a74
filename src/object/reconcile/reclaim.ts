import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { DiskBlobs } from '../blob/disk-blobs.ts';
import type { ObjectWorld } from '../object.world.ts';
import { blobsKnown, reclaimedId, reclaimForget, reclaimPage } from '../store/reclaim.store.ts';

const pageSize = 200;
/** Far longer than from the last byte of a body to its row; a row that comes later still is refused. */
export const orphanMs = 3_600_000;

/** Removes the files of what was deleted, once no reader can be in them. */
export const fileReclaim = (world: ObjectWorld, disk: DiskBlobs): Reconciler => ({
  name: 'object-reclaim',
  everyMs: 30_000,
  async run(signal) {
    const horizonMs = disk.worker.horizonMs();
    for (const shard of world.shards) {
      while (!signal.aborted) {
        const ids = await shard.read((tx) => reclaimPage(tx, horizonMs, pageSize));
        for (const { id, isLocal } of ids.map(reclaimedId)) {
          await (isLocal ? disk : world.blobs).remove(id);
        }
        if (ids.length > 0) await shard.write((tx) => reclaimForget(tx, ids));
        if (ids.length < pageSize) break;
      }
    }
  },
});

/** Removes files that no database knows: what a worker that was killed had begun. */
export const orphanSweep = (world: ObjectWorld, disk: DiskBlobs): Reconciler => ({
  name: 'object-orphans',
  everyMs: 6 * 3_600_000,
  async run(signal) {
    for (const { incoming, path } of disk.folders) {
      await orphansRemove(world, incoming, signal, async () => new Set());
      for (let n = 0; n < 256 && !signal.aborted; n++) {
        const folder = join(path, 'files', n.toString(16).padStart(2, '0'));
        await orphansRemove(world, folder, signal, (ids) => knownIn(world, ids));
      }
    }
  },
});

async function orphansRemove(
  world: ObjectWorld,
  folder: string,
  signal: AbortSignal,
  known: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<void> {
  let page: string[] = [];
  const judge = async (): Promise<void> => {
    const good = await known(page);
    for (const id of page) {
      if (good.has(id)) continue;
      world.log.info('a file that belongs to nothing is removed', { path: join(folder, id) });
      await rm(join(folder, id), { force: true });
    }
    page = [];
  };
  for await (const entry of await opendir(folder)) {
    if (signal.aborted) return;
    const { mtimeMs } = await stat(join(folder, entry.name)).catch(() => ({ mtimeMs: Infinity }));
    if (world.clock.now() - mtimeMs < orphanMs) continue;
    page.push(entry.name);
    if (page.length === pageSize) await judge();
  }
  if (page.length > 0) await judge();
}

/**
 * Asked in a write: a transaction that was under way has ended by then, and one that comes later refuses bytes so old.
 */
export async function knownIn(
  world: ObjectWorld,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  for (const shard of world.shards) {
    for (const id of await shard.write((tx) => blobsKnown(tx, ids))) known.add(id);
  }
  return known;
}
