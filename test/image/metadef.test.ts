import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metadefSeed } from '../../src/image/metadef/metadef-seed.ts';
import { imageServe, type ImageServer } from './world.ts';

const base = '/image/v2/metadefs';
const namespaces = `${base}/namespaces`;

async function made(server: ImageServer, body: object): Promise<void> {
  const answer = await server.call('POST', namespaces, { body, as: 'admin' });
  assert.equal(answer.status, 201, answer.text);
}

test('a namespace comes and goes with all that it holds', async () => {
  await using server = await imageServe();
  const body = {
    namespace: 'Mine',
    display_name: 'My own',
    description: 'for tests',
    visibility: 'public',
    resource_type_associations: [{ name: 'OS::Nova::Flavor', prefix: 'hw:' }],
    properties: { size: { title: 'Size', type: 'integer', minimum: 1, default: 3 } },
    objects: [
      { name: 'thing', required: ['a'], properties: { a: { title: 'A', type: 'string' } } },
    ],
    tags: [{ name: 'red' }, { name: 'blue' }],
  };
  const created = await server.call('POST', namespaces, { body, as: 'admin' });
  assert.equal(created.status, 201);
  assert.equal(created.headers.get('location'), '/v2/metadefs/namespaces/Mine');
  assert.equal(created.json.owner, 'b'.repeat(32));
  assert.equal(created.json.protected, false);

  const shown = await server.call('GET', `${namespaces}/Mine`, { as: 'reader' });
  assert.deepEqual(shown.json.tags, [{ name: 'blue' }, { name: 'red' }]);
  assert.deepEqual(shown.json.properties, body.properties);
  assert.deepEqual(shown.json.objects[0].required, ['a']);
  assert.equal(shown.json.objects[0].self, '/v2/metadefs/namespaces/Mine/objects/thing');
  assert.equal(shown.json.schema, '/v2/schemas/metadefs/namespace');

  const prefixed = await server.call('GET', `${namespaces}/Mine?resource_type=OS::Nova::Flavor`);
  assert.deepEqual(Object.keys(prefixed.json.properties), ['hw:size']);
  assert.deepEqual(prefixed.json.objects[0].required, ['hw:a']);

  const again = await server.call('POST', namespaces, { body, as: 'admin' });
  assert.equal(again.status, 409);
  const gone = await server.call('DELETE', `${namespaces}/Mine`, { as: 'admin' });
  assert.equal(gone.status, 204);
  assert.equal((await server.call('GET', `${namespaces}/Mine`)).status, 404);
});

test('namespaces are changed by administrators, and seen when public or of the own project', async () => {
  await using server = await imageServe();
  await made(server, { namespace: 'Hidden' });
  await made(server, { namespace: 'OfA', owner: 'a'.repeat(32) });
  await made(server, { namespace: 'Open', visibility: 'public' });
  const names = async (as: string, query = '') => {
    const answer = await server.call(
      'GET',
      `${namespaces}?sort_key=namespace&sort_dir=asc${query}`,
      { as },
    );
    return answer.json.namespaces.map((one: { namespace: string }) => one.namespace);
  };
  assert.deepEqual(await names('admin'), ['Hidden', 'OfA', 'Open']);
  assert.deepEqual(await names('a'), ['OfA', 'Open']);
  // The administrator's project is b's.
  assert.deepEqual(await names('b'), ['Hidden', 'Open']);
  assert.deepEqual(await names('admin', '&visibility=private'), ['Hidden', 'OfA']);
  assert.deepEqual(await names('admin', '&limit=1&marker=Hidden'), ['OfA']);
  assert.equal((await server.call('GET', `${namespaces}/Hidden`, { as: 'a' })).status, 404);
  assert.equal((await server.call('GET', `${namespaces}/Hidden/tags`, { as: 'a' })).status, 404);
  const add = { body: { namespace: 'X' }, as: 'a' };
  assert.equal((await server.call('POST', namespaces, add)).status, 403);
  assert.equal((await server.call('DELETE', `${namespaces}/OfA`, { as: 'a' })).status, 403);
});

