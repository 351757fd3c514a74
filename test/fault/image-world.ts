import { imagePolicy } from '../../src/image/image.policy.ts';
import type { ImageTables } from '../../src/image/image.tables.ts';
import type { ImageWorld } from '../../src/image/image.world.ts';
import type { SnapshotNew } from '../../src/image/port.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Policy } from '../../src/kernel/policy.ts';
import { portsNone } from '../image/world.ts';
import { memberOf } from '../support/api.ts';

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

/** Two buffers and a bit. */
export const payload = (): Buffer =>
  Buffer.alloc((2 << 20) + 12_345, Buffer.from(Array.from({ length: 251 }, (_, n) => n)));

/** `forwardMs`: how far in the future this world lives. */
export const worldOf = (engine: Engine, directory: string, forwardMs: number): ImageWorld => ({
  ...portsNone,
  db: engine.db<ImageTables>(),
  staging: fileStore({ id: 'staging', directory: `${directory}/staging`, reserveBytes: 0 }),
  stores: [fileStore({ id: 'file', directory: `${directory}/images`, reserveBytes: 0 })],
  policy: new Policy(imagePolicy),
  clock: {
    now: () => systemClock.now() + forwardMs,
    sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
  },
  ids: randomIds,
  log: silentLog,
  sizeLimitBytes: 64 << 20,
});
