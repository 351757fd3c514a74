/** The cache of the API over hosts: the image service, compute and simulated agents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostCopies } from '../../src/compute/host-copies.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { CallOptions } from '../support/api.ts';
import { computeHouse, type ComputeHouse } from '../support/compute.ts';
import { imageSummary } from '../support/image-port.ts';
import { imageServe, until, type ImageServer } from './world.ts';

const parts = { clock: systemClock, ids: randomIds, log: silentLog };

interface Cloud extends AsyncDisposable {
  readonly house: ComputeHouse;
  readonly images: ImageServer;
  /** An active image of both services. */
  image(change?: object): Promise<string>;
  cache(method: string, path?: string, options?: CallOptions): ReturnType<ImageServer['call']>;
  /** What is cached and what is queued. */
  state(): Promise<{ cached: string[]; queued: string[] }>;
}

async function cloudOpen(hosts = 2): Promise<Cloud> {
  const house = await computeHouse({ hosts });
  const images = await imageServe({ copies: hostCopies(() => house.world, parts) });
  const cache: Cloud['cache'] = (method, path = '', options = {}) =>
    images.call(method, `/image/v2/cache${path}`, { as: 'admin', ...options });
  return {
    house,
    images,
    cache,
    async image(change = {}) {
      const id = await images.create(change);
      await images.upload(id, Buffer.alloc(512, 7));
      house.images.images.set(id, imageSummary({ id }));
      return id;
    },
    async state() {
      const { json } = await cache('GET');
      return {
        cached: json.cached_images.map(({ image_id: id }: { image_id: string }) => id),
        queued: json.queued_images,
      };
    },
    async [Symbol.asyncDispose]() {
      await images[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
}

test('a queued image comes to every host, and is shown as Glance shows what it has cached', async () => {
  await using cloud = await cloudOpen();
  const id = await cloud.image();
  assert.deepEqual((await cloud.cache('GET')).json, { cached_images: [], queued_images: [] });
  const before = Date.now() / 1000;
  assert.equal((await cloud.cache('PUT', `/${id}`)).status, 202);
  await cloud.house.quiet();
  for (const agent of cloud.house.agents.values()) assert.ok(await agent.imageGet(id));
  const { json } = await cloud.cache('GET');
  const [{ last_accessed: accessed, last_modified: modified, ...rest }] = json.cached_images;
  assert.deepEqual(rest, { image_id: id, hits: 0, size: 512 });
  assert.ok(accessed >= before - 1 && modified >= before - 1);
  assert.deepEqual(json.queued_images, []);
});

test('an image waits in the queue for a host that is away, once however often it is asked for', async () => {
  await using cloud = await cloudOpen();
  const id = await cloud.image();
  const [here, away] = [...cloud.house.agents.values()];
  away?.disconnect();
  assert.equal((await cloud.cache('PUT', `/${id}`)).status, 202);
  assert.equal((await cloud.cache('PUT', `/${id}`)).status, 202);
  await until(async () => (await here?.imageGet(id)) !== null);
  assert.deepEqual(await cloud.state(), { cached: [id], queued: [id] });
  away?.connect();
  await cloud.house.quiet();
  assert.deepEqual(await cloud.state(), { cached: [id], queued: [] });
  assert.ok(await away?.imageGet(id));
});

test('an image leaves cache and queue, and a host that is away does not get it later', async () => {
  await using cloud = await cloudOpen(1);
  const [agent] = [...cloud.house.agents.values()];
  const [one, other] = [await cloud.image(), await cloud.image()];
  await cloud.cache('PUT', `/${one}`);
  await cloud.house.quiet();
  assert.equal((await cloud.cache('DELETE', `/${one}`)).status, 204);
  assert.deepEqual(await cloud.state(), { cached: [], queued: [] });
  agent?.disconnect();
  await cloud.cache('PUT', `/${other}`);
  assert.equal((await cloud.cache('GET')).status, 503, 'the only host says nothing');
  assert.equal((await cloud.cache('DELETE', `/${other}`)).status, 503);
  agent?.connect();
  await cloud.house.quiet();
  assert.deepEqual(
    await cloud.state(),
    { cached: [], queued: [] },
    'it left the queue all the same',
  );
  await cloud.cache('PUT', `/${other}`);
  await cloud.house.quiet();
  assert.deepEqual((await cloud.state()).cached, [other], 'and can be asked for again');
});

test('a copy on which servers are built stays, and counts them', async () => {
  await using cloud = await cloudOpen();
  const [used, free] = [await cloud.image(), await cloud.image()];
  const server = await cloud.house.create({ imageRef: used });
  await cloud.house.until(server, ({ status }) => status === 'ACTIVE');
  await cloud.cache('PUT', `/${used}`);
  await cloud.cache('PUT', `/${free}`);
  await cloud.house.quiet();
  const refused = await cloud.cache('DELETE', `/${used}`);
  assert.equal(refused.status, 409);
  assert.match(refused.text, /servers are built on it/);
  assert.equal((await cloud.cache('DELETE')).status, 204);
  const { json } = await cloud.cache('GET');
  assert.deepEqual(
    json.cached_images.map((image: { image_id: string; hits: number }) => [
      image.image_id,
      image.hits,
    ]),
    [[used, 1]],
  );
  const counts = [...cloud.house.agents.values()].map(async (agent) => agent.imageGet(used));
  assert.equal((await Promise.all(counts)).filter((copy) => copy !== null).length, 1);
});

test('the header says what is cleared: the cache, the queue, or both', async () => {
  await using cloud = await cloudOpen();
  const [one, other] = [await cloud.image(), await cloud.image()];
  const [, away] = [...cloud.house.agents.values()];
  const clear = (target: string) =>
    cloud.cache('DELETE', '', { headers: { 'X-Image-Cache-Clear-Target': target } });
  await cloud.cache('PUT', `/${one}`);
  await cloud.house.quiet();
  away?.disconnect();
  await cloud.cache('PUT', `/${other}`);
  assert.equal((await clear('Queue')).status, 204);
  assert.deepEqual((await cloud.state()).queued, []);
  assert.ok((await cloud.state()).cached.includes(one));
  away?.connect();
  await cloud.house.quiet();
  assert.equal((await clear('cache')).status, 204);
  assert.deepEqual((await cloud.state()).cached, []);
  const wrong = await clear('everything');
  assert.equal(wrong.status, 400);
  assert.match(wrong.text, /must be &#39;cache&#39;|must be 'cache'/);
});

test('only what hosts can boot from is queued, and only what is there is removed', async () => {
  await using cloud = await cloudOpen();
  const queued = await cloud.images.create();
  const iso = await cloud.images.create({ disk_format: 'ami', container_format: 'ami' });
  await cloud.images.upload(iso, 'bytes');
  assert.equal((await cloud.cache('PUT', `/${queued}`)).status, 400);
  assert.equal((await cloud.cache('PUT', `/${iso}`)).status, 400);
  assert.equal((await cloud.cache('PUT', '/no-such-image')).status, 404);
  assert.equal((await cloud.cache('DELETE', '/no-such-image')).status, 404);
  const gone = await cloud.image();
  await cloud.cache('PUT', `/${gone}`);
  await cloud.house.quiet();
  await cloud.images.call('DELETE', `/image/v2/images/${gone}`);
  assert.deepEqual((await cloud.state()).cached, [gone], 'the image is deleted, its copy is not');
  assert.equal((await cloud.cache('DELETE', `/${gone}`)).status, 204);
  assert.equal((await cloud.cache('DELETE', `/${gone}`)).status, 404);
});

test('the cache is for administrators', async () => {
  await using cloud = await cloudOpen(1);
  const id = await cloud.image();
  const statuses = [];
  for (const [method, path] of [
    ['GET', ''],
    ['PUT', `/${id}`],
    ['DELETE', `/${id}`],
    ['DELETE', ''],
  ] as const) {
    statuses.push((await cloud.cache(method, path, { as: 'a' })).status);
  }
  assert.deepEqual(statuses, [403, 403, 403, 403]);
  const foreign = await cloud.cache('PUT', `/${id}`, { as: 'b' });
  assert.equal(foreign.status, 404, 'what one may not see is not there');
});

test('a server whose image is taken from the cache while it is built gets it once more', async () => {
  await using cloud = await cloudOpen(1);
  const id = await cloud.image();
  const [agent] = [...cloud.house.agents.values()];
  assert.ok(agent);
  const put = agent.serverPut.bind(agent);
  let isTaken = false;
  agent.serverPut = async (wanted) => {
    if (!isTaken) isTaken = await agent.imageDelete(id);
    return put(wanted);
  };
  const server = await cloud.house.create({ imageRef: id });
  await cloud.house.until(server, ({ status }) => status === 'ACTIVE');
  assert.ok(isTaken);
  assert.ok(await agent.imageGet(id));
});
