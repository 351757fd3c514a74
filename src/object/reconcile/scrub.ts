import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { Blob } from '../blob/blob.model.ts';
import { blockBytes } from '../blob/body-intake.ts';
import type { DiskBlobs } from '../blob/disk-blobs.ts';
import { folderSync, type BlobFolder } from '../blob/files.ts';
import type { ObjectWorld } from '../object.world.ts';
import { blobsAfter, damagedSet } from '../store/reclaim.store.ts';
import { settingGet, settingSet } from '../store/setting.store.ts';

export interface ScrubOptions {
  readonly bytesPerSec: number;
  /** From the end of one pass to the next. */
  readonly everyMs: number;
}

export const scrubDefault: ScrubOptions = { bytesPerSec: 10 << 20, everyMs: 7 * 86_400_000 };

export interface ScrubState {
  /** Where it is; null: between two passes. */
  readonly at: { readonly shard: number; readonly blob: string } | null;
  readonly passes: number;
  readonly endedMs: number;
  readonly checkedBytes: number;
  readonly repaired: number;
}

const noState: ScrubState = { at: null, passes: 0, endedMs: 0, checkedBytes: 0, repaired: 0 };
const pageSize = 50;

export const scrubStateGet = async (world: ObjectWorld): Promise<ScrubState> =>
  (await settingGet<ScrubState>(world, 'scrub')) ?? noState;

/**
 * Reads all bytes again, in every folder, and holds them against their sums. A copy that differs is mended from a good
 * one; where there is none, the bytes are put aside and the object is marked, so that the operator learns of it.
 */
export const scrub = (
  world: ObjectWorld,
  disk: DiskBlobs,
  { bytesPerSec, everyMs }: ScrubOptions = scrubDefault,
): Reconciler => ({
  name: 'object-scrub',
  everyMs: 60_000,
  async run(signal) {
    let state = await scrubStateGet(world);
    if (state.at === null) {
      if (world.clock.now() - state.endedMs < everyMs) return;
      state = { ...state, at: { shard: 0, blob: '' }, checkedBytes: 0, repaired: 0 };
    }
    while (state.at !== null && !signal.aborted) {
      const from = state;
      const sums = await pageScrub(world, disk, from.at ?? { shard: 0, blob: '' });
      state = {
        ...from,
        at: sums.next,
        checkedBytes: from.checkedBytes + sums.checkedBytes,
        repaired: from.repaired + sums.repaired,
        ...(sums.next === null && { passes: from.passes + 1, endedMs: world.clock.now() }),
      };
      await settingSet(world, 'scrub', state);
      await world.clock.sleep((sums.checkedBytes / bytesPerSec) * 1000, signal);
    }
  },
});

interface PageSums {
  readonly next: ScrubState['at'];
  readonly checkedBytes: number;
  readonly repaired: number;
}

async function pageScrub(
  world: ObjectWorld,
  disk: DiskBlobs,
  { shard: number, blob: after }: { readonly shard: number; readonly blob: string },
): Promise<PageSums> {
  const shard = world.shards[number];
  if (shard === undefined) return { next: null, checkedBytes: 0, repaired: 0 };
  using pin = disk.pin();
  const blobs = await shard.read((tx) => blobsAfter(tx, after, pageSize));
  let [checkedBytes, repaired] = [0, 0];
  for (const blob of blobs) {
    if (blob.place === 'outside') continue;
    const found = await blobScrub(disk, blob);
    checkedBytes += blob.sizeBytes * disk.folders.length;
    repaired += found.repaired;
    if (!found.isGood && !blob.isDamaged) {
      const isMarked = await shard.write((tx) => damagedSet(tx, blob, world.clock.now()));
      if (isMarked) await quarantine(world, disk, blob);
    }
    if (found.isGood && blob.isDamaged) await shard.write((tx) => damagedSet(tx, blob, null));
  }
  pin[Symbol.dispose]();
  const last = blobs.at(-1);
  const isMore = blobs.length === pageSize && last !== undefined;
  const next = isMore ? { shard: number, blob: last.id } : { shard: number + 1, blob: '' };
  return { next: next.shard < world.shards.length ? next : null, checkedBytes, repaired };
}

/** Checks each block in each folder, and mends what can be. */
async function blobScrub(
  disk: DiskBlobs,
  blob: Blob,
): Promise<{ readonly isGood: boolean; readonly repaired: number }> {
  let repaired = 0;
  let isGood = true;
  for (let number = 0; number * blockBytes < blob.sizeBytes; number++) {
    const results = await Promise.allSettled(
      disk.folders.map((folder) => disk.blockIn(folder, blob, number)),
    );
    const good = results.find((result) => result.status === 'fulfilled')?.value;
    if (good === undefined) isGood = false;
    for (const [index, result] of results.entries()) {
      const folder = disk.folders[index];
      if (result.status === 'fulfilled' || good === undefined || folder === undefined) continue;
      await blockMend(disk, folder, { blob, number, bytes: good });
      repaired++;
    }
  }
  return { isGood, repaired };
}

async function blockMend(
  disk: DiskBlobs,
  folder: BlobFolder,
  { blob, number, bytes }: { readonly blob: Blob; readonly number: number; readonly bytes: Buffer },
): Promise<void> {
  const path = disk.pathOf(folder, blob);
  disk.forget(path);
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'r+').catch(() => open(path, 'w+', 0o600));
  try {
    await file.write(bytes, 0, bytes.length, blob.at + number * blockBytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await folderSync(dirname(path));
}

/** The bytes as they are now, for whoever wants to rescue what can be; they stay in their place too. */
async function quarantine(world: ObjectWorld, disk: DiskBlobs, blob: Blob): Promise<void> {
  const [folder] = disk.folders;
  if (folder === undefined) return;
  const path = join(folder.quarantine, blob.id);
  world.log.error('an object is damaged and no good copy is left: see welkin object status', {
    blob: blob.id,
    from: disk.pathOf(folder, blob),
    copy: path,
  });
  const bytes = Buffer.alloc(blob.sizeBytes > quarantineMax ? 0 : blob.sizeBytes);
  try {
    const file = await open(disk.pathOf(folder, blob), 'r');
    await file.read(bytes, 0, bytes.length, blob.at);
    await file.close();
    await writeFile(path, bytes, { mode: 0o600 });
  } catch (error) {
    world.log.warning('it could not be copied', { blob: blob.id, error: String(error) });
  }
}

/** What is larger stays in its own file only. */
const quarantineMax = 64 << 20;
