import { causesOf } from '../../kernel/errors.ts';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { OutsideBlobs, OutsideStore } from '../blob/outside-blobs.ts';
import type { ObjectWorld } from '../object.world.ts';
import { blobsKnown } from '../store/reclaim.store.ts';
import { knownIn, orphanMs } from './reclaim.ts';

/** Nobody takes so long to bring a body from here to another store. */
const partsMs = 24 * 3_600_000;
const pageSize = 500;
/** Between two pages: the other store and the databases have more to do. */
const restMs = 500;
/** So many are remembered from one look to the next; the others have their turn later. */
const strayMax = 10_000;

/** What no database knew when it was seen first. */
interface Stray {
  readonly sinceMs: number;
  /** False: parts of an upload that was not completed. */
  readonly isWhole: boolean;
}

/**
 * Removes bytes in the other store that no database knows: what a worker that was killed had brought there. Its times are
 * not trusted: what was whole and unknown at one look, and still is an hour and more later, gets no row any more. Only
 * what bears this store's mark is touched, and of what is not whole only the parts.
 */
export function outsideSweep(world: ObjectWorld, blobs: OutsideBlobs): Reconciler {
  let before: ReadonlyMap<string, Stray> = new Map();
  return {
    name: 'object-outside-orphans',
    everyMs: 6 * 3_600_000,
    async run(signal) {
      const { outside } = blobs;
      if (outside === null) return;
      const strays = new Map<string, Stray>();
      let page: string[] = [];
      const judge = async (): Promise<void> => {
        const known = await knownAbout(world, page);
        for (const key of page) {
          if (known.has(key) || strays.has(key) || strays.size >= strayMax) continue;
          const seen = before.get(key) ?? null;
          const stray = await strayJudge(world, outside, key, seen).catch((error: unknown) => {
            world.log.warning('bytes in another store could not be judged', {
              key,
              causes: causesOf(error),
            });
            return seen;
          });
          if (stray !== null) strays.set(key, stray);
        }
        page = [];
        await world.clock.sleep(restMs, signal);
      };
      let count = 0;
      for await (const key of outside.keys()) {
        if (signal.aborted) return;
        if (blobs.keys.isOwn(key)) page.push(key);
        if (++count % pageSize === 0) await judge();
      }
      await judge();
      before = strays;
    },
  };
}

/** Null: nothing is left of it, or it is known. */
async function strayJudge(
  world: ObjectWorld,
  outside: OutsideStore,
  key: string,
  before: Stray | null,
): Promise<Stray | null> {
  const nowMs = world.clock.now();
  const isWhole = (await outside.sizeOf(key)) !== null;
  if (before?.isWhole !== isWhole) return { sinceMs: nowMs, isWhole };
  if (nowMs - before.sinceMs < (isWhole ? orphanMs : partsMs)) return before;
  if (isWhole && (await knownIn(world, [key])).has(key)) return null;
  world.log.info('bytes in another store that belong to nothing are removed', { key, isWhole });
  // Parts that became whole at this moment are not lost: they are looked at once more.
  await (isWhole ? outside.remove(key) : outside.partsRemove(key));
  return null;
}

/** A first look, that keeps no writer waiting. */
async function knownAbout(
  world: ObjectWorld,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  if (keys.length === 0) return known;
  for (const shard of world.shards) {
    for (const id of await shard.read((tx) => blobsKnown(tx, keys))) known.add(id);
  }
  return known;
}
