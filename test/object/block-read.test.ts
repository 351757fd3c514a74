import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlockReader } from '../../src/object/blob/block-read.ts';

test('after a read that waited for the disk the next ones are left to threads, for a while', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-block-'));
  writeFileSync(join(folder, 'file'), 'hello');
  await using file = await open(join(folder, 'file'));
  let [nowMs, stepMs] = [0, 0];
  let [diskReads, brought] = [0, 0];
  let asked = 0;
  const now = (): number => {
    asked++;
    return (nowMs += stepMs);
  };
  const reader = new BlockReader({ now }, () => (diskReads += brought));
  const read = async (): Promise<boolean> => {
    const before = asked;
    const block = Buffer.alloc(3);
    assert.equal(await reader.read(file, block, 2), 3);
    assert.equal(block.toString(), 'llo');
    // Only a read that stops everybody is timed.
    return asked > before;
  };
  assert.equal(await read(), true);
  // The machine was busy; the bytes were in memory.
  stepMs = 10;
  assert.equal(await read(), true);
  // A disk that is quick keeps nobody.
  [stepMs, brought] = [0, 8];
  assert.equal(await read(), true);
  stepMs = 10;
  assert.equal(await read(), true);
  stepMs = 0;
  let threaded = 0;
  while (!(await read())) threaded++;
  assert.equal(threaded, 200);
  rmSync(folder, { recursive: true });
});
