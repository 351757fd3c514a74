import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Api } from '../../src/kernel/http/api.ts';
import { byVersion, endpointsOf } from '../../src/kernel/http/endpoint.ts';
import { Type } from '../../src/kernel/type.ts';
import { version } from '../../src/kernel/version.ts';
import { apiServe, memberOf } from '../support/api.ts';

const endpoint = endpointsOf<null>();
const Name = Type.Object({ name: Type.String({ maxLength: 5 }) }, { additionalProperties: false });
const NameAndAge = Type.Object(
  { name: Type.String(), age: Type.Optional(Type.Integer()) },
  { additionalProperties: false },
);
const Empty = Type.Object({}, { additionalProperties: true });

const api: Api<null> = {
  name: 'things',
  mounts: ['/things', ''],
  world: null,
  microversions: {
    serviceType: 'thing',
    legacyHeader: 'x-thing-version',
    min: version('2.1'),
    max: version('2.10'),
    applies: (path) => path.startsWith('/v2'),
  },
  failureReply: (failure, { isBug }) => ({
    status: isBug
      ? 500
      : ((
          {
            not_found: 404,
            forbidden: 403,
            unauthenticated: 401,
            not_acceptable: 406,
            method_not_allowed: 405,
            unsupported_media: 415,
            too_large: 413,
          } as Record<string, number>
        )[failure.kind] ?? 400),
    body: { error: failure.message },
  }),
  endpoints: [
    endpoint(
      { id: 'root', method: 'GET', path: '/', rule: null, auth: 'none', reply: { 200: Empty } },
      () => ({ status: 200, body: {} }),
    ),
    endpoint(
      {
        id: 'create',
        method: 'POST',
        path: '/v2/things',
        rule: 'create',
        body: byVersion(['2.1', Name], ['2.9', NameAndAge]),
        reply: { 201: Empty },
      },
      (context, { body }) => {
        context.authorize('create');
        return { status: 201, body };
      },
    ),
    endpoint(
      {
        id: 'bytes',
        method: 'PUT',
        path: '/v2/bytes',
        rule: null,
        body: 'stream',
        reply: { 200: Empty },
      },
      async (_, { stream }) => {
        const pieces = await Array.fromAsync(stream);
        return { status: 200, body: { text: Buffer.concat(pieces).toString() } };
      },
    ),
    endpoint(
      {
        id: 'newer',
        method: 'GET',
        path: '/v2/newer',
        rule: null,
        since: '2.5',
        until: '2.9',
        reply: { 200: Empty },
      },
      () => ({ status: 200, body: {} }),
    ),
    endpoint(
      {
        id: 'stop',
        method: 'POST',
        path: '/v2/things/:id/action',
        action: 'stop',
        rule: null,
        reply: { 202: null },
      },
      () => ({ status: 202 }),
    ),
    endpoint(
      {
        id: 'start',
        method: 'POST',
        path: '/v2/things/:id/action',
        action: 'start',
        rule: null,
        reply: { 202: null },
      },
      () => ({ status: 202 }),
    ),
    endpoint(
      {
        id: 'forgetful',
        method: 'GET',
        path: '/v2/forgetful',
        rule: 'create',
        reply: { 200: Empty },
      },
      () => ({ status: 200, body: {} }),
    ),
    endpoint(
      { id: 'liar', method: 'GET', path: '/v2/liar', rule: null, reply: { 200: Name } },
      () => ({ status: 200, body: { name: 7 } }),
    ),
  ],
};
const policies = { create: { check: 'role:admin', description: '' } };

