import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { memoryRelease } from '../../src/boot/memory-release.ts';

test('what a busy moment left is given back', () => {
  let garbage: number[][] | null = Array.from({ length: 4_000 }, () =>
    Array<number>(2_000).fill(1.5),
  );
  const busy = process.memoryUsage().heapTotal;
  assert.equal(garbage.length, 4_000);
  garbage = null;
  memoryRelease();
  assert.ok(busy - process.memoryUsage().heapTotal > 32 << 20);
});

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;

test('so is the young generation, which grows with what is made at a time', () => {
  let made: object[] = [];
  while (youngBytes() < 4 << 20) made.push({ at: made.length, text: `${made.length}` });
  made = [];
  memoryRelease();
  assert.ok(youngBytes() < 2 << 20);
});
