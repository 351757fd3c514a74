import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoMilliseconds } from '../../src/kernel/clock.ts';

test('times of one minute and of others are written as Date writes them', () => {
  const minute = Date.UTC(2026, 1, 28, 23, 59);
  const times = [0, 1, 999, 1_000, 9_999, 10_000, 59_999, 60_000, 60_001, 59_998];
  for (const ms of [...times, ...times.map((after) => minute + after), 0]) {
    assert.equal(isoMilliseconds(ms), new Date(ms).toISOString());
  }
});
