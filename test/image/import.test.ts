import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { imageTaskInsert } from '../../src/image/import/image-task.store.ts';
import { imageSweep } from '../../src/image/image-sweep.ts';
import { imageSettingsDefault } from '../../src/image/image.world.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import { imageBytes, imageServe, octets, until } from './world.ts';

const bytes = randomBytes(300_000);
const sha512 = createHash('sha512').update(bytes).digest('hex');
const direct = { name: 'glance-direct' };

interface Web extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}
async function webServe(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Web> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Downloads from this machine are allowed, on these ports. */
const downloadFrom = (...ports: number[]) => ({
  settings: {
    ...imageSettingsDefault,
    download: { ...imageSettingsDefault.download, ports, allow: ['127.0.0.1/32'] },
  },
});

test('staged bytes are imported: uploading, then active, and nothing stays staged', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const early = await server.import(id, direct);
  assert.equal(early.status, 409);
  assert.equal((await server.stage(id, bytes)).status, 204);
  const path = `/image/v2/images/${id}`;
  const staged = await server.call('GET', path);
  assert.equal(staged.json.status, 'uploading');
  assert.equal(server.house.stagedFiles().length, 1);
  assert.equal((await server.stage(id, bytes)).status, 409);
  assert.equal((await server.call('GET', `${path}/file`)).status, 204);

  const accepted = await server.import(id, direct);
  assert.equal(accepted.status, 202);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(task.type, 'api_image_import');
  assert.equal(task.request_id, accepted.headers.get('x-openstack-request-id'));
  assert.equal(task.input.import_req.method.name, 'glance-direct');
  assert.equal(image.status, 'active');
  assert.equal(image.os_hash_value, sha512);
  assert.equal(image.stores, 'file');
  assert.equal(image.os_glance_importing_to_stores, '');
  assert.equal(image.os_glance_import_task, undefined);
  assert.ok((await imageBytes(server, id)).equals(bytes));
  await server.house.settled();
  assert.deepEqual(server.house.stagedFiles(), []);
  const again = await server.import(id, direct);
  assert.equal(again.status, 409);
});

test('an import to several stores fills them all; copies are made and removed later', async () => {
  const second = fileStore({
    id: 'b',
    directory: `/tmp/welkin-second-${process.pid}`,
    reserveBytes: 0,
  });
  await using server = await imageServe();
  const stores = server.house.world.stores as unknown[];
  stores.push(second);
  const id = await server.create();
  await server.stage(id, bytes);
  const unknown = await server.import(id, direct, { stores: ['c'] });
  assert.equal(unknown.status, 409);
  const both = await server.import(id, direct, { all_stores: true, stores: ['b'] });
  assert.equal(both.status, 400);
  assert.equal((await server.import(id, direct, { stores: ['file'] })).status, 202);
  assert.equal((await server.settled(id)).image.stores, 'file');

  const copy = { name: 'copy-image' };
  assert.equal((await server.import(id, copy, { stores: ['b'] })).status, 403);
  const there = await server.import(id, copy, { stores: ['file'] }, 'admin');
  assert.equal(there.status, 400);
  assert.equal((await server.import(id, copy, { all_stores: true }, 'admin')).status, 202);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.stores, 'b,file');
  assert.equal(image.os_glance_failed_import, '');
  const removed = await server.call('DELETE', `/image/v2/stores/file/${id}`, { as: 'admin' });
  assert.equal(removed.status, 204);
  assert.deepEqual(server.house.files(), []);
  assert.ok((await imageBytes(server, id)).equals(bytes));
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
});

test('who downloads may say which stores are asked first; the others are asked after them', async () => {
  const read: string[] = [];
  const stores = ['a', 'b'].map((id) => {
    const store = fileStore({
      id,
      directory: `/tmp/welkin-prefer-${process.pid}-${id}`,
      reserveBytes: 0,
    });
    return {
      ...store,
      read: (key: string, offset: number, length: number) => {
        read.push(id);
        return store.read(key, offset, length);
      },
    };
  });
  await using server = await imageServe({ stores });
  const id = await server.create();
  await server.upload(id, bytes);
  await server.import(id, { name: 'copy-image' }, { stores: ['b'] }, 'admin');
  assert.equal((await server.settled(id)).task.status, 'success');
  const from = async (query: string): Promise<string> => {
    read.length = 0;
    const answer = await server.call('GET', `/image/v2/images/${id}/file${query}`);
    return `${answer.status} ${read.join()}`;
  };
  assert.equal(await from(''), '200 a');
  assert.equal(await from('?prefer=b,a'), '200 b');
  assert.equal(await from('?prefer=%20b%20,'), '200 b');
  assert.equal(await from('?prefer=none'), '400 ');
  const [, second] = stores;
  assert.ok(second);
  second.sizeOf = async () => null;
  assert.equal(await from('?prefer=b'), '200 a');
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
});

