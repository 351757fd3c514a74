import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageServe } from './world.ts';

const v21 = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
const v20 = { 'Content-Type': 'application/openstack-images-v2.0-json-patch' };

test('discovery needs no token: choices at the root, the same list with 200 below it', async () => {
  await using server = await imageServe();
  const root = await server.call('GET', '/image/', { as: null });
  const list = await server.call('GET', '/image/versions', { as: null });
  assert.equal(root.status, 300);
  assert.equal(list.status, 200);
  assert.deepEqual(root.json, list.json);
  assert.equal(root.json.versions[0].status, 'CURRENT');
  assert.equal(root.json.versions[0].links[0].href, `${server.url}/image/v2/`);
});

test('an empty id is no image, and not the list either', async () => {
  await using server = await imageServe();
  assert.equal((await server.call('GET', '/image/v2/images/')).status, 404);
  assert.equal((await server.call('DELETE', '/image/v2/images/')).status, 404);
});

test('a new image has every attribute, defaults included, and its properties beside them', async () => {
  await using server = await imageServe();
  const { status, json, headers } = await server.call('POST', '/image/v2/images', {
    body: { name: 'one', hw_disk_bus: 'virtio', tags: ['b', 'a', 'b'], min_ram: 64 },
  });
  assert.equal(status, 201);
  assert.equal(headers.get('location'), `${server.url}/image/v2/images/${json.id}`);
  assert.equal(headers.get('openstack-image-store-ids'), 'file');
  const { id, created_at, updated_at, ...rest } = json;
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(updated_at, created_at);
  assert.deepEqual(rest, {
    name: 'one',
    status: 'queued',
    visibility: 'shared',
    protected: false,
    os_hidden: false,
    owner: 'a'.repeat(32),
    disk_format: null,
    container_format: null,
    min_disk: 0,
    min_ram: 64,
    size: null,
    virtual_size: null,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    tags: ['a', 'b'],
    hw_disk_bus: 'virtio',
    self: `/v2/images/${id}`,
    file: `/v2/images/${id}/file`,
    schema: '/v2/schemas/image',
  });
  const shown = await server.call('GET', `/image/v2/images/${id}`);
  assert.deepEqual(shown.json, json);
});

