import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobHold, blobInsert } from '../../src/image/image-blob.store.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageStatusSet } from '../../src/image/image.store.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import { systemClock, type Clock } from '../../src/kernel/clock.ts';
import { imageServe, octets, until, type ImageServer } from './world.ts';

/** A clock that tests set forward; its sleeps are real. */
function movableClock(): Clock & { forwardMs: number } {
  const clock = {
    forwardMs: 0,
    now: () => systemClock.now() + clock.forwardMs,
    sleep: (delayMs: number, signal?: AbortSignal) => systemClock.sleep(delayMs, signal),
  };
  return clock;
}

const forever = new AbortController().signal;
const hour = 3_600_000;
const key = '0198c0de-0000-7000-8000-000000000001.0198c0de-0000-7000-8000-000000000002';

test('bytes without a row go, finished or not; what is named otherwise is not ours', async () => {
  await using server = await imageServe();
  const { house } = server;
  const kept = await server.create();
  await server.upload(kept, 'bytes');
  const before = house.files();
  writeFileSync(join(house.directory, key), 'x');
  writeFileSync(join(house.directory, `${key.replace(/1\./, '3.')}.part`), 'x');
  writeFileSync(join(house.directory, 'lost+found.txt'), 'x');
  await imageSweep(house.world).run(forever);
  assert.deepEqual(house.files().toSorted(), [...before, 'lost+found.txt'].toSorted());
});

test('the image of an uploader that died is queued again, and its bytes are gone', async () => {
  const clock = movableClock();
  await using server = await imageServe({ clock });
  const { house } = server;
  const { world, directory } = house;
  const id = await server.create();
  const now = clock.now();
  await world.db.write(async (tx) => {
    await imageStatusSet(tx, id, ['queued'], { status: 'saving', updated_at: now });
    await blobInsert(tx, {
      id: 'blob',
      image_id: id,
      store: 'file',
      key,
      state: 'writing',
      size: null,
      virtual_size: null,
      md5: null,
      sha512: null,
      metadata: null,
      held_until: now + 30_000,
      created_at: now,
    });
  });
  writeFileSync(join(directory, `${key}.part`), 'x');
  const status = async () => (await server.call('GET', `/image/v2/images/${id}`)).json.status;

  const sweep = imageSweep(world);
  await sweep.run(forever);
  await sweep.run(forever);
  assert.equal(await status(), 'saving');
  assert.equal(house.files().length, 1);
  clock.forwardMs = 31_000;
  await sweep.run(forever);
  assert.equal(await status(), 'saving', 'the machine may have stood still');
  await sweep.run(forever);
  assert.equal(await status(), 'queued');
  assert.deepEqual(house.files(), []);
  assert.equal((await server.upload(id, 'bytes')).status, 204);
});

async function uploadBegin({ url, house }: ImageServer, id: string): Promise<ClientRequest> {
  const upload = request(`${url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { ...octets, 'X-Auth-Token': 'a', 'Transfer-Encoding': 'chunked' },
  });
  upload.write(Buffer.alloc(2 << 20));
  await until(() => house.files().length === 1);
  return upload;
}

async function statusOf(upload: ClientRequest): Promise<number> {
  upload.end('rest');
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}

test('a live upload is left alone, also one that was late because the machine stood still', async () => {
  const clock = movableClock();
  await using server = await imageServe({ clock });
  const { house } = server;
  const id = await server.create();
  const upload = await uploadBegin(server, id);
  const sweep = imageSweep(house.world);
  await sweep.run(forever);
  clock.forwardMs = hour;
  await sweep.run(forever);
  await house.world.db.write(async (tx) => {
    const blob = await tx.selectFrom('image_blob').select('id').executeTakeFirstOrThrow();
    await blobHold(tx, blob.id, clock.now() + 30_000);
  });
  await sweep.run(forever);
  assert.equal(house.files().length, 1);
  assert.equal(await statusOf(upload), 204);
});

test('an upload that is taken for dead in error cannot finish', async () => {
  const clock = movableClock();
  await using server = await imageServe({ clock });
  const { house } = server;
  const id = await server.create();
  const upload = await uploadBegin(server, id);
  const sweep = imageSweep(house.world);
  // It says that it lives every five seconds, perhaps between two looks.
  await until(async () => {
    clock.forwardMs += hour;
    await sweep.run(forever);
    return (await server.call('GET', `/image/v2/images/${id}`)).json.status === 'queued';
  });
  assert.notEqual(await statusOf(upload), 204);
  await house.settled();
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).json.status, 'queued');
  assert.deepEqual(house.files(), []);
});

test('bytes that a store would not give up are removed when it does', async () => {
  await using server = await imageServe();
  const stores = server.house.world.stores as ImageStore[];
  const [healthy] = stores;
  assert.ok(healthy);
  const id = await server.create();
  await server.upload(id, 'bytes');
  stores[0] = { ...healthy, remove: () => Promise.reject(new Error('the store is down')) };
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
  assert.equal(server.house.files().length, 1);
  stores[0] = healthy;
  await imageSweep(server.house.world).run(forever);
  assert.deepEqual(server.house.files(), []);
});

test('a killed image can be looked at for a day', async () => {
  const clock = movableClock();
  await using server = await imageServe({ clock });
  const id = await server.create();
  const { world } = server.house;
  const change = { status: 'killed', updated_at: clock.now() } as const;
  await world.db.write((tx) => imageStatusSet(tx, id, ['queued'], change));
  await imageSweep(world).run(forever);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).json.status, 'killed');
  clock.forwardMs = 25 * hour;
  await imageSweep(world).run(forever);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).status, 404);
});

test('a store that is down makes its images unavailable, and nothing else', async () => {
  await using server = await imageServe();
  const stores = server.house.world.stores as ImageStore[];
  const [healthy] = stores;
  assert.ok(healthy);
  const id = await server.create();
  await server.upload(id, 'bytes');
  const { unavailable } = await import('../../src/kernel/errors.ts');
  stores[0] = { ...healthy, sizeOf: () => Promise.reject(unavailable('The store is down.')) };
  assert.equal((await server.call('GET', `/image/v2/images/${id}/file`)).status, 503);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).status, 200);
});

test('a store that does not answer keeps no other from being swept, however much of it is to go', async () => {
  await using server = await imageServe();
  const { house } = server;
  const stores = house.world.stores as ImageStore[];
  const [healthy] = stores;
  assert.ok(healthy);
  const down = (): never => {
    throw new Error('the store is down');
  };
  const image_id = await server.create();
  let asked = 0;
  stores.unshift({
    ...healthy,
    id: 'down',
    remove: async () => {
      asked++;
      down();
    },
    keys: down,
  });
  const row = (n: number, store: string) => ({
    id: `blob-${n}`,
    image_id,
    store,
    key: `${key.slice(0, -4)}${String(n).padStart(4, '0')}`,
    state: 'doomed' as const,
    size: null,
    virtual_size: null,
    md5: null,
    sha512: null,
    metadata: null,
    held_until: 0,
    created_at: n,
  });
  await house.world.db.write(async (tx) => {
    for (let n = 0; n < 1_000; n++) await blobInsert(tx, row(n, 'down'));
    await blobInsert(tx, row(1_000, 'file'));
  });
  writeFileSync(join(house.directory, row(1_000, 'file').key), 'x');
  writeFileSync(join(house.directory, key), 'x');
  await imageSweep(house.world).run(forever);
  assert.deepEqual(house.files(), []);
  assert.ok(asked < 10, `it was asked ${asked} times`);
});
