import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { Blob } from '../blob/blob.model.ts';
import { DamagedBlob } from '../blob/blob.model.ts';
import type { DiskBlobs } from '../blob/disk-blobs.ts';
import type { ObjectWorld } from '../object.world.ts';
import {
  blobMove,
  segmentBlobs,
  segmentClose,
  segmentEmptied,
  segmentIsEmpty,
  segmentsDead,
  segmentsEmptiedBefore,
  segmentsForget,
} from '../store/reclaim.store.ts';

/** A segment shorter than this is joined with others: every start of a worker leaves one. */
const shortBytes = 8 << 20;
const shortCount = 4;
/** A worker that has not run for so long is not there any more: what it wrote then is refused no longer. */
const fenceMs = 24 * 3_600_000;
const pageSize = 100;

/**
 * Segments of which half or more is dead, and short ones, are emptied: what lives is appended to this worker's own
 * segment. First all databases are told that nothing may be added, so nothing is missed; the file goes when no reader
 * can be in it.
 */
export const segmentCompact = (world: ObjectWorld, disk: DiskBlobs): Reconciler => ({
  name: 'object-compact',
  everyMs: 60_000,
  async run(signal) {
    for (const name of await candidates(world, disk)) {
      if (signal.aborted) return;
      await segmentEmpty(world, disk, name, signal);
    }
    await emptiedRemove(world, disk);
  },
});

async function candidates(world: ObjectWorld, disk: DiskBlobs): Promise<string[]> {
  const [first] = disk.folders;
  if (first === undefined) return [];
  // In this order: a segment that is begun later is in neither, one that is sealed between is in use for once more.
  const names = await readdir(first.segments);
  const inUse = disk.worker.segmentsInUse();
  const dead = new Map<string, number>();
  for (const shard of world.shards) {
    for (const [name, bytes] of await shard.read(segmentsDead)) {
      dead.set(name, (dead.get(name) ?? 0) + bytes);
    }
  }
  const rotten: string[] = [];
  const short: string[] = [];
  for (const name of names) {
    if (inUse.has(name)) continue;
    const { size } = await stat(join(first.segments, name));
    if ((dead.get(name) ?? 0) * 2 >= size) rotten.push(name);
    else if (size < shortBytes) short.push(name);
  }
  return [...rotten, ...(short.length >= shortCount ? short : [])];
}

async function segmentEmpty(
  world: ObjectWorld,
  disk: DiskBlobs,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const nowMs = world.clock.now();
  for (const shard of world.shards) await shard.write((tx) => segmentClose(tx, name, nowMs));
  let isEmpty = true;
  for (const shard of world.shards) {
    while (!signal.aborted) {
      const blobs = await shard.read((tx) => segmentBlobs(tx, name, pageSize));
      const moved = await Promise.all(blobs.map((blob) => blobAppend(disk, blob)));
      const good = moved.filter((one) => one !== null);
      await shard.write(async (tx) => {
        for (const { blob, to } of good) await blobMove(tx, blob, to);
      });
      // The scrubber sees to what is damaged.
      if (blobs.length < pageSize || good.length === 0) break;
    }
    isEmpty &&= await shard.read((tx) => segmentIsEmpty(tx, name));
  }
  if (!isEmpty) return;
  const emptiedMs = world.clock.now();
  for (const shard of world.shards) await shard.write((tx) => segmentEmptied(tx, name, emptiedMs));
}

async function blobAppend(
  disk: DiskBlobs,
  blob: Blob,
): Promise<{ blob: Blob; to: { segment: string; at: number } } | null> {
  try {
    return { blob, to: await disk.segments.append(blob.id, await disk.block(blob, 0)) };
  } catch (error) {
    if (error instanceof DamagedBlob) return null;
    throw error;
  }
}

async function emptiedRemove(world: ObjectWorld, disk: DiskBlobs): Promise<void> {
  const horizonMs = disk.worker.horizonMs();
  const [shard] = world.shards;
  if (shard === undefined) return;
  for (const name of await shard.read((tx) => segmentsEmptiedBefore(tx, horizonMs))) {
    for (const { segments } of disk.folders) {
      disk.forget(join(segments, name));
      await rm(join(segments, name), { force: true });
    }
  }
  const beforeMs = Math.min(horizonMs, world.clock.now() - fenceMs);
  for (const each of world.shards) await each.write((tx) => segmentsForget(tx, beforeMs));
}
