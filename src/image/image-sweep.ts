import { causesOf } from '../kernel/errors.ts';
import type { Reconciler } from '../kernel/reconciler.ts';
import {
  blobAbandoned,
  blobDoom,
  blobDoomAll,
  blobKeysKnown,
  blobRelease,
  blobStagedStray,
} from './image-blob.store.ts';
import { blobsReclaim } from './image-blob.ts';
import { imageDeletedSet, imageKilledBefore, imageStatusSet } from './image.store.ts';
import { imageTaskForget } from './import/image-task.store.ts';
import type { ImageWorld } from './image.world.ts';
import type { ImageStore } from './stores/image-store.ts';

/** How long a failed snapshot can be looked at before it goes. */
const killedMs = 24 * 3_600_000;
const keysAtOnce = 500;
/** An image's id and a blob's: what is named otherwise was not put there by us. */
const keyPattern = /^[0-9a-f-]{36}\.[0-9a-f-]{36}$/i;

/** Puts right what uploaders and deleters left when they died. Never touches the bytes of a live upload. */
export function imageSweep(world: ImageWorld): Reconciler {
  let late: ReadonlyMap<string, number> = new Map();
  return {
    name: 'image-sweep',
    everyMs: 30_000,
    async run(signal) {
      late = await abandonedRelease(world, late);
      await killedDelete(world);
      await stagedRelease(world);
      await world.db.write((tx) => imageTaskForget(tx, world.clock.now()));
      await blobsReclaim(world, null);
      for (const store of [...world.stores, world.staging]) {
        if (signal.aborted) return;
        // A store that does not answer keeps no other from being swept.
        await strangersRemove(world, store, signal).catch((error: unknown) =>
          world.log.warning('a store could not be swept', {
            store: store.id,
            causes: causesOf(error),
          }),
        );
      }
    },
  };
}

/**
 * The image of an uploader that died can be uploaded again. On a machine that stood still every uploader is late: dead is
 * one that is late twice in a row and has not been heard of in between. Gives until when the late ones were held.
 */
async function abandonedRelease(
  { db, clock }: ImageWorld,
  lateBefore: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const now = clock.now();
  const late = await db.read((tx) => blobAbandoned(tx, now));
  for (const { id, image_id, held_until: heldUntil } of late) {
    if (lateBefore.get(id) !== heldUntil) continue;
    await db.write(async (tx) => {
      const [held] = await blobAbandoned(tx, now, id);
      if (held?.held_until !== heldUntil || !(await blobRelease(tx, id))) return;
      const change = { status: 'queued', updated_at: now } as const;
      await imageStatusSet(tx, image_id, ['saving', 'uploading'], change);
    });
  }
  return new Map(late.map(({ id, held_until: heldUntil }) => [id, heldUntil]));
}

/** Staged bytes that no import will take any more. */
async function stagedRelease({ db }: ImageWorld): Promise<void> {
  await db.write(async (tx) => {
    for (const id of await blobStagedStray(tx)) await blobDoom(tx, id);
  });
}

async function killedDelete({ db, clock }: ImageWorld): Promise<void> {
  const now = clock.now();
  const killed = await db.read((tx) => imageKilledBefore(tx, now - killedMs));
  for (const id of killed) {
    await db.write(async (tx) => {
      await blobDoomAll(tx, id);
      await imageDeletedSet(tx, id, now);
    });
  }
}

/** A row is written before the first byte and removed after the last: bytes without a row are nobody's. */
async function strangersRemove(
  { db }: ImageWorld,
  store: ImageStore,
  signal: AbortSignal,
): Promise<void> {
  let keys: string[] = [];
  const removeUnknown = async (): Promise<void> => {
    if (keys.length === 0) return;
    const seen = keys;
    keys = [];
    const known = await db.read((tx) => blobKeysKnown(tx, store.id, seen));
    for (const key of seen) if (!known.has(key)) await store.remove(key);
  };
  for await (const key of store.keys()) {
    if (signal.aborted) return;
    if (keyPattern.test(key)) keys.push(key);
    if (keys.length >= keysAtOnce) await removeUnknown();
  }
  await removeUnknown();
}
