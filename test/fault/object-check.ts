import assert from 'node:assert/strict';
import { storeEngines, storeOpen } from '../../src/boot/object/object-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { containerWalk } from '../../src/object/container.ts';
import { objectSettingsDefault } from '../../src/object/object.world.ts';
import { scrub, scrubStateGet } from '../../src/object/reconcile/scrub.ts';
import { shardOf } from '../../src/object/shard.ts';
import { storedSums } from '../../src/object/store/reclaim.store.ts';

const identity = {
  tokenActor: async () => null,
  accessKeyFind: async () => null,
  projectNames: async () => new Map<string, string>(),
};

/** A store that nobody serves: every byte is good, every counter exact, and no bytes are held without need. */
export async function storeCheck(dataDir: string): Promise<void> {
  const { tempauth, ...settings } = objectSettingsDefault;
  const store = await storeOpen({
    dataDir,
    mirrors: [],
    engineOpen: await storeEngines(dataDir, null),
    settings: { ...settings, tempauth },
    identity,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const { world, disk } = store;
  try {
    const always = { bytesPerSec: Infinity, everyMs: 0 };
    await scrub(world, disk, always).run(new AbortController().signal);
    assert.equal((await scrubStateGet(world)).at, null);
    for (const shard of world.shards) {
      assert.equal((await shard.read(storedSums)).damaged, 0, 'bytes differ from their sums');
      const { blobs, needed } = await shard.read(async (tx) => {
        const rows = await tx.selectFrom('blob').select(['id', 'refs']).execute();
        const bodies = await tx.selectFrom('object').select('body').execute();
        return { blobs: rows, needed: bodies.flatMap(({ body }) => body ?? []) };
      });
      assert.deepEqual(blobs.map(({ id }) => id).toSorted(), needed.toSorted());
      assert.ok(blobs.every(({ refs }) => refs === 1));
    }
    for await (const { id, counts } of containerWalk(world)) {
      const rows = await shardOf(world, id).read((tx) =>
        tx.selectFrom('object').select('size').where('container_id', '=', id).execute(),
      );
      const bytes = rows.reduce((sum, { size }) => sum + size, 0);
      assert.deepEqual([counts.objects, counts.bytes], [rows.length, bytes]);
    }
  } finally {
    await store.close();
  }
}
