import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { imagePort, type ImagePort, type SnapshotNew } from '../../src/image/port.ts';
import { Failure, type FailureKind } from '../../src/kernel/errors.ts';
import { qcow2 } from './format-corpus.ts';
import { actors, imageHouse, imageServe, until } from './world.ts';

const id = '0198c0de-0000-7000-8000-000000000001';
const snapshot: SnapshotNew = {
  id,
  ownerId: 'a'.repeat(32),
  name: 'snap',
  diskFormat: 'qcow2',
  minDiskGib: 1,
  minRamMib: 64,
  properties: { image_type: 'snapshot' },
};

async function* chunksOf(...chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* chunks;
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const isFailure = (kind: FailureKind) => (error: unknown) =>
  error instanceof Failure && error.kind === kind;

test('a snapshot is created, written and read, however often each is done', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageCreate(snapshot);
  await port.imageCreate(snapshot);
  assert.equal((await port.imageGet(id))?.status, 'queued');
  const bytes = qcow2();
  const written = await port.imageWrite(
    id,
    chunksOf(bytes.subarray(0, 70_000), bytes.subarray(70_000)),
  );
  assert.equal(written.status, 'active');
  assert.equal(written.sizeBytes, bytes.length);
  assert.equal(written.virtualSizeBytes, 10 << 20);
  assert.equal(written.sha512, createHash('sha512').update(bytes).digest('hex'));
  assert.equal(written.visibility, 'private');
  assert.deepEqual(written.properties, { image_type: 'snapshot' });

  const again = await port.imageWrite(id, chunksOf(Buffer.from('other')));
  assert.deepEqual(again, written);
  assert.ok(bytes.equals(await bytesOf(port.imageRead(id))));
  const part = await bytesOf(port.imageRead(id, { offset: 1, lengthBytes: 3 }));
  assert.equal(part.toString('latin1'), 'FI\xfb');
  assert.equal(house.files().length, 1);
});

test('an attempt that died in the middle is taken over at once, and can no longer finish', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageCreate(snapshot);
  let release = (): void => {};
  const stuck = new Promise<void>((resolve) => void (release = resolve));
  async function* late(): AsyncIterable<Buffer> {
    yield qcow2().subarray(0, 100);
    await stuck;
  }
  const first = port.imageWrite(id, late());
  first.catch(() => {});
  await until(() => house.files().length === 1);
  assert.equal((await port.imageWrite(id, chunksOf(qcow2()))).status, 'active');
  release();
  await assert.rejects(first);
  await house.settled();
  assert.equal((await port.imageGet(id))?.sizeBytes, qcow2().length);
  assert.equal(house.files().length, 1);
});

test('a snapshot that will never have bytes is killed, and writes of it are refused', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageFail(id);
  await port.imageCreate(snapshot);
  await port.imageFail(id);
  await port.imageFail(id);
  assert.equal((await port.imageGet(id))?.status, 'killed');
  await assert.rejects(port.imageWrite(id, chunksOf(qcow2())), isFailure('conflict'));
  assert.deepEqual(house.files(), []);
});

test('an image that is active does not fail any more', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageCreate(snapshot);
  await port.imageWrite(id, chunksOf(qcow2()));
  await port.imageFail(id);
  assert.equal((await port.imageGet(id))?.status, 'active');
});

test('bytes that are no image of the format are refused, and the image waits for others', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageCreate(snapshot);
  await assert.rejects(
    port.imageWrite(id, chunksOf(Buffer.from('x'))),
    isFailure('unsupported_media'),
  );
  assert.equal((await port.imageGet(id))?.status, 'queued');
  assert.deepEqual(house.files(), []);
});

test('a snapshot deleted by its owner stays deleted', async () => {
  await using house = await imageHouse();
  const port = imagePort(house.world);
  await port.imageCreate(snapshot);
  await port.imageDelete(actors.a, id);
  assert.equal(await port.imageGet(id), null);
  await assert.rejects(port.imageCreate(snapshot), isFailure('not_found'));
  await assert.rejects(port.imageWrite(id, chunksOf(qcow2())), isFailure('not_found'));
  await assert.rejects(bytesOf(port.imageRead(id)), isFailure('not_found'));
  await port.imageFail(id);
});

test('of images that are rotated the newest stay, and what is protected or somebody else’s', async () => {
  await using server = await imageServe();
  const port: ImagePort = imagePort(server.house.world);
  const body = { image_type: 'backup', instance_uuid: 'one', visibility: 'private' };
  const names = ['oldest', 'protected', 'middle', 'newest'];
  const ids: string[] = [];
  for (const name of names) {
    const at = Date.now();
    await until(() => Date.now() > at);
    ids.push(await server.create({ ...body, name, protected: name === 'protected' }));
  }
  const foreign = await server.create({ ...body, name: 'foreign' }, 'b');
  const other = await server.create({ ...body, instance_uuid: 'two' });
  const { projectId } = actors.a.scope as { projectId: string };
  const rotate = (keep: number) =>
    port.imagesRotate(projectId, { image_type: 'backup', instance_uuid: 'one' }, keep);
  const left = async () =>
    Promise.all([...ids, foreign, other].map(async (id) => (await port.imageGet(id)) !== null));
  await rotate(4);
  assert.deepEqual(await left(), [true, true, true, true, true, true]);
  await rotate(2);
  assert.deepEqual(await left(), [false, true, true, true, true, true]);
  await rotate(0);
  assert.deepEqual(await left(), [false, true, false, false, true, true]);
});

test('other services see what their user sees', async () => {
  await using server = await imageServe();
  const port: ImagePort = imagePort(server.house.world);
  const mine = await server.create({ name: 'mine', visibility: 'private', hw_disk_bus: 'scsi' });
  await server.create({ name: 'public', visibility: 'public' }, 'admin');
  assert.equal((await port.imageFor(actors.a, mine)).properties['hw_disk_bus'], 'scsi');
  await assert.rejects(port.imageFor(actors.b, mine), isFailure('not_found'));
  await assert.rejects(port.imageDelete(actors.b, mine), isFailure('not_found'));
  const names = async (filter: { name?: string }, actor = actors.a) =>
    (await port.imageList(actor, filter, { limit: 10, marker: null })).map(({ name }) => name);
  assert.deepEqual(await names({}), ['public', 'mine']);
  assert.deepEqual(await names({ name: 'mine' }), ['mine']);
  assert.deepEqual(await names({}, actors.b), ['public']);
});
