import { imagePolicy } from '../../src/image/image.policy.ts';
import type { ImageTables } from '../../src/image/image.tables.ts';
import type { ImageWorld } from '../../src/image/image.world.ts';
import type { SnapshotNew } from '../../src/image/port.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import { s3Store } from '../../src/image/stores/s3-store.ts';
import { storeClientOpen } from '../../src/image/stores/store-http.ts';
import { importTask } from '../../src/image/import/import.task.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { leaseTake } from '../../src/kernel/lease.ts';
import { TaskRunner } from '../../src/kernel/task-runner.ts';
import { Policy } from '../../src/kernel/policy.ts';
import { portsNone } from '../image/world.ts';
import { memberOf } from '../support/api.ts';
import { storeKeys } from '../support/object-store.ts';

export const actor = memberOf('a');
export const imageId = '0198c0de-0000-7000-8000-000000000001';

export const snapshotNew: SnapshotNew = {
  id: '0198c0de-0000-7000-8000-000000000002',
  ownerId: 'a'.repeat(32),
  name: 'snapshot',
  diskFormat: 'raw',
  minDiskGib: 0,
  minRamMib: 0,
  properties: {},
};

/** Two buffers and a bit, or more than one part of an S3 store. */
export const payload = (isLarge = false): Buffer =>
  Buffer.alloc(
    (isLarge ? 6 << 20 : 2 << 20) + 12_345,
    Buffer.from(Array.from({ length: 251 }, (_, n) => n)),
  );

export interface Place {
  readonly directory: string;
  /** Of an S3 store outside, which then is a store too; null: there is none. */
  readonly outsidePort: number | null;
}

const outsideStore = (port: number): ImageStore =>
  s3Store({
    ...storeKeys,
    id: 'outside',
    description: '',
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'images',
    region: 'us-east-1',
    prefix: 'cloud/',
    style: 'path',
    client: storeClientOpen(null),
    clock: systemClock,
    partBytes: 5 << 20,
  });

/** `forwardMs`: how far in the future this world lives. */
export const worldOf = (
  engine: Engine,
  { directory, outsidePort }: Place,
  forwardMs: number,
): ImageWorld => ({
  ...portsNone,
  db: engine.db<ImageTables>(),
  staging: fileStore({ id: 'staging', directory: `${directory}/staging`, reserveBytes: 0 }),
  stores: [
    fileStore({ id: 'file', directory: `${directory}/images`, reserveBytes: 0 }),
    fileStore({ id: 'second', directory: `${directory}/second`, reserveBytes: 0 }),
    ...(outsidePort === null ? [] : [outsideStore(outsidePort)]),
  ],
  policy: new Policy(imagePolicy),
  clock: {
    now: () => systemClock.now() + forwardMs,
    sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
  },
  ids: randomIds,
  log: silentLog,
  sizeLimitBytes: 64 << 20,
});

/** Runs the imports that are under way to their ends, as the process that takes over does. */
export async function importsFinish(world: ImageWorld): Promise<void> {
  const { db, clock, ids, log } = world;
  const stop = new AbortController();
  const epoch = await db.write((tx) => leaseTake(tx, 'images', `p${process.pid}`, clock.now()));
  const runner = new TaskRunner({
    db,
    world,
    kinds: [importTask],
    leaseName: 'images',
    clock,
    ids,
    log,
  });
  const running = runner.run({ epoch: epoch ?? 0, lost: stop.signal });
  const left = () =>
    db.read((tx) =>
      tx
        .selectFrom('task')
        .select('id')
        .where('state', 'in', ['queued', 'running', 'undoing'])
        .execute(),
    );
  while ((await left()).length > 0) await systemClock.sleep(10);
  stop.abort();
  await running;
}
