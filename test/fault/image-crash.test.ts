/** kill -9 at every step: no image is active without its exact bytes, no byte is left over after the sweep. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageMigrations } from '../../src/image/image.migrations.ts';
import type { ImageTable } from '../../src/image/image.tables.ts';
import type { ImageWorld } from '../../src/image/image.world.ts';
import { imagePort } from '../../src/image/port.ts';
import { kernelMigrations } from '../../src/kernel/tables.ts';
import { imageId, payload, snapshotNew, worldOf } from './image-world.ts';

const program = join(import.meta.dirname, 'image-program.ts');
const never = new AbortController().signal;
const hour = 3_600_000;

async function* payloadOnce(): AsyncIterable<Buffer> {
  yield payload();
}

/** A directory with one image: queued, or active for those who delete. */
async function prepare(directory: string, isActive: boolean): Promise<void> {
  const engine = sqliteOpen(`${directory}/db`);
  await engine.migrate('kernel', kernelMigrations);
  await engine.migrate('image', imageMigrations);
  const port = imagePort(worldOf(engine, directory, 0));
  await port.imageCreate({ ...snapshotNew, id: imageId });
  if (isActive) await port.imageWrite(imageId, payloadOnce());
  await engine.close();
}

/** True: it came to its end; false: it was killed. */
async function run(directory: string, scenario: string, dieAt: number): Promise<boolean> {
  const argv = [program, directory, scenario, String(dieAt)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  assert.ok(code === 0 || signal === 'SIGKILL', `${scenario} ${dieAt}: ${code} ${signal}`);
  return code === 0;
}

const filesOf = (directory: string): string[] =>
  existsSync(`${directory}/images`) ? readdirSync(`${directory}/images`) : [];

async function imagesOf({ db }: ImageWorld): Promise<ImageTable[]> {
  return db.read((tx) => tx.selectFrom('image').selectAll().execute()) as Promise<ImageTable[]>;
}

/** What must hold at any moment: an active image has its exact bytes. */
async function activeCheck(world: ImageWorld, directory: string): Promise<void> {
  for (const { id, status, size, sha512 } of await imagesOf(world)) {
    if (status !== 'active') continue;
    const [blob] = await world.db.read((tx) =>
      tx
        .selectFrom('image_blob')
        .selectAll()
        .where('image_id', '=', id)
        .where('state', '=', 'live')
        .execute(),
    );
    const bytes = readFileSync(`${directory}/images/${blob?.key}`);
    assert.equal(bytes.length, size);
    assert.equal(createHash('sha512').update(bytes).digest('hex'), sha512);
    assert.ok(bytes.equals(payload()));
  }
}

/** What must hold when the holds of the dead have run out and the sweep has passed. */
async function sweptCheck(directory: string): Promise<void> {
  const engine = sqliteOpen(`${directory}/db`);
  const world = worldOf(engine, directory, hour);
  await activeCheck(world, directory);
  await imageSweep(world).run(never);
  await activeCheck(world, directory);
  const images = await imagesOf(world);
  for (const { status } of images) {
    assert.ok(['queued', 'active', 'deleted'].includes(status), status);
  }
  const blobs = await world.db.read((tx) => tx.selectFrom('image_blob').selectAll().execute());
  assert.ok(blobs.every(({ state }) => state === 'live'));
  const active = images.filter(({ status }) => status === 'active').map(({ id }) => id);
  assert.deepEqual(new Set(blobs.map(({ image_id }) => image_id)), new Set(active));
  assert.deepEqual(new Set(filesOf(directory)), new Set(blobs.map(({ key }) => key)));

  const port = imagePort(world);
  for (const { id, status } of images) {
    if (status === 'queued')
      assert.equal((await port.imageWrite(id, payloadOnce())).status, 'active');
  }
  await engine.close();
}

for (const [scenario, isActive] of [
  ['upload', false],
  ['snapshot', false],
  ['refused', false],
  ['delete', true],
] as const) {
  test(`${scenario}: killed at each of its steps`, async () => {
    let isEnded = false;
    for (let dieAt = 1; !isEnded; dieAt++) {
      const directory = mkdtempSync(join(tmpdir(), 'welkin-image-crash-'));
      await prepare(directory, isActive);
      isEnded = await run(directory, scenario, dieAt);
      await sweptCheck(directory);
      rmSync(directory, { recursive: true });
      assert.ok(!isEnded || dieAt > 4, 'no step was ever reached');
    }
  });
}

test('the sweep itself can be killed at each of its steps and goes on where it was', async () => {
  let isEnded = false;
  for (let dieAt = 1; !isEnded; dieAt++) {
    const directory = mkdtempSync(join(tmpdir(), 'welkin-image-crash-'));
    await prepare(directory, false);
    assert.equal(await run(directory, 'upload', 7), false);
    isEnded = await run(directory, 'sweep', dieAt);
    await sweptCheck(directory);
    rmSync(directory, { recursive: true });
    assert.ok(!isEnded || dieAt > 4, 'no step was ever reached');
  }
});

test('killed at moments that nobody chose', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-image-crash-'));
  await prepare(directory, true);
  for (let round = 0; round < 12; round++) {
    const argv = [program, directory, 'churn'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await sleep(1 + ((round * 37) % 120));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await sweptCheck(directory);
  }
  rmSync(directory, { recursive: true });
});