/** Takes no byte. */
const broken = {
  ...fileStore({ id: 'broken', directory: '/dev/null/nowhere', reserveBytes: 0 }),
  async *keys() {},
};

test('a store that fails spoils an import unless one is enough', async () => {
  await using server = await imageServe();
  (server.house.world.stores as unknown[]).push(broken);
  const id = await server.create();
  await server.stage(id, bytes);
  await server.import(id, direct, { all_stores: true });
  const spoiled = await server.settled(id);
  assert.equal(spoiled.task.status, 'failure');
  assert.equal(spoiled.image.status, 'queued');
  assert.equal(spoiled.image.os_glance_failed_import, 'file,broken');
  await until(() => server.house.files().length + server.house.stagedFiles().length === 0);

  await server.stage(id, bytes);
  await server.import(id, direct, { all_stores: true, all_stores_must_succeed: false });
  const enough = await server.settled(id);
  assert.equal(enough.task.status, 'success', enough.task.message);
  assert.equal(enough.image.status, 'active');
  assert.equal(enough.image.stores, 'file');
  assert.equal(enough.image.os_glance_failed_import, 'broken');
});

test('an image of another format than it says is refused when it is imported', async () => {
  await using server = await imageServe();
  const id = await server.create({ disk_format: 'qcow2' });
  const refused = await server.stage(id, bytes);
  assert.equal(refused.status, 415);
  const open = await server.call('POST', '/image/v2/images', { body: { name: 'later' } });
  const later = open.json.id;
  assert.equal((await server.stage(later, bytes)).status, 204);
  assert.equal((await server.import(later, direct)).status, 409);
  const headers = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
  const body = JSON.stringify([
    { op: 'replace', path: '/container_format', value: 'bare' },
    { op: 'replace', path: '/disk_format', value: 'vhd' },
  ]);
  const patched = await server.call('PATCH', `/image/v2/images/${later}`, { body, headers });
  assert.equal(patched.status, 403);
});

test('an image is downloaded from the web, through redirects that are allowed', async () => {
  await using web = await webServe((request, response) => {
    if (request.url === '/hop') response.writeHead(302, { Location: '/file' }).end();
    else response.writeHead(200).end(bytes);
  });
  await using server = await imageServe(downloadFrom(web.port));
  const id = await server.create();
  const accepted = await server.import(id, { name: 'web-download', uri: `${web.url}/hop` });
  assert.equal(accepted.status, 202, accepted.text);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.os_hash_value, sha512);
});

for (const uri of [
  'http://127.0.0.1/x',
  'http://localhost.:99999/',
  'http://[::1]/x',
  'http://[::ffff:169.254.169.254]/',
  'http://[64:ff9b::7f00:1]/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://10.0.0.1/x',
  'http://169.254.169.254/latest/meta-data',
  'http://user:secret@example.org/x',
  'http://example.org:22/x',
  'file:///etc/passwd',
  'ftp://example.org/x',
  'nonsense',
  '',
]) {
  test(`a download from ${uri || 'nowhere'} is refused at once`, async () => {
    await using server = await imageServe();
    const id = await server.create();
    const answer = await server.import(id, { name: 'web-download', uri });
    assert.equal(answer.status, 400);
    assert.ok(!answer.text.includes('secret'));
    assert.equal((await server.call('GET', `/image/v2/images/${id}`)).json.status, 'queued');
  });
}

test('a name that stands for this machine, a redirect to it, and a loop of them are refused', async () => {
  await using inner = await webServe((_, response) => response.end('secret'));
  await using web = await webServe((request, response) => {
    const to = request.url === '/loop' ? '/loop' : `http://127.0.0.1:${inner.port}/`;
    response.writeHead(302, { Location: to }).end();
  });
  await using server = await imageServe(downloadFrom(web.port));
  const id = await server.create();
  for (const uri of [`${web.url}/inner`, `${web.url}/loop`]) {
    await server.import(id, { name: 'web-download', uri });
    const { image, task } = await server.settled(id);
    assert.equal(task.status, 'failure');
    assert.equal(image.status, 'queued');
  }
  const { allow: _, ...rest } = downloadFrom(web.port).settings.download;
  const strict = { ...imageSettingsDefault, download: { ...rest, allow: [] } };
  await using guarded = await imageServe({ settings: strict });
  const named = await guarded.create();
  const uri = `http://localhost:${web.port}/`;
  assert.equal((await guarded.import(named, { name: 'web-download', uri })).status, 202);
  assert.equal((await guarded.settled(named)).task.status, 'failure');
});

