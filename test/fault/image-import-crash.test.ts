/**
 * kill -9 and power cuts in every phase of staging, import, conversion and copying: whoever takes over ends the import,
 * and then an image is active with its exact bytes in every store that it names, or queued with none.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageMigrations } from '../../src/image/image.migrations.ts';
import { imagePort } from '../../src/image/port.ts';
import { kernelMigrations } from '../../src/kernel/tables.ts';
import { imageId, importsFinish, payload, snapshotNew, worldOf } from './image-world.ts';

const program = join(import.meta.dirname, 'image-program.ts');
const hour = 3_600_000;

async function prepare(directory: string, isActive: boolean): Promise<void> {
  const engine = sqliteOpen(`${directory}/db`);
  await engine.migrate('kernel', kernelMigrations);
  await engine.migrate('image', imageMigrations);
  const port = imagePort(worldOf(engine, directory, 0));
  await port.imageCreate({ ...snapshotNew, id: imageId });
  const bytes = async function* () {
    yield payload();
  };
  if (isActive) await port.imageWrite(imageId, bytes());
  await engine.close();
}

/** True: it came to its end; false: it was killed. */
async function run(directory: string, words: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [program, directory, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = await once(child, 'exit');
  assert.ok(code === 0 || signal === 'SIGKILL', `${words.join(' ')}: ${code} ${signal}`);
  return code === 0;
}

const filesOf = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

async function takenOverCheck(directory: string, isCopy: boolean): Promise<void> {
  const engine = sqliteOpen(`${directory}/db`);
  const world = worldOf(engine, directory, hour);
  await importsFinish(world);
  await imageSweep(world).run(new AbortController().signal);
  await imageSweep(world).run(new AbortController().signal);
  const rows = await world.db.read((tx) => tx.selectFrom('image').selectAll().execute());
  const blobs = await world.db.read((tx) => tx.selectFrom('image_blob').selectAll().execute());
  const tasks = await world.db.read((tx) => tx.selectFrom('image_task').selectAll().execute());
  assert.ok(tasks.every(({ status }) => status === 'success' || status === 'failure'));
  for (const { store, key, image_id, state } of blobs) {
    const image = rows.find(({ id }) => id === image_id);
    const folder = { file: 'images', second: 'second', staging: 'staging' }[store] ?? '';
    const bytes = readFileSync(join(directory, folder, key));
    if (state === 'staged') {
      assert.equal(image?.status, 'uploading');
      assert.equal(store, 'staging');
      assert.ok(bytes.equals(payload()));
      continue;
    }
    assert.equal(state, 'live');
    assert.equal(image?.status, 'active');
    assert.equal(bytes.length, image?.size);
    assert.equal(createHash('sha512').update(bytes).digest('hex'), image?.sha512);
    if (image?.disk_format === 'raw') assert.ok(bytes.equals(payload()));
  }
  for (const { status, import_task } of rows) {
    assert.equal(import_task, null);
    assert.ok((isCopy ? ['active'] : ['queued', 'uploading', 'active']).includes(status), status);
    if (status === 'active') assert.ok(blobs.some(({ state }) => state === 'live'));
  }
  for (const [store, folder] of [
    ['file', 'images'],
    ['second', 'second'],
    ['staging', 'staging'],
  ] as const) {
    const known = blobs.filter((blob) => blob.store === store).map(({ key }) => key);
    assert.deepEqual(new Set(filesOf(join(directory, folder))), new Set(known), folder);
  }
  await engine.close();
}

/** A power cut loses more than a kill: it is tried where bytes become visible, a kill everywhere else too. */
for (const how of ['kill', 'power'] as const) {
  for (const [scenario, stride] of [
    ['upload', 1],
    ['stage', 1],
    ['import', 3],
    ['copy', 2],
    ['convert', 4],
  ] as const) {
    if (how === 'kill' && scenario === 'upload') continue;
    test(`${scenario}: ${how === 'kill' ? 'killed' : 'the power cut'} at its steps`, async () => {
      let isEnded = false;
      let count = 0;
      const first = how === 'kill' ? 1 : 2;
      for (let dieAt = first; !isEnded; dieAt += stride) {
        const directory = mkdtempSync(join(tmpdir(), 'welkin-image-crash-'));
        await prepare(directory, scenario === 'copy');
        isEnded = await run(directory, [scenario, String(dieAt), how]);
        await takenOverCheck(directory, scenario === 'copy');
        rmSync(directory, { recursive: true });
        count++;
      }
      assert.ok(count > 3, 'no step was ever reached');
    });
  }
}
