/** One death of the image service, and what must hold after it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Blob } from '../../src/image/image-blob.store.ts';
import { storeOf } from '../../src/image/image-blob.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageMigrations } from '../../src/image/image.migrations.ts';
import type { ImageStatus } from '../../src/image/image.model.ts';
import type { ImageWorld } from '../../src/image/image.world.ts';
import { imagePort } from '../../src/image/port.ts';
import { kernelMigrations } from '../../src/kernel/tables.ts';
import {
  imageId,
  importsFinish,
  payload,
  snapshotNew,
  worldOf,
  type Place,
} from './image-world.ts';

export const program = join(import.meta.dirname, 'image-program.ts');
const hour = 3_600_000;
const never = new AbortController().signal;

export interface Scenario {
  readonly name: string;
  /** There is an image with bytes before; else one that is queued. */
  readonly isActive?: true;
  /** What images may be in the end. */
  readonly ends: readonly ImageStatus[];
  /** Another scenario that was killed at this step before. */
  readonly before?: readonly [name: string, dieAt: number];
}

export type Death = 'kill' | 'power';

async function* bytesOnce(isLarge = false): AsyncIterable<Buffer> {
  yield payload(isLarge);
}

/** A directory with one image: queued, or active for those who copy or delete. */
export async function placeMake(scenario: Scenario, outsidePort: number | null): Promise<Place> {
  const place = { directory: mkdtempSync(join(tmpdir(), 'welkin-image-crash-')), outsidePort };
  const engine = sqliteOpen(`${place.directory}/db`);
  await engine.migrate('kernel', kernelMigrations);
  await engine.migrate('image', imageMigrations);
  const port = imagePort(worldOf(engine, place, 0));
  await port.imageCreate({ ...snapshotNew, id: imageId });
  if (scenario.isActive) await port.imageWrite(imageId, bytesOnce(outsidePort !== null));
  await engine.close();
  return place;
}

export const placeRemove = ({ directory }: Place): void => rmSync(directory, { recursive: true });

/** Null: it was killed; else the number of steps after which it came to its end. */
export async function programRun(
  { directory, outsidePort }: Place,
  name: string,
  { dieAt, how }: { readonly dieAt: number; readonly how: Death },
): Promise<number | null> {
  const words = [name, String(dieAt), how, ...(outsidePort === null ? [] : [String(outsidePort)])];
  const child = spawn(process.execPath, [program, directory, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'welkin-image-crash-code') },
  });
  const said = text(child.stdout);
  const [code, signal] = await once(child, 'exit');
  assert.ok(code === 0 || signal === 'SIGKILL', `${words.join(' ')}: ${code} ${signal}`);
  return code === 0 ? Number(/^(\d+) steps$/m.exec(await said)?.[1]) : null;
}

const blobsOf = ({ db }: ImageWorld): Promise<Blob[]> =>
  db.read((tx) => tx.selectFrom('image_blob').selectAll().execute());
const imagesOf = ({ db }: ImageWorld) =>
  db.read((tx) => tx.selectFrom('image').selectAll().execute());

async function bytesOf(world: ImageWorld, { store: id, key }: Blob): Promise<Buffer> {
  const store = storeOf(world, id);
  const sizeBytes = await store?.sizeOf(key);
  assert.ok(store && typeof sizeBytes === 'number', `there are no bytes in ${id} under ${key}`);
  return Buffer.concat(await Array.fromAsync(store.read(key, 0, sizeBytes)));
}

/** What must hold at any moment: an active image has its exact bytes in every store that it names. */
async function activeCheck(world: ImageWorld): Promise<void> {
  const blobs = await blobsOf(world);
  for (const { id, status, size, sha512, disk_format } of await imagesOf(world)) {
    if (status !== 'active') continue;
    const live = blobs.filter(({ image_id, state }) => image_id === id && state === 'live');
    assert.ok(live.length > 0, 'an active image has bytes');
    for (const blob of live) {
      const bytes = await bytesOf(world, blob);
      assert.equal(bytes.length, size);
      assert.equal(createHash('sha512').update(bytes).digest('hex'), sha512);
      if (disk_format === 'raw') assert.ok(bytes.equals(payload(bytes.length > 6 << 20)));
    }
  }
}

/**
 * Whoever takes over when the holds of the dead have run out ends what was begun, and the sweep passes: then nothing is
 * half done, every byte is an image's, and what is queued can be uploaded.
 */
export async function takenOverCheck(place: Place, scenario: Scenario): Promise<void> {
  const engine = sqliteOpen(`${place.directory}/db`);
  const world = worldOf(engine, place, hour);
  await activeCheck(world);
  await importsFinish(world);
  await activeCheck(world);
  const sweep = imageSweep(world);
  for (let times = 0; times < 3; times++) await sweep.run(never);
  await activeCheck(world);

  const [images, blobs] = [await imagesOf(world), await blobsOf(world)];
  for (const { status, import_task } of images) {
    assert.ok(scenario.ends.includes(status), status);
    assert.equal(import_task, null);
  }
  const tasks = await world.db.read((tx) => tx.selectFrom('image_task').selectAll().execute());
  assert.ok(tasks.every(({ status }) => status === 'success' || status === 'failure'));
  for (const blob of blobs) {
    const status = images.find(({ id }) => id === blob.image_id)?.status;
    assert.equal(blob.state, status === 'uploading' ? 'staged' : 'live');
    assert.ok(status === 'active' || status === 'uploading', `bytes of an image that is ${status}`);
    if (status === 'uploading') assert.ok((await bytesOf(world, blob)).equals(payload()));
  }
  for (const store of [...world.stores, world.staging]) {
    const known = blobs.filter((blob) => blob.store === store.id).map(({ key }) => key);
    assert.deepEqual(new Set(await Array.fromAsync(store.keys())), new Set(known), store.id);
  }
  const port = imagePort(world);
  for (const { id, status } of images) {
    if (status !== 'queued') continue;
    assert.equal((await port.imageWrite(id, bytesOnce())).status, 'active');
  }
  await engine.close();
}

/** Runs it to its end once, and then to each step named, on fresh images; `few`: to some steps only. */
export async function deathsTry(
  scenario: Scenario,
  how: Death,
  {
    few,
    outsidePort = null,
  }: { readonly few: number | null; readonly outsidePort?: number | null },
): Promise<void> {
  const once_ = async (dieAt: number): Promise<number | null> => {
    const place = await placeMake(scenario, outsidePort);
    if (scenario.before !== undefined) {
      const [name, at] = scenario.before;
      assert.equal(await programRun(place, name, { dieAt: at, how: 'kill' }), null);
    }
    const steps = await programRun(place, scenario.name, { dieAt, how });
    await takenOverCheck(place, scenario);
    placeRemove(place);
    return steps;
  };
  const steps = await once_(0);
  assert.ok(steps !== null && steps >= 4, `${scenario.name} has only ${steps} steps`);
  const count = Math.min(few ?? steps, steps);
  for (let nth = 1; nth <= count; nth++) await once_(Math.round((nth * steps) / count));
}