test('a download that breaks, is too large, or answers with an error leaves nothing', async () => {
  await using web = await webServe((request, response) => {
    if (request.url === '/short') {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('abc');
      setImmediate(() => response.destroy());
    } else if (request.url === '/large') response.end(bytes);
    else response.writeHead(404).end();
  });
  await using server = await imageServe({ ...downloadFrom(web.port), sizeLimitBytes: 1_000 });
  const id = await server.create();
  for (const path of ['/short', '/large', '/none']) {
    await server.import(id, { name: 'web-download', uri: web.url + path });
    const { image, task } = await server.settled(id);
    assert.equal(task.status, 'failure');
    assert.notEqual(task.message, '');
    assert.equal(image.status, 'queued');
  }
  await server.house.settled();
  assert.deepEqual(server.house.stagedFiles(), []);
});

test('an image of this region is taken over with the properties that matter', async () => {
  await using server = await imageServe();
  const source = await server.create({ hw_cpu_cores: '5', speed: '88mph', os_distro: 'rhel' });
  await server.upload(source, bytes);
  const id = await server.create({ disk_format: 'iso', container_format: 'ovf', os_distro: 'old' });
  const method = { name: 'glance-download', glance_image_id: source, glance_region: 'here' };
  assert.equal((await server.import(id, method)).status, 202);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.disk_format, 'raw');
  assert.equal(image.hw_cpu_cores, '5');
  assert.equal(image.os_distro, 'rhel');
  assert.equal(image.speed, undefined);

  const other = await server.create();
  const bad = await server.import(other, { ...method, glance_image_id: 'foo' });
  assert.equal(bad.status, 400);
  assert.match(bad.text, /image id does not look like a UUID/);
  for (const change of [
    { glance_region: 'not a region' },
    { glance_service_interface: 'no interface' },
    { glance_image_id: '36d4b546-64a2-4bb9-bdd0-ba676aa48f2c' },
  ]) {
    assert.equal((await server.import(other, { ...method, ...change })).status, 202);
    const failed = await server.settled(other);
    assert.equal(failed.task.status, 'failure');
    assert.equal(failed.image.status, 'queued');
  }
});

test('an image of another region is fetched with the token of who asked', async () => {
  const tokens: unknown[] = [];
  await using web = await webServe((request, response) => {
    tokens.push(request.headers['x-auth-token']);
    const isFile = request.url?.endsWith('/file') === true;
    const record = { status: 'active', disk_format: 'raw', container_format: 'bare', hw_x: 'y' };
    response.writeHead(200).end(isFile ? bytes : JSON.stringify(record));
  });
  const regions = {
    own: 'here',
    endpoint: async () => web.url,
    seal: (token: string) => `sealed ${token}`,
    open: (sealed: string) => sealed.replace('sealed ', ''),
  };
  await using server = await imageServe({ regions });
  const id = await server.create();
  const uuid = '36d4b546-64a2-4bb9-bdd0-ba676aa48f2c';
  const method = { name: 'glance-download', glance_image_id: uuid, glance_region: 'there' };
  assert.equal((await server.import(id, method)).status, 202);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.hw_x, 'y');
  assert.deepEqual(tokens, ['a', 'a']);
  assert.ok(!JSON.stringify(task).includes('sealed'));
});

test('deleting an image while it is imported leaves nothing', async () => {
  await using web = await webServe((_, response) => {
    response.writeHead(200, { 'Content-Length': '1000000' });
    response.write(bytes);
  });
  await using server = await imageServe(downloadFrom(web.port));
  const id = await server.create();
  await server.import(id, { name: 'web-download', uri: web.url });
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
  const { db } = server.house.world;
  const status = async () =>
    (await db.read((tx) => tx.selectFrom('image_task').select('status').executeTakeFirst()))
      ?.status;
  while ((await status()) !== 'failure') await new Promise((done) => setImmediate(done));
  await imageSweep(server.house.world).run(new AbortController().signal);
  await server.house.settled();
  assert.deepEqual(server.house.stagedFiles(), []);
});

