import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { storeProgram, type S3Answer, type StoreProgram } from '../support/object-store.ts';
import { storeCheck } from './object-check.ts';
import { testDisk } from './object-disk.ts';
import { SegmentLoad, swiftUser } from './object-segment-load.ts';
import { CheckedLoad } from './object-load.ts';

const cuts = process.env['WELKIN_TEST_ALL'] ? 20 : 3;

async function ended(store: StoreProgram, signal: NodeJS.Signals): Promise<void> {
  const all = store.pids().filter((pid) => pid !== store.child().pid);
  const over = once(store.child(), 'exit');
  for (const pid of signal === 'SIGKILL' ? all : []) process.kill(pid, signal);
  store.child().kill(signal);
  await over;
}

test(`the power fails ${cuts} times under a mixed load: what was acknowledged is there, whole, and listed`, async () => {
  // What was overwritten in the last minute is kept for its readers: here that is everything.
  using disk = testDisk(16 << 10);
  const folder = join(disk.path, 'store');
  await using store = await storeProgram({ folder, words: swiftUser });
  const load = new CheckedLoad(store.client);
  await load.begin();
  const large = new SegmentLoad(store);
  await large.begin();
  for (let n = 0; n < cuts; n++) {
    const running = Promise.all([load.run(8), large.run(2)]);
    await wait(2000 + Math.random() * 2000);
    disk.powerCut();
    load.stop();
    large.stop();
    await ended(store, 'SIGKILL');
    await running;
    disk.mountAgain();
    await store.restart();
    await load.verify();
    await large.verify();
    assert.deepEqual([...load.faults, ...large.faults].slice(0, 5), [], `after ${n + 1} cuts`);
    load.resume();
  }
  assert.ok(load.acknowledged > cuts * 10, `only ${load.acknowledged} writes were acknowledged`);
  assert.ok(large.acknowledged > cuts, `only ${large.acknowledged} segments and manifests`);
  await ended(store, 'SIGTERM');
  await storeCheck(folder);
});

test('a full disk refuses what is new, serves and deletes what is there, and takes more once there is room', async () => {
  using disk = testDisk(128);
  const folder = join(disk.path, 'store');
  await using store = await storeProgram({ folder });
  const { client } = store;
  const put = (key: string, body: Buffer): Promise<S3Answer> =>
    client.ask({ method: 'PUT', path: `/bucket/${key}`, body });
  await client.ask({ method: 'PUT', path: '/bucket' });
  const kept = Buffer.alloc(200_000, 'kept');
  for (const key of ['small', 'gone']) assert.equal((await put(key, kept)).status, 200);
  assertFull(await put('larger-than-the-disk', Buffer.alloc(150 << 20)));
  const filler = join(disk.path, 'filler');
  diskFill(filler);
  // Long enough for whatever workers write now and then.
  await wait(6000);
  assertFull(await put('new', kept));
  assertFull(await put('new-small', Buffer.from('few bytes')));
  const read = await client.ask({ method: 'GET', path: '/bucket/small' });
  assert.ok(read.body.equals(kept));
  rmSync(filler);
  await wait(1100);
  assert.equal((await client.ask({ method: 'DELETE', path: '/bucket/gone' })).status, 204);
  assert.equal((await put('new', kept)).status, 200);
  await ended(store, 'SIGTERM');
  await storeCheck(folder);
});

function assertFull({ status, body }: S3Answer): void {
  assert.ok(
    status === 403 && /QuotaExceeded.*The object store is full/.test(body.toString()),
    `${status} ${body.toString()}`,
  );
}

function diskFill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const bytes of [1 << 20, 4096, 1]) {
      for (const chunk = Buffer.alloc(bytes); writeSync(file, chunk) === bytes;);
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
}