test('a protected namespace loses nothing until it is no longer protected', async () => {
  await using server = await imageServe();
  const namespace = 'Safe';
  await made(server, { namespace, protected: true, tags: [{ name: 'x' }] });
  for (const path of ['', '/tags', '/tags/x', '/objects', '/properties']) {
    const answer = await server.call('DELETE', `${namespaces}/Safe${path}`, { as: 'admin' });
    assert.equal(answer.status, 403, path);
  }
  const change = { namespace: 'Free', visibility: 'public', protected: false };
  const changed = await server.call('PUT', `${namespaces}/Safe`, { body: change, as: 'admin' });
  assert.equal(changed.json.namespace, 'Free');
  const tags = await server.call('GET', `${namespaces}/Free/tags`);
  assert.deepEqual(tags.json, { tags: [{ name: 'x' }] });
  assert.equal((await server.call('DELETE', `${namespaces}/Free`, { as: 'admin' })).status, 204);
});

const shapes = [
  ['objects', { name: 'one', properties: { a: { title: 'A', type: 'string' } } }],
  ['properties', { name: 'one', title: 'One', type: 'string', enum: ['a', 'b'] }],
] as const;
for (const [plural, body] of shapes) {
  test(`${plural} of a namespace are added, shown, renamed and removed`, async () => {
    await using server = await imageServe();
    await made(server, { namespace: 'N' });
    const path = `${namespaces}/N/${plural}`;
    const as = 'admin';
    assert.equal((await server.call('POST', path, { body, as })).status, 201);
    assert.equal((await server.call('POST', path, { body, as })).status, 409);
    assert.equal((await server.call('GET', `${path}/one`, { as })).json.name, 'one');
    const renamed = { ...body, name: 'two' };
    assert.equal((await server.call('PUT', `${path}/one`, { body: renamed, as })).status, 200);
    assert.equal((await server.call('GET', `${path}/one`, { as })).status, 404);
    assert.equal((await server.call('DELETE', `${path}/two`, { as })).status, 204);
    assert.equal((await server.call('DELETE', `${path}/two`, { as })).status, 404);
    assert.equal((await server.call('POST', path, { body, as })).status, 201);
    assert.equal((await server.call('DELETE', path, { as })).status, 204);
    const left = (await server.call('GET', path, { as })).json[plural];
    assert.equal(Object.keys(left).length, 0);
    const readOnly = { ...body, created_at: 'now' };
    assert.equal((await server.call('POST', path, { body: readOnly, as })).status, 403);
    assert.equal((await server.call('POST', path, { body: { ...body, odd: 1 }, as })).status, 400);
  });
}

test('tags are replaced as a whole, appended when asked, and renamed', async () => {
  await using server = await imageServe();
  await made(server, { namespace: 'N', visibility: 'public' });
  const path = `${namespaces}/N/tags`;
  const as = 'admin';
  const body = (...names: string[]) => ({ tags: names.map((name) => ({ name })) });
  assert.equal((await server.call('POST', path, { body: body('a', 'b'), as })).status, 201);
  assert.equal((await server.call('POST', path, { body: body('c', 'd'), as })).status, 201);
  const headers = { 'X-Openstack-Append': 'true' };
  await server.call('POST', path, { body: body('e'), as, headers });
  const byName = `${path}?sort_key=name&sort_dir=asc`;
  assert.deepEqual((await server.call('GET', byName, { as })).json, body('c', 'd', 'e'));
  assert.equal((await server.call('POST', path, { body: body('e'), as, headers })).status, 409);
  assert.equal((await server.call('POST', `${path}/f`, { as })).status, 201);
  const renamed = await server.call('PUT', `${path}/f`, { body: { name: 'g' }, as });
  assert.equal(renamed.json.name, 'g');
  const beyond = await server.call('GET', `${byName}&marker=d`, { as });
  assert.deepEqual(beyond.json, body('e', 'g'));
  assert.equal((await server.call('POST', `${path}/${'x'.repeat(81)}`, { as })).status, 400);
});

