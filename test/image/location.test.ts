/** `locations` of images, where the operator shows them. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { imageSettingsDefault } from '../../src/image/image.world.ts';
import { importTask } from '../../src/image/import/import.task.ts';
import type { ImportAct } from '../../src/image/import/import-source.ts';
import { locationTake } from '../../src/image/import/location.ts';
import { httpStore } from '../../src/image/stores/http-store.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { qcow2With } from './format-corpus.ts';
import { imageServe, type actors, type ImageServer } from './world.ts';

const bytes = randomBytes(70_000);
const md5 = createHash('md5').update(bytes).digest('hex');
const sha512 = createHash('sha512').update(bytes).digest('hex');
const web = createServer((request, response) => {
  const all = request.url === '/hostile' ? qcow2With(0x44415441, '/etc/shadow') : bytes;
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const part = all.subarray(Number(from), Number(to) + 1);
  response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${all.length}` }).end(part);
});
let url = '';
let server: ImageServer;

async function serve(kind?: typeof importTask): Promise<ImageServer> {
  const ports = [(web.address() as AddressInfo).port];
  const download = { ...imageSettingsDefault.download, ports, allow: ['127.0.0.0/8'] };
  const settings = { ...imageSettingsDefault, download, showsLocations: true };
  const served = await imageServe({ settings }, undefined, kind);
  (served.house.world.stores as unknown[]).push(httpStore({ id: 'web', rules: download, clock }));
  return served;
}

before(async () => {
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/image`;
  server = await serve();
});
after(async () => {
  await server[Symbol.asyncDispose]();
  web.closeAllConnections();
  web.close();
});

const patch = async (id: string, change: object, as: keyof typeof actors = 'a') =>
  server.call('PATCH', `/image/v2/images/${id}`, {
    body: [change],
    headers: { 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
    as,
  });
const add = (id: string, location: object, position = '-') =>
  patch(id, { op: 'add', path: `/locations/${position}`, value: { metadata: {}, ...location } });
const show = async (id: string) => (await server.call('GET', `/image/v2/images/${id}`)).json;

test('an image without bytes has no location, an upload gives it one', async () => {
  const id = await server.create();
  assert.deepEqual((await show(id)).locations, []);
  await server.upload(id, 'bytes');
  const [location] = (await show(id)).locations;
  assert.match(location.url, /^file:/);
  assert.deepEqual(location.metadata, { store: 'file' });
});

test('an address of the web makes an image active: its bytes are judged and hashed', async () => {
  const id = await server.create();
  const added = await add(id, { url, metadata: { speed: 'fast' } });
  assert.equal(added.status, 200, added.text);
  const image = await show(id);
  assert.equal(image.status, 'active');
  assert.equal(image.size, bytes.length);
  assert.equal(image.checksum, md5);
  assert.equal(image.os_hash_value, sha512);
  assert.deepEqual(image.locations, [{ url, metadata: { speed: 'fast', store: 'web' } }]);
  assert.equal((await add(id, { url: `${url}#again` })).status, 200);
  assert.deepEqual(
    (await show(id)).locations.map((location: { url: string }) => location.url),
    [url, `${url}#again`],
  );
  const file = await fetch(`${server.url}/image/v2/images/${id}/file`, {
    headers: { 'X-Auth-Token': 'a' },
  });
  assert.ok(Buffer.from(await file.arrayBuffer()).equals(bytes));
});

test('what is said of locations can be changed, where they are cannot', async () => {
  const id = await server.create();
  const replace = (value: unknown) => patch(id, { op: 'replace', path: '/locations', value });
  assert.equal((await replace([{ url, metadata: { a: 1 } }])).status, 200);
  const [location] = (await show(id)).locations;
  const renamed = await replace([{ ...location, metadata: { ...location.metadata, b: 2 } }]);
  assert.equal(renamed.status, 200, renamed.text);
  assert.deepEqual((await show(id)).locations[0].metadata, { a: 1, b: 2, store: 'web' });
  assert.equal((await replace([])).status, 400);
  assert.equal((await replace([{ ...location, url: `${url}#other` }])).status, 400);
  assert.equal((await replace('all')).status, 400);
  const first = { op: 'replace', path: '/locations/0', value: location };
  assert.equal((await patch(id, first)).status, 400);
});

test('locations stay in the order in which they were given, in the same millisecond too', async (t) => {
  const id = await server.create();
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const urls = Array.from({ length: 40 }, (_, n) => `${url}#${n}`);
  const validation = { checksum: md5, os_hash_algo: 'sha512', os_hash_value: sha512 };
  const value = urls.map((one) => ({ url: one, metadata: {}, validation_data: validation }));
  assert.equal((await patch(id, { op: 'replace', path: '/locations', value })).status, 200);
  const { locations } = await show(id);
  assert.deepEqual(
    locations.map((location: { url: string }) => location.url),
    urls,
  );
});

test('an attempt to read a location that died before its end leaves no location of its own', async () => {
  const steps = importTask.steps.map((step) => ({
    ...step,
    async run(act: ImportAct) {
      if (step.name === 'store') await locationTake(act);
      await step.run(act);
    },
  }));
  await using other = await serve({ ...importTask, steps });
  const id = await other.create();
  const path = `/image/v2/images/${id}`;
  const asked = await other.call('POST', `${path}/locations`, { body: { url } });
  assert.equal(asked.status, 202, asked.text);
  const { image, task } = await other.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.status, 'active');
  assert.deepEqual(
    image.locations.map((location: { url: string }) => location.url),
    [url],
  );
});

test('a location is removed by administrators, and never the last', async () => {
  const id = await server.create();
  await add(id, { url });
  await add(id, { url: `${url}#again` });
  const remove = (place: string, as: keyof typeof actors) =>
    patch(id, { op: 'remove', path: `/locations/${place}` }, as);
  assert.equal((await remove('0', 'a')).status, 403);
  assert.equal((await remove('2', 'admin')).status, 400);
  assert.equal((await remove('-', 'admin')).status, 400);
  assert.equal((await remove('0', 'admin')).status, 200);
  assert.deepEqual((await show(id)).locations, [
    { url: `${url}#again`, metadata: { store: 'web' } },
  ]);
  assert.equal((await remove('0', 'admin')).status, 403);
});

test('hashes that are given are taken, once', async () => {
  const id = await server.create();
  const said = { checksum: '1'.repeat(32), os_hash_algo: 'sha512', os_hash_value: 'ab'.repeat(64) };
  assert.equal((await add(id, { url, validation_data: said })).status, 200);
  const image = await show(id);
  assert.equal(image.checksum, said.checksum);
  assert.equal(image.os_hash_value, said.os_hash_value);
  assert.equal((await add(id, { url, validation_data: said })).status, 200);
  for (const other of [{ checksum: '2'.repeat(32) }, { os_hash_algo: 'sha256' }]) {
    const location = { url, validation_data: { ...said, ...other } };
    assert.equal((await add(id, location)).status, 409);
  }
  assert.equal((await show(id)).locations.length, 2);
});

test('what is no location, or none that is safe, is refused', async () => {
  const id = await server.create({ disk_format: 'qcow2' });
  for (const [location, status] of [
    [{ url: 'gopher://example.org' }, 400],
    [{ url: 'file:///etc/shadow' }, 400],
    [{ url: 'http://10.0.0.1/' }, 400],
    [{ url: 7 }, 400],
    [{ url, metadata: 'none' }, 400],
    [{ url, validation_data: { checksum: 'x' } }, 400],
    [{ url, validation_data: { os_hash_value: 'ab'.repeat(64) } }, 409],
    [{ url }, 415],
    [{ url: url.replace('image', 'hostile') }, 415],
  ] as const) {
    const answer = await add(id, location);
    assert.equal(answer.status, status, `${JSON.stringify(location)}: ${answer.text}`);
  }
  assert.equal((await add(id, { url }, '3')).status, 415);
  const raw = await server.create();
  assert.equal((await add(raw, { url }, '3')).status, 400);
  assert.equal((await patch(raw, { op: 'remove', path: '/locations/0/url' }, 'admin')).status, 400);
  const { status, locations } = await show(id);
  assert.deepEqual({ status, locations }, { status: 'queued', locations: [] });
  const stranger = await patch(
    id,
    { op: 'add', path: '/locations/-', value: { url, metadata: {} } },
    'b',
  );
  assert.equal(stranger.status, 404);
});