test('limits of a project hold for what it stages, keeps and counts', async () => {
  let limits: Record<string, number> = { image_count_total: 1 };
  await using server = await imageServe({ limits: { limitsOf: async () => limits } });
  const id = await server.create();
  const second = await server.call('POST', '/image/v2/images', { body: { name: 'two' } });
  assert.equal(second.status, 413);
  assert.match(second.text, /Resource image_count_total is over limit of 1/);
  limits = { image_count_uploading: 0 };
  assert.equal((await server.upload(id, bytes)).status, 413);
  limits = { image_stage_total: 0, image_size_total: 0 };
  assert.equal((await server.stage(id, Buffer.alloc(3 << 20, 1))).status, 204);
  const usage = await server.call('GET', '/image/v2/info/usage');
  assert.deepEqual(usage.json.usage, {
    image_size_total: { usage: 0, limit: 0 },
    image_stage_total: { usage: 3, limit: 0 },
    image_count_total: { usage: 1, limit: -1 },
    image_count_uploading: { usage: 1, limit: -1 },
  });
  limits = {};
  const other = await server.create();
  limits = { image_stage_total: 0 };
  assert.equal((await server.stage(other, bytes)).status, 413);
});

test('tasks are listed for administrators, and not deleted by hand', async () => {
  await using web = await webServe((_, response) => response.end(bytes));
  await using server = await imageServe(downloadFrom(web.port));
  assert.equal((await server.call('GET', '/image/v2/tasks')).status, 403);
  const body = {
    type: 'import',
    input: {
      import_from: web.url,
      import_from_format: 'raw',
      image_properties: { name: 'legacy', disk_format: 'raw', visibility: 'public' },
    },
  };
  const made = await server.call('POST', '/image/v2/tasks', { body, as: 'admin' });
  assert.equal(made.status, 201, made.text);
  const { image } = await server.settled(made.json.image_id);
  assert.equal(image.status, 'active');
  const listed = await server.call('GET', '/image/v2/tasks?limit=1', { as: 'admin' });
  assert.equal(listed.json.tasks[0].id, made.json.id);
  assert.match(listed.json.next, /marker=/);
  const shown = await server.call('GET', made.headers.get('location') ?? '', { as: 'admin' });
  assert.equal(shown.status, 404);
  const path = `/image/v2/tasks/${made.json.id}`;
  assert.equal((await server.call('GET', path, { as: 'admin' })).json.result.image_id, image.id);
  assert.equal((await server.call('DELETE', path, { as: 'admin' })).status, 405);
  const bad = { type: 'import', input: { import_from: 'file:///etc/passwd' } };
  assert.equal(
    (await server.call('POST', '/image/v2/tasks', { body: bad, as: 'admin' })).status,
    400,
  );
});

test('tasks that have not ended are on the pages of a list by the time of the end', async () => {
  await using server = await imageServe();
  const { db, ids } = server.house.world;
  const all: string[] = [];
  for (const expires_at of [null, 2_000, null, 1_000, null]) {
    const id = ids.uuid();
    all.push(id);
    const texts = { type: 'import', status: 'pending', user_id: 'u', request_id: 'r' } as const;
    const empty = { owner: null, image_id: null, input: '{}', result: null, message: '' };
    const times = { created_at: 0, updated_at: 0, expires_at };
    await db.write((tx) => imageTaskInsert(tx, { id, ...texts, ...empty, ...times }));
  }
  for (const direction of ['asc', 'desc']) {
    const seen: string[] = [];
    let path: string | undefined = `/v2/tasks?sort_key=expires_at&sort_dir=${direction}&limit=1`;
    while (path !== undefined) {
      const { json } = await server.call('GET', `/image${path}`, { as: 'admin' });
      seen.push(...json.tasks.map(({ id }: { id: string }) => id));
      path = json.next;
    }
    assert.deepEqual(seen.toSorted(), all.toSorted(), direction);
    const ended = [all[3], all[1]];
    const expected = direction === 'asc' ? ended : ended.toReversed();
    assert.deepEqual(
      seen.filter((id) => ended.includes(id)),
      expected,
    );
  }
});

test('an import is told what is wrong with it', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const call = (body: object) => server.call('POST', `/image/v2/images/${id}/import`, { body });
  for (const body of [
    {},
    { method: {} },
    { method: { name: 'magic' } },
    { method: direct, all_stores: 'yes' },
    { method: direct, all_stores_must_succeed: 1 },
    { method: { name: 'glance-download' } },
  ]) {
    assert.equal((await call(body)).status, 400, JSON.stringify(body));
  }
  const stranger = await server.import(id, direct, {}, 'b');
  assert.equal(stranger.status, 404);
  const methods = await server.call('GET', '/image/v2/info/import');
  assert.ok(methods.json['import-methods'].value.includes('copy-image'));
  const noType = await server.call('PUT', `/image/v2/images/${id}/stage`, {
    body: 'x',
    headers: { ...octets, 'Content-Type': 'text/plain' },
  });
  assert.equal(noType.status, 415);
});