test('tags and objects are listed newest first, as asked for, and all of them without a limit', async () => {
  await using server = await imageServe();
  await made(server, { namespace: 'N', visibility: 'public' });
  const as = 'admin';
  const names = Array.from({ length: 30 }, (_, n) => `n${String(n).padStart(2, '0')}`);
  const tags = `${namespaces}/N/tags`;
  await server.call('POST', tags, { body: { tags: names.map((name) => ({ name })) }, as });
  const objects = `${namespaces}/N/objects`;
  for (const name of ['third', 'second', 'first']) {
    assert.equal((await server.call('POST', objects, { body: { name }, as })).status, 201);
  }
  const list = async (path: string): Promise<string[]> => {
    const { status, json } = await server.call('GET', path, { as });
    if (status !== 200) return [String(status)];
    return (json.tags ?? json.objects).map(({ name }: { name: string }) => name);
  };
  assert.deepEqual(await list(tags), names, 'of one time: by name');
  assert.deepEqual(await list(`${tags}?sort_key=name&limit=2`), ['n29', 'n28']);
  assert.deepEqual(await list(`${tags}?sort_key=name&limit=2&marker=n28`), ['n27', 'n26']);
  assert.deepEqual(await list(objects), ['first', 'second', 'third']);
  assert.deepEqual(await list(`${objects}?sort_dir=asc&limit=1`), ['third']);
  assert.deepEqual(await list(`${objects}?marker=second`), ['third']);
  for (const wrong of ['sort_key=size', 'sort_dir=up', 'limit=x', 'limit=-1'])
    assert.deepEqual(await list(`${tags}?${wrong}`), ['400']);
  assert.deepEqual(await list(`${tags}?marker=none`), ['404']);
});

test('what a namespace applies to is known as a resource type from then on', async () => {
  await using server = await imageServe();
  await made(server, { namespace: 'N', properties: { p: { title: 'P', type: 'string' } } });
  const path = `${namespaces}/N/resource_types`;
  const body = { name: 'Our::Type', prefix: 'our_' };
  assert.equal((await server.call('POST', path, { body, as: 'admin' })).status, 201);
  assert.equal((await server.call('POST', path, { body, as: 'admin' })).status, 409);
  const types = await server.call('GET', `${base}/resource_types`, { as: 'reader' });
  assert.deepEqual(
    types.json.resource_types.map((one: { name: string }) => one.name),
    ['Our::Type'],
  );
  const property = `${namespaces}/N/properties/our_p?resource_type=Our::Type`;
  assert.equal((await server.call('GET', property, { as: 'admin' })).json.name, 'p');
  const removed = await server.call('DELETE', `${path}/Our::Type`, { as: 'admin' });
  assert.equal(removed.status, 204);
  const left = await server.call('GET', path, { as: 'admin' });
  assert.deepEqual(left.json, { resource_type_associations: [] });
});

test('a new cloud has the usual definitions, once, and keeps them removed', async () => {
  await using server = await imageServe();
  await metadefSeed(server.house.world);
  const listed = await server.call('GET', `${namespaces}?limit=100`, { as: 'reader' });
  assert.ok(listed.json.namespaces.length > 20);
  for (const { namespace } of listed.json.namespaces) {
    const shown = await server.call('GET', `${namespaces}/${namespace}`, { as: 'reader' });
    assert.equal(shown.status, 200);
    assert.equal(shown.json.owner, undefined);
  }
  const filtered = await server.call(
    'GET',
    `${namespaces}?resource_types=OS::Nova::Aggregate&limit=100`,
  );
  assert.ok(filtered.json.namespaces.length < listed.json.namespaces.length);
  const signatures = `${namespaces}/OS::Glance::Signatures`;
  assert.equal((await server.call('DELETE', signatures, { as: 'admin' })).status, 204);
  await metadefSeed(server.house.world);
  assert.equal((await server.call('GET', signatures)).status, 404);
});

test('the schemas of metadata definitions are published', async () => {
  await using server = await imageServe();
  for (const [path, name] of [
    ['namespace', 'namespace'],
    ['namespaces', 'namespaces'],
    ['resource_type', 'resource_type_association'],
    ['resource_types', 'resource_type_associations'],
    ['object', 'object'],
    ['properties', 'properties'],
    ['tag', 'tag'],
  ]) {
    const answer = await server.call('GET', `/image/v2/schemas/metadefs/${path}`);
    assert.equal(answer.json.name, name);
  }
});
