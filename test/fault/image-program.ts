/** The image service in a process of its own, which kills itself at the step that its caller names. */
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { imageConverter } from '../../src/boot/image-converter.ts';
import { imageStage, imageUpload } from '../../src/image/image-upload.ts';
import { importRequest } from '../../src/image/import/import-request.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageDelete } from '../../src/image/image.ts';
import type { ImageTables } from '../../src/image/image.tables.ts';
import type { ImageContext } from '../../src/image/image.world.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import type { Db } from '../../src/kernel/db.ts';
import { imagePort } from '../../src/image/port.ts';
import { actor, imageId, importsFinish, payload, snapshotNew, worldOf } from './image-world.ts';
import { powerCut, powerRecord } from './power-cut.ts';

const [directory = '', scenario = '', dieAtText = '0', how = 'kill', port = ''] =
  process.argv.slice(2);
if (how === 'power') powerRecord();
const dieAt = Number(dieAtText);

let count = 0;
const step = (): void => {
  count++;
  if (count !== dieAt) return;
  if (how === 'power') powerCut();
  process.kill(process.pid, 'SIGKILL');
};
/** A step before the effect, a step after it. */
async function between<T>(work: () => Promise<T>): Promise<T> {
  step();
  const value = await work();
  step();
  return value;
}

const mortalDb = (db: Db<ImageTables>): Db<ImageTables> => ({
  read: (work) => db.read(work),
  write: (work) => between(() => db.write(work)),
});

const mortalStore = (store: ImageStore): ImageStore => ({
  ...store,
  remove: (key) => between(() => store.remove(key)),
  async write(key) {
    const writer = await between(() => store.write(key));
    return {
      write: (chunk) => between(() => writer.write(chunk)),
      finish: () => between(() => writer.finish()),
      abort: () => between(() => writer.abort()),
    };
  },
});

const engine = sqliteOpen(`${directory}/db`);
const place = { directory, outsidePort: port === '' ? null : Number(port) };
const healthy = worldOf(engine, place, 0);
const world = {
  ...healthy,
  db: mortalDb(healthy.db),
  stores: healthy.stores.map(mortalStore),
  staging: {
    ...healthy.staging,
    ...mortalStore(healthy.staging),
    seal: (key: string) => between(() => healthy.staging.seal(key)),
  },
  ...(scenario === 'convert' && {
    converter: imageConverter('qcow2', { stateDir: directory, log: healthy.log }),
  }),
};
const context: ImageContext = {
  world,
  actor,
  clock: world.clock,
  ids: world.ids,
  log: world.log,
  allows: (rule, target = {}) => world.policy.allows(rule, actor, target),
};

async function* chunks(): AsyncIterable<Buffer> {
  const bytes = payload();
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

switch (scenario) {
  case 'upload':
    await imageUpload(context, imageId, {
      bytes: chunks(),
      isOwned: false,
      sizeBytes: null,
    });
    break;
  case 'delete':
    await imageDelete(context, imageId);
    break;
  case 'snapshot': {
    const port = imagePort(world);
    await port.imageCreate(snapshotNew);
    await port.imageWrite(snapshotNew.id, chunks());
    break;
  }
  case 'refused':
    await imageUpload(context, imageId, {
      bytes: chunks(),
      isOwned: false,
      sizeBytes: 1,
    }).catch(() => {});
    break;
  case 'stage':
    await imageStage(context, imageId, { bytes: chunks(), isOwned: false, sizeBytes: null });
    break;
  case 'import':
  case 'convert':
  case 'copy': {
    const name = scenario === 'copy' ? 'copy-image' : 'glance-direct';
    const admin = { ...context, allows: () => true };
    if (scenario !== 'copy') {
      await imageStage(admin, imageId, { bytes: chunks(), isOwned: false, sizeBytes: null });
    }
    const body = { method: { name }, all_stores: true };
    const request = {
      body,
      storeHeader: null,
      token: '',
      requestId: 'r',
      type: 'api_image_import',
    } as const;
    await importRequest(admin, imageId, request);
    await importsFinish(world);
    break;
  }
  case 'sweep': {
    const sweep = imageSweep({ ...world, clock: worldOf(engine, place, 3_600_000).clock });
    for (let times = 0; times < 2; times++) await sweep.run(new AbortController().signal);
    break;
  }
  case 'churn': {
    const port = imagePort(world);
    process.stdout.write('churning\n');
    for (;;) {
      const id = world.ids.uuid();
      await port.imageCreate({ ...snapshotNew, id });
      await port.imageWrite(id, chunks());
      await port.imageDelete(actor, id);
    }
  }
  default:
    throw new Error(`there is no scenario ${scenario}`);
}
process.stdout.write(`${count} steps\n`);
await engine.close();
