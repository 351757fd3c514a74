import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Db } from '../../kernel/db.ts';
import { causesOf } from '../../kernel/errors.ts';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { DiskBlobs } from '../blob/disk-blobs.ts';
import type { ShardTables } from '../object.tables.ts';
import type { ObjectWorld } from '../object.world.ts';
import { blobsKnown, reclaimedId, reclaimForget, reclaimPage } from '../store/reclaim.store.ts';

const pageSize = 200;
/** Far longer than from the last byte of a body to its row; a row that comes later still is refused. */
export const orphanMs = 3_600_000;

/** So many that cannot be removed one after the other, and the rest waits for the next run. */
const refusalsMax = 3;

/** Removes the files of what was deleted, once no reader can be in them. What cannot be removed keeps no other. */
export function fileReclaim(world: ObjectWorld, disk: DiskBlobs): Reconciler {
  /** Behind which id each database is gone on with; from the first at a new start. */
  const reached = new Map<Db<ShardTables>, string>();
  return {
    name: 'object-reclaim',
    everyMs: 30_000,
    async run(signal) {
      const horizonMs = disk.worker.horizonMs();
      for (const shard of world.shards) {
        for (let after = reached.get(shard) ?? ''; !signal.aborted;) {
          const from = { horizonMs, after };
          const ids = await shard.read((tx) => reclaimPage(tx, from, pageSize));
          const { removed, tried, isGivenUp } = await filesRemove(world, disk, ids);
          if (removed.length > 0) await shard.write((tx) => reclaimForget(tx, removed));
          const isLast = ids.length < pageSize && tried.length === ids.length;
          after = isLast ? '' : (tried.at(-1) ?? '');
          reached.set(shard, after);
          if (isLast || isGivenUp) break;
        }
      }
    },
  };
}

interface Removals {
  readonly removed: readonly string[];
  readonly tried: readonly string[];
  readonly isGivenUp: boolean;
}

async function filesRemove(
  world: ObjectWorld,
  disk: DiskBlobs,
  ids: readonly string[],
): Promise<Removals> {
  const [removed, tried]: [string[], string[]] = [[], []];
  let refusals = 0;
  for (const text of ids) {
    tried.push(text);
    const { id, isLocal } = reclaimedId(text);
    try {
      await (isLocal ? disk : world.blobs).remove(id);
      removed.push(text);
      refusals = 0;
    } catch (error) {
      world.log.warning('bytes of what was deleted could not be removed yet', {
        blob: id,
        causes: causesOf(error),
      });
      if (++refusals === refusalsMax) return { removed, tried, isGivenUp: true };
    }
  }
  return { removed, tried, isGivenUp: false };
}

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
