import type { Reconciler } from '../../kernel/reconciler.ts';
import { Failure } from '../../kernel/errors.ts';
import { objectDelete } from '../object-delete.ts';
import type { ObjectWorld } from '../object.world.ts';
import { shardOf } from '../shard.ts';
import { containerById } from '../store/container.store.ts';
import { expiredList } from '../store/object.store.ts';
import { versionIdOf } from '../object.model.ts';

const pageSize = 200;

/** Objects past their X-Delete-At are not found at once; here they go, with their bytes. Locked ones stay. */
export const expirySweep = (world: ObjectWorld): Reconciler => ({
  name: 'object-expiry',
  everyMs: 60_000,
  async run(signal) {
    for (const shard of world.shards) {
      let after = 0;
      // Thousands can be due at one moment, and those that are locked stay.
      let tried = new Map<string, number>();
      while (!signal.aborted) {
        const query = { nowMs: world.clock.now(), afterMs: after };
        const limit = pageSize + tried.size;
        const rows = await shard.read((tx) => expiredList(tx, query, limit));
        for (const row of rows) {
          const { container_id, name, seq, expires_ms } = row;
          const key = JSON.stringify([container_id, name, seq]);
          if (!tried.has(key)) await expire(world, row);
          tried.set(key, expires_ms ?? 0);
        }
        if (rows.length < limit) break;
        after = rows.at(-1)?.expires_ms ?? after;
        const atMs = after;
        tried = new Map([...tried].filter(([, ms]) => ms === atMs));
      }
    }
  },
});

/** Who deletes a container sees none of these in it. */
export async function containerExpire(world: ObjectWorld, containerId: number): Promise<void> {
  const query = { nowMs: world.clock.now(), afterMs: 0, containerId };
  const rows = await shardOf(world, containerId).read((tx) => expiredList(tx, query, pageSize));
  for (const row of rows) await expire(world, row);
}

type Expired = Awaited<ReturnType<typeof expiredList>>[number];

async function expire(
  world: ObjectWorld,
  { container_id, name, seq, versioned }: Expired,
): Promise<void> {
  try {
    const container = await shardOf(world, container_id).read((tx) =>
      containerById(tx, container_id),
    );
    await objectDelete(world, container, {
      name,
      // A numbered version stays one; the name has no current object any more.
      ...(versioned === 1 ? { marks: false } : { versionId: versionIdOf(seq, false) }),
      guard: (current) => {
        // Another one of the same name took its place, or it got more time.
        const isDue =
          current?.seq === seq && (current.expiresAtMs ?? Infinity) <= world.clock.now();
        if (!isDue) throw new Failure('precondition_failed', 'not this one');
      },
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
