import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { storeProgram, type StoreProgram } from '../support/object-store.ts';
import { CheckedLoad } from './object-load.ts';
import { SegmentLoad, swiftUser } from './object-segment-load.ts';
import { storeCheck } from './object-check.ts';

/** All of them in the long run (`welkin test fault --all`). */
const kills = Number(
  process.env['WELKIN_TEST_KILLS'] ?? (process.env['WELKIN_TEST_ALL'] ? 500 : 30),
);

/** A worker that serves, chosen at random; it is started again by itself. */
async function workerKill(store: StoreProgram): Promise<void> {
  for (;;) {
    const pids = store.pids();
    const pid = pids[Math.floor(Math.random() * pids.length)];
    // The program itself is only killed when it has no workers at this moment.
    if (pid !== undefined && pid !== store.child().pid) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await wait(20);
  }
}

async function served(store: StoreProgram): Promise<void> {
  for (;;) {
    const answer = await store.client.ask({ method: 'GET', path: '/load' }).catch(() => null);
    if (answer?.status === 200) return;
    await wait(50);
  }
}

test(`${kills} workers are killed under a mixed load: what was acknowledged is there, whole, and listed`, async () => {
  await using store = await storeProgram({ workers: 2, words: swiftUser });
  const load = new CheckedLoad(store.client);
  await load.begin();
  const large = new SegmentLoad(store);
  await large.begin();
  const running = Promise.all([load.run(12), large.run(2)]);
  for (let n = 0; n < kills; n++) {
    await wait(100 + Math.random() * 600);
    await workerKill(store);
    if (n % 10 === 9) await served(store);
  }
  await served(store);
  load.stop();
  large.stop();
  await running;
  await load.verify();
  await large.verify();
  assert.deepEqual([...load.faults, ...large.faults].slice(0, 5), []);
  assert.ok(large.acknowledged > 5, `only ${large.acknowledged} segments and manifests`);
  assert.ok(load.acknowledged > kills, `only ${load.acknowledged} writes were acknowledged`);
  const { folder } = store;
  store.child().kill('SIGTERM');
  await new Promise((resolve) => store.child().once('exit', resolve));
  await storeCheck(folder);
});
