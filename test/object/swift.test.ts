import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { objectServer } from '../../src/object/http/object-server.ts';
import { swiftFront } from '../../src/object/swift/swift.front.ts';
import { storeOpen, type TestStore } from './world.ts';

const user = (account: string, name: string, ...groups: string[]) => ({
  account,
  user: name,
  key: `${name}-key`,
  groups,
});

describe('the Swift API', () => {
  let store: TestStore;
  let server: Server;
  let root: string;
  const tokens = new Map<string, string>();

  before(async () => {
    const tempauth = [
      user('shop', 'owner', '.admin'),
      user('shop', 'clerk'),
      user('other', 'stranger', '.admin'),
      user('ops', 'operator', '.reseller_admin'),
    ];
    store = await storeOpen({ settings: { tempauth } });
    const s3 = async (): Promise<void> => {};
    server = objectServer({ world: store.world, swift: swiftFront, s3, tls: null });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const { account, user: name, key } of tempauth) {
      const answer = await fetch(`${root}/auth/v1.0`, {
        headers: { 'X-Auth-User': `${account}:${name}`, 'X-Auth-Key': key },
      });
      tokens.set(name, answer.headers.get('x-auth-token') ?? '');
    }
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await store[Symbol.asyncDispose]();
  });

  const call = (
    method: string,
    path: string,
    {
      as = 'owner',
      headers = {},
      body,
    }: { as?: string | null; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Response> =>
    fetch(`${root}/v1/AUTH_shop${path}`, {
      method,
      headers: { ...(as !== null && { 'X-Auth-Token': tokens.get(as) ?? '' }), ...headers },
      ...(body !== undefined && { body }),
      redirect: 'manual',
    });

  test('an object comes back as it was put, with its metadata', async () => {
    assert.equal((await call('PUT', '/plain')).status, 201);
    const put = await call('PUT', '/plain/a%20b', {
      body: 'hello',
      headers: { 'X-Object-Meta-Colour': 'blau', 'Content-Type': 'text/x-greeting' },
    });
    assert.equal(put.status, 201);
    const got = await call('GET', '/plain/a%20b', { headers: { Range: 'bytes=1-2,4-' } });
    assert.equal(got.status, 206);
    assert.match(got.headers.get('content-type') ?? '', /^multipart\/byteranges;boundary=/);
    assert.match(await got.text(), /el\r\n--.*\r\n[^]*\r\n\r\no\r\n--/);
    const head = await call('HEAD', '/plain/a%20b');
    assert.equal(head.headers.get('x-object-meta-colour'), 'blau');
    assert.equal(head.headers.get('content-type'), 'text/x-greeting');
    assert.equal(head.headers.get('content-length'), '5');
  });

  test('metadata may be empty, and its names are the same with underscores', async () => {
    const headers = { 'X-Object-Meta-Nothing': '', 'X-Object-Meta-Two_Words': 'x' };
    await call('PUT', '/plain/meta', { body: '', headers });
    const head = await call('HEAD', '/plain/meta');
    assert.equal(head.headers.get('x-object-meta-nothing'), '');
    assert.equal(head.headers.get('x-object-meta-two-words'), 'x');
  });

  test('a container in which only expired objects are left can be deleted', async () => {
    await call('PUT', '/brief');
    await call('PUT', '/brief/o', { body: 'x', headers: { 'X-Delete-After': '10' } });
    store.pass(11_000);
    assert.equal((await call('DELETE', '/brief')).status, 204);
  });

  test('a static large object is the sum of its segments, and breaks when one changes', async () => {
    await call('PUT', '/large');
    await call('PUT', '/large/one', { body: 'first-' });
    await call('PUT', '/large/two', { body: 'second' });
    const manifest = JSON.stringify([
      { path: 'large/one' },
      { data: Buffer.from('inline-').toString('base64') },
      { path: 'large/two', range: '0-2' },
    ]);
    const put = await call('PUT', '/large/all?multipart-manifest=put', { body: manifest });
    assert.equal(put.status, 201);
    assert.equal(await (await call('GET', '/large/all')).text(), 'first-inline-sec');
    const part = await call('GET', '/large/all', { headers: { Range: 'bytes=4-14' } });
    assert.equal(await part.text(), 't-inline-se');
    await call('PUT', '/large/one', { body: 'changed' });
    assert.equal((await call('GET', '/large/all')).status, 409);
    const gone = await call('DELETE', '/large/all?multipart-manifest=delete');
    assert.match(await gone.text(), /Number Deleted: 3/);
  });

  test('versions are kept, listed, read by their id and made current again', async () => {
    await call('PUT', '/kept', { headers: { 'X-Versions-Enabled': 'true' } });
    const first = await call('PUT', '/kept/o', { body: 'one' });
    await call('PUT', '/kept/o', { body: 'two' });
    assert.equal((await call('DELETE', '/kept/o')).status, 204);
    assert.equal((await call('GET', '/kept/o')).status, 404);
    const id = first.headers.get('x-object-version-id') ?? '';
    assert.equal(await (await call('GET', `/kept/o?version-id=${id}`)).text(), 'one');
    const versions = (await (await call('GET', '/kept?versions&format=json')).json()) as unknown[];
    assert.equal(versions.length, 3);
    assert.equal((await call('PUT', `/kept/o?version-id=${id}`, { body: '' })).status, 201);
    assert.equal(await (await call('GET', '/kept/o')).text(), 'one');
    assert.equal((await call('DELETE', '/kept')).status, 409);
  });

  test('one version of a large object is deleted with its segments', async () => {
    await call('PUT', '/parts');
    await call('PUT', '/parts/one', { body: 'first' });
    await call('PUT', '/kept-large', { headers: { 'X-Versions-Enabled': 'true' } });
    const body = JSON.stringify([{ path: 'parts/one' }]);
    const put = await call('PUT', '/kept-large/o?multipart-manifest=put', { body });
    const id = put.headers.get('x-object-version-id') ?? '';
    await call('PUT', '/kept-large/o', { body: 'newer' });
    const gone = await call('DELETE', `/kept-large/o?multipart-manifest=delete&version-id=${id}`);
    assert.match(await gone.text(), /Number Deleted: 2/);
    assert.equal(await (await call('GET', '/kept-large/o')).text(), 'newer');
    assert.equal((await call('GET', `/kept-large/o?version-id=${id}`)).status, 404);
    assert.equal((await call('HEAD', '/parts/one')).status, 404);
  });

  test('a link that is copied to another account leads where the copy says', async () => {
    await call('PUT', '/links', { headers: { 'X-Container-Read': 'other:stranger' } });
    await call('PUT', '/links/target', { body: 'here' });
    await call('PUT', '/links/link', { headers: { 'X-Symlink-Target': 'links/target' } });
    const there = (method: string, path: string, headers: Record<string, string> = {}) =>
      fetch(`${root}/v1/AUTH_other${path}`, {
        method,
        headers: { 'X-Auth-Token': tokens.get('stranger') ?? '', ...headers },
      });
    await there('PUT', '/links');
    const from = { 'X-Copy-From': 'links/link', 'X-Copy-From-Account': 'AUTH_shop' };
    await there('PUT', '/links/own?symlink=get', from);
    assert.equal((await there('GET', '/links/own')).status, 404);
    const account = { 'X-Symlink-Target-Account': 'AUTH_shop' };
    await there('PUT', '/links/theirs?symlink=get', { ...from, ...account });
    assert.equal(await (await there('GET', '/links/theirs')).text(), 'here');
  });

  test('a quota counts what came and not what was announced', async () => {
    await call('PUT', '/small', { headers: { 'X-Container-Meta-Quota-Bytes': '10' } });
    assert.equal((await call('PUT', '/small/a', { body: '12345678' })).status, 201);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('12345'));
        controller.close();
      },
    });
    const chunked = await fetch(`${root}/v1/AUTH_shop/small/b`, {
      method: 'PUT',
      body: stream,
      headers: { 'X-Auth-Token': tokens.get('owner') ?? '' },
      duplex: 'half',
    } as RequestInit);
    assert.equal(chunked.status, 413);
    assert.equal((await call('HEAD', '/small/b')).status, 404);
  });

  test('a bucket of another project, or none, looks the same to a stranger', async () => {
    await call('PUT', '/secret');
    for (const path of ['/secret', '/nothing', '/secret/o', '/nothing/o']) {
      assert.equal((await call('GET', path, { as: 'stranger' })).status, 403, path);
      assert.equal((await call('GET', path, { as: null })).status, 401, path);
    }
  });

  describe('who may do what', () => {
    before(async () => {
      await call('PUT', '/matrix', { headers: { 'X-Container-Read': '.r:*,.rlistings' } });
      await call('PUT', '/matrix/o', { body: 'x' });
      await call('PUT', '/closed');
      await call('PUT', '/closed/o', { body: 'x' });
    });
    const open: readonly string[] = [
      'GET /matrix',
      'HEAD /matrix',
      'GET /matrix/o',
      'HEAD /matrix/o',
    ];
    const objects = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'COPY'].map((one) => `${one} /`);
    const calls = ['matrix', 'closed'].flatMap((name) => [
      ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].map((method) => `${method} /${name}`),
      ...objects.map((one) => `${one}${name}/o`),
      `PUT /${name}/o?multipart-manifest=put`,
      `DELETE /${name}/o?multipart-manifest=delete`,
      `GET /${name}?versions&format=json`,
    ]);
    const account = ['GET ', 'HEAD ', 'POST ', 'PUT ', 'DELETE '];
    for (const [as, denied] of [
      ['clerk', 403],
      ['stranger', 403],
      [null, 401],
    ] as const) {
      for (const one of [...calls, ...account]) {
        const [method = '', path = ''] = one.split(' ');
        const isOpen = open.includes(one) || one.startsWith('GET /matrix?');
        test(`${as ?? 'nobody'}: ${one} is ${isOpen ? 'allowed' : denied}`, async () => {
          const answer = await call(method, path, {
            as,
            headers: { Destination: 'matrix/copy' },
            ...(method === 'PUT' && { body: '[{"path":"closed/o"}]' }),
          });
          assert.equal(
            answer.status < 300 ? 'allowed' : answer.status,
            isOpen ? 'allowed' : denied,
          );
          await answer.arrayBuffer();
        });
      }
    }
  });

  test('who shows a token is answered by Swift, whatever the path is', async () => {
    const headers = { 'X-Auth-Token': tokens.get('owner') ?? '' };
    assert.equal((await fetch(`${root}//v1/AUTH_shop`, { headers })).status, 404);
  });

  describe('bad input gets its documented answer', () => {
    const long = (length: number): string => 'n'.repeat(length);
    const cases: readonly [
      name: string,
      method: string,
      path: string,
      headers: Record<string, string>,
      status: number,
    ][] = [
      ['a container name of 257 bytes', 'PUT', `/${long(257)}`, {}, 400],
      ['an object name of 1025 bytes', 'PUT', `/plain/${long(1025)}`, {}, 400],
      ['a path that is not UTF-8', 'GET', '/plain/%ff', {}, 412],
      ['a null character', 'GET', '/plain/%00', {}, 412],
      ['a parameter that is not UTF-8', 'GET', '/plain?prefix=%ff', {}, 412],
      ['a wrong ETag', 'PUT', '/plain/bad', { ETag: '0'.repeat(32) }, 422],
      ['a metadata value of 257 bytes', 'PUT', '/plain/bad', { 'X-Object-Meta-A': long(257) }, 400],
      ['a range behind the end', 'GET', '/plain/a%20b', { Range: 'bytes=99-' }, 416],
      ['a limit beyond 10000', 'GET', '/plain?limit=10001', {}, 412],
      ['an expiry in the past', 'PUT', '/plain/bad', { 'X-Delete-At': '1' }, 400],
      ['an expiry that is no number', 'PUT', '/plain/bad', { 'X-Delete-After': 'soon' }, 400],
      ['a manifest that is no JSON', 'PUT', '/plain/bad?multipart-manifest=put', {}, 400],
      ['a copy without a source', 'PUT', '/plain/bad', { 'X-Copy-From': '/plain' }, 412],
      ['a copy without a destination', 'COPY', '/plain/a%20b', {}, 412],
      ['an unknown storage policy', 'PUT', '/odd', { 'X-Storage-Policy': 'gold' }, 400],
      ['an ACL with an unknown designator', 'POST', '/plain', { 'X-Container-Read': '.x:y' }, 400],
      ['a referrer in a write ACL', 'POST', '/plain', { 'X-Container-Write': '.r:*' }, 400],
      ['a method that is none', 'PATCH', '/plain', {}, 405],
    ];
    for (const [name, method, path, headers, status] of cases) {
      test(name, async () => {
        const answer = await call(method, path, {
          headers,
          ...(method === 'PUT' && headers['X-Copy-From'] === undefined && { body: 'x' }),
        });
        assert.equal(answer.status, status);
        assert.equal((await call('HEAD', '/plain/bad')).status, 404);
      });
    }
  });
});
