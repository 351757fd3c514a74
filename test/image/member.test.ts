import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageServe } from './world.ts';

const b = 'b'.repeat(32);

test('an image is shared by its owner and accepted by the member alone', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const members = `/image/v2/images/${id}/members`;
  const created = await server.call('POST', members, { body: { member: b } });
  assert.equal(created.status, 200);
  assert.equal(created.json.status, 'pending');
  assert.equal(created.json.member_id, b);
  assert.equal((await server.call('POST', members, { body: { member: b } })).status, 409);

  const accept = (as: string) =>
    server.call('PUT', `${members}/${b}`, { body: { status: 'accepted' }, as });
  assert.equal((await accept('a')).status, 403);
  assert.equal((await accept('b')).json.status, 'accepted');
  const wrong = await server.call('PUT', `${members}/${b}`, { body: { status: 'x' }, as: 'b' });
  assert.equal(wrong.status, 400);

  const { json } = await server.call('GET', members);
  assert.deepEqual(
    json.members.map((member: { status: string }) => member.status),
    ['accepted'],
  );
  assert.equal((await server.call('DELETE', `${members}/${b}`, { as: 'b' })).status, 403);
  assert.equal((await server.call('DELETE', `${members}/${b}`)).status, 204);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`, { as: 'b' })).status, 404);
});

test('a member sees itself and no other member', async () => {
  await using server = await imageServe();
  const members = `/image/v2/images/${await server.create()}/members`;
  const other = 'c'.repeat(32);
  await server.call('POST', members, { body: { member: b } });
  await server.call('POST', members, { body: { member: other } });
  const { json } = await server.call('GET', members, { as: 'b' });
  assert.deepEqual(
    json.members.map((member: { member_id: string }) => member.member_id),
    [b],
  );
  assert.equal((await server.call('GET', `${members}/${b}`, { as: 'b' })).status, 200);
  assert.equal((await server.call('GET', `${members}/${other}`, { as: 'b' })).status, 404);
  const update = { body: { status: 'accepted' }, as: 'b' };
  assert.equal((await server.call('PUT', `${members}/${other}`, update)).status, 404);
  assert.equal((await server.call('GET', members)).json.members.length, 2);
});

test('only shared images have members', async () => {
  await using server = await imageServe();
  const members = `/image/v2/images/${await server.create({ visibility: 'private' })}/members`;
  assert.equal((await server.call('POST', members, { body: { member: b } })).status, 403);
  assert.equal((await server.call('GET', members)).status, 403);
  assert.equal((await server.call('GET', `${members}/${b}`)).status, 404);
});

for (const body of [{}, { member: '' }, { member: 5 }, undefined]) {
  test(`the new member ${JSON.stringify(body)} is refused`, async () => {
    await using server = await imageServe();
    const members = `/image/v2/images/${await server.create()}/members`;
    assert.equal((await server.call('POST', members, { body })).status, 400);
  });
}
