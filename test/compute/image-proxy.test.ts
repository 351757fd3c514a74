import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse } from '../support/compute.ts';
import { imageId } from '../support/image-port.ts';

test("images of Nova's own API, until 2.35", async (t) => {
  await using house = await computeHouse();
  const call = (method: string, path: string, body?: object, version = '2.35') =>
    house.call(method, `/images${path}`, { body, version });
  const id = await house.create();
  await house.until(id, ({ status }) => status === 'ACTIVE');
  await house.call('POST', `/servers/${id}/action`, { body: { createImage: { name: 'snap' } } });
  await house.quiet();

  await t.test('a snapshot is found by its server, by id and by any of its links', async () => {
    const { json } = await house.call('GET', `/servers/${id}`);
    const hrefs = json.server.links.map(({ href }: { href: string }) => href);
    for (const server of [id, ...hrefs]) {
      const found = await call('GET', `/detail?server=${encodeURIComponent(server)}`);
      assert.deepEqual(
        found.json.images.map(
          (image: { name: string; server: { id: string }; progress: number }) => [
            image.name,
            image.server.id,
            image.progress,
          ],
        ),
        [['snap', id, 100]],
      );
    }
    const byType = await call('GET', '?type=snapshot');
    assert.deepEqual(Object.keys(byType.json.images[0]), ['id', 'name', 'links']);
  });
  await t.test('metadata is added to, replaced, read and removed by key', async () => {
    const at = `/${imageId}/metadata`;
    await call('PUT', at, { metadata: { a: '1' } });
    const added = await call('POST', at, { metadata: { b: '2' } });
    assert.deepEqual(added.json.metadata, { a: '1', b: '2' });
    const set = await call('PUT', `${at}/a`, { meta: { a: '3' } });
    assert.deepEqual(set.json, { meta: { a: '3' } });
    assert.equal((await call('DELETE', `${at}/b`)).status, 204);
    assert.deepEqual((await call('GET', at)).json.metadata, { a: '3' });
    assert.equal((await call('GET', `${at}/b`)).status, 404);
    assert.equal((await call('PUT', `${at}/a`, { meta: { other: '3' } })).status, 400);
  });
  for (const [what, method, path, version, status] of [
    ['an unknown image', 'GET', '/00000000-0000-4000-8000-00000000dead', '2.35', 404],
    ['an id that is none', 'GET', '/snap', '2.35', 404],
    ['a limit that is no number', 'GET', '?limit=-1', '2.35', 400],
    ['a time without sense', 'GET', '?changes-since=soon', '2.35', 400],
    ['a list at 2.36', 'GET', '', '2.36', 404],
    ['metadata at 2.39', 'GET', `/${imageId}/metadata`, '2.39', 404],
  ] as const) {
    await t.test(`${what} is refused`, async () => {
      assert.equal((await call(method, path, undefined, version)).status, status);
    });
  }
});
