import assert from 'node:assert/strict';
import { test } from 'node:test';
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