test('a chosen id is taken once, and never again after the image was deleted', async () => {
  await using server = await imageServe();
  const id = '6a1f3c9e-9a43-4d4e-b3cc-4f8c3b1f7e11';
  assert.equal(await server.create({ id }), id);
  const again = await server.call('POST', '/image/v2/images', { body: { id } });
  assert.equal(again.status, 409);
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`)).status, 204);
  assert.equal((await server.call('POST', '/image/v2/images', { body: { id } })).status, 409);
});

for (const [body, status] of [
  [{ disk_format: 'floppy' }, 400],
  [{ container_format: 'box' }, 400],
  [{ id: 'not-a-uuid' }, 400],
  [{ visibility: 'secret' }, 400],
  [{ min_disk: -1 }, 400],
  [{ min_disk: 3e9 }, 400],
  [{ name: 'x'.repeat(256) }, 400],
  [{ tags: ['x'.repeat(256)] }, 400],
  [{ color: 5 }, 400],
  [{ color: 'a\u0000b' }, 400],
  [{ ['x'.repeat(256)]: 'y' }, 400],
  [{ protected: 'yes' }, 400],
  [{ status: 'active' }, 403],
  [{ size: 5 }, 403],
  [{ checksum: 'a' }, 403],
  [{ self: '/x' }, 403],
  [{ stores: 'file' }, 403],
  [{ deleted: true }, 403],
  [{ os_glance_import_task: 'x' }, 403],
  [{ locations: [] }, 403],
  [{ visibility: 'public' }, 403],
  [{ owner: 'b'.repeat(32) }, 403],
  [Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`p${n}`, 'x'])), 413],
] as const) {
  test(`an image with ${JSON.stringify(body).slice(0, 60)} is refused with ${status}`, async () => {
    await using server = await imageServe();
    const answer = await server.call('POST', '/image/v2/images', { body });
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/html/);
  });
}

test('a null character is refused wherever it stands', async () => {
  await using server = await imageServe();
  const id = await server.create();
  for (const path of ['/image/v2/images/%00', `/image/v2/images/${id}/tags/%00`]) {
    assert.equal((await server.call('PUT', path)).status, 400);
  }
  assert.equal((await server.call('GET', '/image/v2/images?name=%00')).status, 400);
  const headers = { 'Content-Type': 'application/json' };
  const body = String.raw`{"a\u0000b": "c"}`;
  assert.equal((await server.call('POST', '/image/v2/images', { body, headers })).status, 400);
});

test('an administrator may publish, and create for another project', async () => {
  await using server = await imageServe();
  const id = await server.create({ visibility: 'public', owner: 'c'.repeat(32) }, 'admin');
  const { json } = await server.call('GET', `/image/v2/images/${id}`, { as: 'b' });
  assert.equal(json.owner, 'c'.repeat(32));
});

test('a reader creates nothing and changes nothing, but sees', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    server.call(method, path, { body, as: 'reader', ...(headers && { headers }) });
  assert.equal((await call('POST', '/image/v2/images', {})).status, 403);
  assert.equal((await call('GET', `/image/v2/images/${id}`)).status, 200);
  const rename = [{ op: 'replace', path: '/name', value: 'x' }];
  assert.equal((await call('PATCH', `/image/v2/images/${id}`, rename, v21)).status, 403);
  assert.equal((await call('PATCH', `/image/v2/images/${id}`, [], v21)).status, 200);
  assert.equal((await call('DELETE', `/image/v2/images/${id}`)).status, 403);
});

test('what another project may not see does not exist for it, in no call', async () => {
  await using server = await imageServe();
  const id = await server.create({ visibility: 'private' });
  const calls: [string, string, unknown?, Record<string, string>?][] = [
    ['GET', ''],
    ['DELETE', ''],
    ['PATCH', '', [], v21],
    ['GET', '/file'],
    ['PUT', '/file', 'x', { 'Content-Type': 'application/octet-stream' }],
    ['POST', '/actions/deactivate'],
    ['PUT', '/tags/x'],
    ['DELETE', '/tags/x'],
    ['GET', '/members'],
    ['POST', '/members', { member: 'x' }],
  ];
  for (const [method, path, body, headers] of calls) {
    const answer = await server.call(method, `/image/v2/images/${id}${path}`, {
      as: 'b',
      body,
      ...(headers && { headers }),
    });
    assert.equal(answer.status, 404, `${method} ${path}`);
  }
});

test('an image that others see can be read by them and changed by its owner only', async () => {
  await using server = await imageServe();
  const id = await server.create({ visibility: 'community' });
  assert.equal((await server.call('GET', `/image/v2/images/${id}`, { as: 'b' })).status, 200);
  assert.equal((await server.call('DELETE', `/image/v2/images/${id}`, { as: 'b' })).status, 403);
});

test('a protected image is deleted only after its protection', async () => {
  await using server = await imageServe();
  const id = await server.create({ protected: true });
  const path = `/image/v2/images/${id}`;
  assert.equal((await server.call('DELETE', path)).status, 403);
  const body = [{ op: 'replace', path: '/protected', value: false }];
  assert.equal((await server.call('PATCH', path, { body, headers: v21 })).status, 200);
  assert.equal((await server.call('DELETE', path)).status, 204);
  assert.equal((await server.call('GET', path)).status, 404);
  assert.equal((await server.call('DELETE', path)).status, 404);
});

test('a patch of the newer draft adds, replaces and removes, in order and all or nothing', async () => {
  await using server = await imageServe();
  const path = `/image/v2/images/${await server.create({ old: 'x' })}`;
  const patch = (body: unknown) => server.call('PATCH', path, { body, headers: v21 });
  const { status, json } = await patch([
    { op: 'replace', path: '/name', value: 'two' },
    { op: 'add', path: '/new~1key', value: 'y' },
    { op: 'add', path: '/tags', value: ['t'] },
    { op: 'remove', path: '/old' },
    { op: 'add', path: '/new~1key', value: 'z' },
  ]);
  assert.equal(status, 200);
  assert.equal(json.name, 'two');
  assert.equal(json['new/key'], 'z');
  assert.deepEqual(json.tags, ['t']);
  assert.equal('old' in json, false);
  const failed = await patch([
    { op: 'replace', path: '/name', value: 'three' },
    { op: 'remove', path: '/nowhere' },
  ]);
  assert.equal(failed.status, 409);
  assert.equal((await server.call('GET', path)).json.name, 'two');
});

test('a patch of the older draft names the operation by its key and adds only what is not there', async () => {
  await using server = await imageServe();
  const path = `/image/v2/images/${await server.create({ old: 'x' })}`;
  const patch = (body: unknown) => server.call('PATCH', path, { body, headers: v20 });
  assert.equal((await patch([{ add: '/new', value: 'y' }])).json.new, 'y');
  assert.equal((await patch([{ replace: '/old', value: 'z' }])).json.old, 'z');
  assert.equal((await patch([{ add: '/old', value: 'z' }])).status, 409);
  assert.equal((await patch([{ add: '/a', remove: '/old', value: 'z' }])).status, 400);
});

for (const [operation, status] of [
  [{ op: 'replace', path: '/status', value: 'active' }, 403],
  [{ op: 'add', path: '/os_glance_x', value: 'y' }, 403],
  [{ op: 'add', path: '/deleted', value: 'true' }, 403],
  [{ op: 'remove', path: '/name' }, 403],
  [{ op: 'replace', path: '/owner', value: 'b' }, 403],
  [{ op: 'add', path: '/owner', value: 'b' }, 403],
  [{ op: 'replace', path: '/visibility', value: 'public' }, 403],
  [{ op: 'add', path: '/locations/-', value: { url: 'http://x/', metadata: {} } }, 403],
  [{ op: 'replace', path: '/nothing', value: 'x' }, 409],
  [{ op: 'remove', path: '/nothing' }, 409],
  [{ op: 'move', path: '/name', value: 'x' }, 400],
  [{ op: 'replace', path: 'name', value: 'x' }, 400],
  [{ op: 'replace', path: '/name/x', value: 'x' }, 400],
  [{ op: 'replace', path: '/name' }, 400],
  [{ op: 'replace', path: '/~2', value: 'x' }, 400],
  [{ op: 'replace', path: '/min_disk', value: 'x' }, 400],
  [{ op: 'add', path: '/x', value: 5 }, 400],
  ['x', 400],
] as const) {
  test(`the change ${JSON.stringify(operation)} is refused with ${status}`, async () => {
    await using server = await imageServe();
    const path = `/image/v2/images/${await server.create()}`;
    const answer = await server.call('PATCH', path, { body: [operation], headers: v21 });
    assert.equal(answer.status, status, answer.text);
  });
}

test('a change in plain JSON is an unsupported media type', async () => {
  await using server = await imageServe();
  const path = `/image/v2/images/${await server.create()}`;
  assert.equal((await server.call('PATCH', path, { body: [] })).status, 415);
});

test('the formats are fixed once there are bytes', async () => {
  await using server = await imageServe();
  const id = await server.create();
  assert.equal((await server.upload(id, 'bytes')).status, 204);
  const body = [{ op: 'replace', path: '/disk_format', value: 'qcow2' }];
  const answer = await server.call('PATCH', `/image/v2/images/${id}`, { body, headers: v21 });
  assert.equal(answer.status, 403);
});

test('tags are added once and removed once', async () => {
  await using server = await imageServe();
  const path = `/image/v2/images/${await server.create()}`;
  const tag = `${path}/tags/${encodeURIComponent('a b/ü')}`;
  assert.equal((await server.call('PUT', tag)).status, 204);
  assert.equal((await server.call('PUT', tag)).status, 204);
  assert.deepEqual((await server.call('GET', path)).json.tags, ['a b/ü']);
  assert.equal((await server.call('DELETE', tag)).status, 204);
  assert.equal((await server.call('DELETE', tag)).status, 404);
  assert.equal((await server.call('PUT', `${path}/tags/${'x'.repeat(256)}`)).status, 400);
});

test('a deactivated image shows itself but gives no bytes, except to administrators', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const path = `/image/v2/images/${id}`;
  const queued = await server.call('POST', `${path}/actions/deactivate`);
  assert.equal(queued.status, 403);
  await server.upload(id, 'bytes');
  assert.equal((await server.call('POST', `${path}/actions/deactivate`)).status, 204);
  assert.equal((await server.call('POST', `${path}/actions/deactivate`)).status, 204);
  assert.equal((await server.call('GET', path)).json.status, 'deactivated');
  assert.equal((await server.call('GET', `${path}/file`)).status, 403);
  assert.equal((await server.call('GET', `${path}/file`, { as: 'admin' })).text, 'bytes');
  assert.equal((await server.call('POST', `${path}/actions/reactivate`)).status, 204);
  assert.equal((await server.call('GET', `${path}/file`)).text, 'bytes');
});

test('schemas, import methods and stores are published', async () => {
  await using server = await imageServe();
  for (const name of ['image', 'images', 'member', 'members']) {
    const { json } = await server.call('GET', `/image/v2/schemas/${name}`);
    assert.equal(json.name, name);
  }
  const imports = await server.call('GET', '/image/v2/info/import');
  assert.equal(imports.json['import-methods'].value.length, 4);
  const stores = await server.call('GET', '/image/v2/info/stores');
  assert.deepEqual(
    stores.json.stores.map((store: { id: string }) => store.id),
    ['file'],
  );
  assert.equal((await server.call('GET', '/image/v2/info/stores/detail')).status, 403);
  const detail = await server.call('GET', '/image/v2/info/stores/detail', { as: 'admin' });
  assert.equal(detail.json.stores[0].type, 'file');
});

test('the only copy of an image cannot be taken out of its store', async () => {
  await using server = await imageServe();
  const id = await server.create();
  await server.upload(id, 'bytes');
  const remove = (store: string, as: 'a' | 'admin') =>
    server.call('DELETE', `/image/v2/stores/${store}/${id}`, { as });
  assert.equal((await remove('file', 'a')).status, 403);
  assert.equal((await remove('file', 'admin')).status, 403);
  assert.equal((await remove('tape', 'admin')).status, 409);
});
