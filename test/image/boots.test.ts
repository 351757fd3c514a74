/** How hosts come by images: the whole way from the image service to the files of a host. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AgentClient, ImageFacts } from '../../src/agent/api.ts';
import { imageCacheOpen } from '../../src/agent/storage/images.ts';
import type { ComputeWorld } from '../../src/compute/compute.world.ts';
import { imageEnsure } from '../../src/compute/image-ensure.ts';
import { imagePort } from '../../src/image/port.ts';
import type { ImageStore } from '../../src/image/stores/image-store.ts';
import { imageServe } from './world.ts';

const factsOf = (bytes: Buffer): ImageFacts => ({
  imageId: 'one',
  format: 'raw',
  sizeBytes: bytes.length,
  sha512: createHash('sha512').update(bytes).digest('hex'),
});

test('two hundred servers that boot from a new image at once fetch it once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-boots-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const bytes = randomBytes(3_000_000);
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, bytes);

  const cache = await imageCacheOpen(directory);
  const agent = {
    imageGet: async (imageId: string) => cache.get(imageId),
    imagePut: (facts: ImageFacts, source: AsyncIterable<Uint8Array>) => cache.put(facts, source),
  } as unknown as AgentClient;
  const images = imagePort(server.house.world);
  let reads = 0;
  const counted = {
    ...images,
    imageRead(imageId: string) {
      reads++;
      return images.imageRead(imageId);
    },
  };
  const world = { images: counted } as unknown as ComputeWorld;
  const host = { name: 'h', agent, vtep: null };
  await Promise.all(Array.from({ length: 200 }, () => imageEnsure(world, host, id)));
  assert.equal(reads, 1);
  assert.deepEqual(readdirSync(directory).toSorted(), [`${id}.json`, `${id}.raw`]);
  assert.ok(readFileSync(join(directory, `${id}.raw`)).equals(bytes));
});

test('a host that is given one image by two hundred callers at once reads one of them', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-boots-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const bytes = randomBytes(500_000);
  const cache = await imageCacheOpen(directory);
  let begun = 0;
  async function* once(): AsyncGenerator<Uint8Array> {
    begun++;
    yield bytes;
  }
  const puts = Array.from({ length: 200 }, () => cache.put(factsOf(bytes), once()));
  await Promise.all(puts);
  assert.equal(begun, 1);
});

test('bytes that rot in their store are not accepted by a host', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-boots-'));
  t.after(() => rmSync(directory, { recursive: true }));
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, randomBytes(100_000));
  const { stores } = server.house.world;
  const store = stores[0] as ImageStore;
  (stores as ImageStore[])[0] = {
    ...store,
    async *read(...words) {
      for await (const chunk of store.read(...words)) {
        chunk[7] = (chunk[7] ?? 0) ^ 1;
        yield chunk;
      }
    },
  };
  const cache = await imageCacheOpen(directory);
  const agent = {
    imageGet: async (imageId: string) => cache.get(imageId),
    imagePut: (facts: ImageFacts, source: AsyncIterable<Uint8Array>) => cache.put(facts, source),
  } as unknown as AgentClient;
  const world = { images: imagePort(server.house.world) } as unknown as ComputeWorld;
  await assert.rejects(imageEnsure(world, { name: 'h', agent, vtep: null }, id));
  assert.deepEqual(readdirSync(directory), []);
});