test('the API answers as its routes say', async (t) => {
  await using server = await apiServe([api as unknown as Api<never>], policies, {
    admin: memberOf('a', ['admin']),
    reader: memberOf('b', ['reader']),
  });
  const at = (text: string): Record<string, string> => ({
    'OpenStack-API-Version': `thing ${text}`,
  });

  await t.test('discovery needs no token, everything else does', async () => {
    assert.equal((await server.call('GET', '/things', { as: null })).status, 200);
    assert.equal((await server.call('GET', '/v2/newer', { as: null })).status, 401);
    assert.equal((await server.call('GET', '/v2/none', { as: null })).status, 401);
    assert.equal((await server.call('GET', '/v2/none')).status, 404);
  });
  await t.test('a policy refusal is 403 and audited', async () => {
    const refused = await server.call('POST', '/v2/things', { as: 'reader', body: { name: 'x' } });
    assert.equal(refused.status, 403);
    const event = server.events.at(-1);
    assert.deepEqual(
      [event?.outcome, event?.reason?.reasonCode, event?.initiator.name],
      ['failure', '403', 'member-b'],
    );
  });
  await t.test('an answer has the text that was meant, in whatever letters', async () => {
    for (const name of ['plain', 'Grüße', 'ÿ', '文', '💩']) {
      const answer = await server.call('POST', '/v2/things', { body: { name } });
      assert.equal(answer.json.name, name);
    }
  });
  await t.test('bodies are held against the schema of the version asked for', async () => {
    const body = { name: 'x', age: 3 };
    assert.equal((await server.call('POST', '/v2/things', { body })).status, 400);
    assert.equal(
      (await server.call('POST', '/v2/things', { body, headers: at('2.9') })).status,
      201,
    );
    assert.equal((await server.call('POST', '/v2/things', { body: '{"name"' })).status, 400);
    for (const text of [
      '{"__proto__":1}',
      '{"\\u005f_proto__":1}',
      '{"name":{"__pro\\u0074o__":1}}',
      '{"name":"\\u0000"}',
      '{"\\u0000":"x"}',
      '{"name":"\0"}',
    ]) {
      const answer = await server.call('POST', '/v2/things', { body: text });
      assert.equal(answer.status, 400, text);
    }
    assert.equal(
      (await server.call('POST', '/v2/things', { body: new Uint8Array([0xff, 0xfe]) })).status,
      400,
    );
    assert.equal(
      (await server.call('POST', '/v2/things', { body: 'x'.repeat(2 << 20) })).status,
      413,
    );
    assert.equal(
      (
        await server.call('POST', '/v2/things', {
          body: '{}',
          headers: { 'Content-Type': 'text/html' },
        })
      ).status,
      415,
    );
  });
  await t.test('versions: both headers in, both out, on errors too', async () => {
    const newest = await server.call('GET', '/v2/newer', { headers: at('2.9') });
    assert.equal(newest.headers.get('openstack-api-version'), 'thing 2.9');
    assert.equal(newest.headers.get('x-thing-version'), '2.9');
    assert.equal((await server.call('GET', '/v2/newer')).status, 404);
    assert.equal((await server.call('GET', '/v2/newer', { headers: at('2.10') })).status, 404);
    assert.equal(
      (await server.call('GET', '/v2/newer', { headers: { 'X-Thing-Version': '2.6' } })).status,
      200,
    );
    const over = await server.call('GET', '/v2/newer', { headers: at('2.11') });
    assert.equal(over.status, 406);
    assert.ok(over.headers.has('openstack-api-version'));
    assert.equal((await server.call('GET', '/v2/newer', { headers: at('two') })).status, 400);
  });
  await t.test('the key of the body chooses the action', async () => {
    const act = (body: unknown) => server.call('POST', '/v2/things/7/action', { body });
    assert.equal((await act({ start: null })).status, 202);
    assert.equal((await act({ dance: null })).status, 400);
    assert.equal((await act({ start: null, stop: null })).status, 400);
  });
  await t.test('a wrong method is 405 with Allow', async () => {
    const answer = await server.call('DELETE', '/v2/newer');
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET']);
  });
  for (const path of ['/v2/things/%zz/action', '/v2/%', '/v2/newer?a=%zz']) {
    await t.test(`${path} is no fault of ours`, async () => {
      assert.ok((await server.call('GET', path)).status < 500);
    });
  }
  await t.test(
    'an endpoint that forgets its rule or lies about its reply is a bug, not an answer',
    async () => {
      assert.equal((await server.call('GET', '/v2/forgetful')).status, 500);
      assert.equal((await server.call('GET', '/v2/liar')).status, 500);
    },
  );
  await t.test('garbage on the socket ends the connection, not the server', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.end('\u0000\u0001 nonsense\r\n\r\n');
    await new Promise((resolve) => socket.resume().on('close', resolve));
    assert.equal((await server.call('GET', '/')).status, 200);
  });
  const heard = async (pieces: readonly string[], isEnded: boolean): Promise<string> => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').setEncoding('utf8');
    let answer = '';
    socket.on('data', (text: string) => (answer += text));
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise(setImmediate);
    }
    if (isEnded) socket.end();
    await new Promise((resolve) => socket.on('close', resolve));
    return answer;
  };
  const raw = (...pieces: string[]): Promise<string> => heard(pieces, true);
  const post = (extra: string): string =>
    `POST /v2/things HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\nConnection: close\r\n${extra}\r\n\r\n`;
  await t.test('who reads a body as it comes reads nothing where none is announced', async () => {
    const putBytes = (extra: string): string =>
      post(extra).replace('POST /v2/things', 'PUT /v2/bytes');
    assert.match(await raw(putBytes('Content-Length: 2'), 'ab'), / 200 [^]*\{"text":"ab"\}$/);
    assert.match(await raw(putBytes('Accept: */*')), / 200 [^]*\{"text":""\}$/);
  });
  await t.test('a body comes in any number of pieces', async () => {
    const pieces = ['5\r\n{"nam\r\n', '5\r\ne":"a\r\n', '2\r\n"}\r\n', '0\r\n\r\n'];
    const answer = await raw(post('Transfer-Encoding: chunked'), ...pieces);
    assert.match(answer, /^HTTP\/1\.1 201 [^]*\{"name":"a"\}$/);
  });
  await t.test('a body that breaks off is no body, one without end is refused', async () => {
    const before = server.events.length;
    await raw(post('Content-Length: 12'), '{"name"');
    const kib = `400\r\n${' '.repeat(1_024)}\r\n`;
    // The client stays: who ends in the middle of a body may be gone before the answer.
    const endless = [post('Transfer-Encoding: chunked'), kib.repeat(1_025)];
    assert.match(await heard(endless, false), /^HTTP\/1\.1 413 /);
    const outcomes = server.events.slice(before).map(({ outcome }) => outcome);
    assert.deepEqual(new Set(outcomes), new Set(['failure']));
    assert.equal((await server.call('POST', '/v2/things', { body: { name: 'b' } })).status, 201);
  });
});
