import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../src/kernel/log.ts';
import { WorkerFile } from '../../src/object/blob/worker-file.ts';

test('a worker that cannot write to its disk goes on, and its own readers still hold what they read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-worker-'));
  let nowMs = 1_000_000;
  const stop = new AbortController();
  const clock = {
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
      if (nowMs > 1_500_000) stop.abort();
    },
  };
  try {
    const worker = new WorkerFile(folder, 'w', { clock, log: silentLog });
    const pin = worker.pin();
    // As little can be written as on a full disk.
    mkdirSync(join(folder, 'workers', 'w.json.new'));
    await worker.beat(stop.signal);
    assert.equal(worker.horizonMs(), 1_000_000);
    pin[Symbol.dispose]();
    assert.equal(worker.horizonMs(), nowMs - 60_000);
    assert.throws(() => worker.segmentSet('s'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
