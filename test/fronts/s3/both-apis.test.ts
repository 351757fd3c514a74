/** What is written through one API is read through the other: the same bytes, metadata, names and listings. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { swiftFront } from '../../../src/object/swift/swift.front.ts';
import { send, textIn, textsIn, type Sent } from './client.ts';
import { s3Serve, type S3Server } from './harness.ts';

let server: S3Server;
const tokens = new Map<string, string>();

before(async () => {
  const tempauth = [
    { account: 'p1', user: 'swift', key: 'k', groups: ['.admin'] },
    { account: 'p2', user: 'other', key: 'k', groups: ['.admin'] },
  ];
  server = await s3Serve({ tempauth }, undefined, swiftFront);
  for (const { account, user, key } of tempauth) {
    const headers = { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': key };
    const answer = await fetch(`${server.url}/auth/v1.0`, { headers });
    tokens.set(account, answer.headers.get('x-auth-token') ?? '');
  }
  await swift('PUT /both');
});

after(() => server[Symbol.asyncDispose]());

interface SwiftSent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer<ArrayBuffer>;
}

async function swift(line: string, { headers = {}, body }: SwiftSent = {}): Promise<Response> {
  const [method = '', path = ''] = line.split(' ');
  const answer = await fetch(`${server.url}/v1/AUTH_p1${path}`, {
    method,
    headers: { 'X-Auth-Token': tokens.get('p1') ?? '', ...headers },
    ...(body !== undefined && { body }),
  });
  if (answer.status >= 400) assert.fail(`${line}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function s3(line: string, sent: Sent = {}) {
  const answer = await send(server, 'owner', line, sent);
  assert.ok(answer.status < 300, `${line}: ${answer.status} ${answer.text}`);
  return answer;
}

const md5 = (text: string | Buffer): string => createHash('md5').update(text).digest('hex');

test('what Swift wrote, with its metadata', async () => {
  await swift('PUT /both/from-swift', {
    body: 'hello',
    headers: {
      'Content-Type': 'text/x-greeting',
      'Content-Disposition': 'attachment',
      'Cache-Control': 'max-age=5',
      'X-Object-Meta-Colour': 'blau',
      'X-Object-Meta-Place': encodeURIComponent('Köln'),
    },
  });
  const { headers, text } = await s3('GET /both/from-swift');
  assert.equal(text, 'hello');
  assert.equal(headers['content-type'], 'text/x-greeting');
  assert.equal(headers['content-disposition'], 'attachment');
  assert.equal(headers['cache-control'], 'max-age=5');
  assert.equal(headers['x-amz-meta-colour'], 'blau');
  assert.equal(headers.etag, `"${md5('hello')}"`);
});

test('what S3 wrote, with its metadata', async () => {
  const headers = { 'content-type': 'text/x-x', 'x-amz-meta-colour': 'rot', 'cache-control': 'no' };
  await s3('PUT /both/from-s3', { body: 'there', headers });
  const got = await swift('GET /both/from-s3');
  assert.equal(await got.text(), 'there');
  assert.equal(got.headers.get('content-type'), 'text/x-x');
  assert.equal(got.headers.get('x-object-meta-colour'), 'rot');
  assert.equal(got.headers.get('cache-control'), 'no');
  assert.equal(got.headers.get('etag'), md5('there'));
  await swift('POST /both/from-s3', { headers: { 'X-Object-Meta-Shape': 'rund' } });
  const after = await s3('HEAD /both/from-s3');
  assert.equal(after.headers['x-amz-meta-shape'], 'rund');
  assert.equal(after.headers['x-amz-meta-colour'], undefined);
});

test('names of every script, in one order in both listings', async () => {
  await swift('PUT /names');
  const names = ['a b', 'a+b', 'a/ü', 'a/日本', 'a/🚀', 'z%41', '~'];
  for (const [at, name] of names.entries()) {
    const path = `/names/${encodeURIComponent(name).replaceAll('%2F', '/')}`;
    await (at % 2 === 0 ? swift(`PUT ${path}`, { body: name }) : s3(`PUT ${path}`, { body: name }));
    const other =
      at % 2 === 0 ? (await s3(`GET ${path}`)).text : await (await swift(`GET ${path}`)).text();
    assert.equal(other, name);
  }
  const rows = (await (await swift('GET /names?format=json')).json()) as Record<string, string>[];
  const listed = await s3('GET /names?list-type=2');
  assert.deepEqual(
    rows.map(({ name }) => name),
    textsIn(listed, 'Key'),
  );
  assert.deepEqual(
    rows.map(({ hash }) => `&quot;${hash}&quot;`),
    textsIn(listed, 'ETag'),
  );
  assert.equal(rows.length, names.length);
  const below = await s3('GET /names?list-type=2&delimiter=/&prefix=a');
  assert.deepEqual(textsIn(below, 'Prefix'), ['a', 'a/']);
});

test("Swift's large objects and links are their bytes", async () => {
  await swift('PUT /parts');
  await swift('PUT /parts/s1', { body: 'first-' });
  await swift('PUT /parts/s2', { body: 'second' });
  const body = JSON.stringify([{ path: 'parts/s1' }, { path: 'parts/s2' }]);
  await swift('PUT /both/static?multipart-manifest=put', { body });
  await swift('PUT /both/dynamic', { body: '', headers: { 'X-Object-Manifest': 'parts/s' } });
  await swift('PUT /both/link', { body: '', headers: { 'X-Symlink-Target': 'both/static' } });
  for (const key of ['static', 'dynamic', 'link']) {
    const whole = await s3(`GET /both/${key}`);
    assert.equal(whole.text, 'first-second', key);
    // Not to be taken for an MD5 of the bytes.
    assert.match(whole.headers.etag ?? '', /^"[0-9a-f]{32}-\d+"$/);
    const range = await s3(`GET /both/${key}`, { headers: { range: 'bytes=4-7' } });
    assert.equal(range.text, 't-se');
    assert.equal(range.headers['content-range'], 'bytes 4-7/12');
    assert.equal((await s3(`HEAD /both/${key}`)).headers['content-length'], '12');
    await s3(`PUT /both/copy-${key}`, { headers: { 'x-amz-copy-source': `both/${key}` } });
    assert.equal(await (await swift(`GET /both/copy-${key}`)).text(), 'first-second');
  }
  const listed = await s3('GET /both?prefix=static');
  assert.equal(textIn(listed, 'Size'), '12');
  const head = await s3('HEAD /both/static');
  assert.equal(textIn(listed, 'ETag').replaceAll('&quot;', '"'), head.headers.etag);
});

test('segments that the reader of a manifest may not read stay closed', async () => {
  await swift('PUT /closed');
  await swift('PUT /closed/secret', { body: 'secret' });
  await s3('PUT /open');
  const body = JSON.stringify([{ path: 'closed/secret' }]);
  await swift('PUT /open/static?multipart-manifest=put', { body });
  await swift('PUT /open/link', { body: '', headers: { 'X-Symlink-Target': 'closed/secret' } });
  await swift('PUT /open/dynamic', { body: '', headers: { 'X-Object-Manifest': 'closed/s' } });
  const Statement = [
    { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::open/*' },
  ];
  await s3('PUT /open?policy', { body: JSON.stringify({ Version: '2012-10-17', Statement }) });
  for (const key of ['static', 'link', 'dynamic']) {
    for (const who of ['stranger', null] as const) {
      const answer = await send(server, who, `GET /open/${key}`);
      assert.ok(
        ['AccessDenied', 'OperationAborted'].includes(answer.code),
        `${key}: ${answer.text}`,
      );
    }
  }
});

test("S3's uploads in parts are plain objects to Swift", async () => {
  const upload = textIn(await s3('POST /both/multi?uploads'), 'UploadId');
  const parts = [Buffer.alloc(5 << 20, 'a'), Buffer.from('end')];
  let done = '';
  for (const [at, body] of parts.entries()) {
    const { headers } = await s3(`PUT /both/multi?partNumber=${at + 1}&uploadId=${upload}`, {
      body,
    });
    done += `<Part><PartNumber>${at + 1}</PartNumber><ETag>${headers.etag}</ETag></Part>`;
  }
  const body = `<CompleteMultipartUpload>${done}</CompleteMultipartUpload>`;
  const etag = textIn(await s3(`POST /both/multi?uploadId=${upload}`, { body }), 'ETag');
  const got = await swift('GET /both/multi', { headers: { Range: `bytes=${(5 << 20) - 2}-` } });
  assert.equal(await got.text(), 'aaend');
  assert.equal(`&quot;${got.headers.get('etag')?.replaceAll('"', '')}&quot;`, etag);
  assert.equal(
    (await swift('HEAD /both/multi')).headers.get('content-length'),
    String((5 << 20) + 3),
  );
});

test("what the store's own key encrypts is read through Swift, what a customer's key does is not", async () => {
  await s3('PUT /both/sealed', {
    body: 'inside',
    headers: { 'x-amz-server-side-encryption': 'AES256' },
  });
  assert.equal(await (await swift('GET /both/sealed')).text(), 'inside');
  await swift('PUT /both/unsealed', { headers: { 'X-Copy-From': 'both/sealed' } });
  assert.equal((await s3('GET /both/unsealed')).text, 'inside');
  const key = Buffer.alloc(32, 9);
  const customer = {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': key.toString('base64'),
    'x-amz-server-side-encryption-customer-key-md5': createHash('md5').update(key).digest('base64'),
  };
  await s3('PUT /both/private', { body: 'inside', headers: customer });
  const headers = { 'X-Auth-Token': tokens.get('p1') ?? '' };
  const refused = await fetch(`${server.url}/v1/AUTH_p1/both/private`, { headers });
  assert.equal(refused.status, 403);
  assert.equal((await swift('HEAD /both/private')).status, 200);
});

test('versions and deletions of one are those of the other', async () => {
  await swift('PUT /kept', { headers: { 'X-Versions-Enabled': 'true' } });
  const one = await swift('PUT /kept/o', { body: 'one' });
  await s3('PUT /kept/o', { body: 'two' });
  await s3('DELETE /kept/o');
  const rows = (await (await swift('GET /kept?versions&format=json')).json()) as unknown[];
  assert.equal(rows.length, 3);
  const id = one.headers.get('x-object-version-id') ?? '';
  assert.equal((await s3(`GET /kept/o?versionId=${id}`)).text, 'one');
  await swift('PUT /both/gone', { body: 'x' });
  await s3('DELETE /both/gone');
  const headers = { 'X-Auth-Token': tokens.get('p1') ?? '' };
  assert.equal((await fetch(`${server.url}/v1/AUTH_p1/both/gone`, { headers })).status, 404);
});

test('what Swift lets expire, S3 tells of and does not find afterwards', async () => {
  await swift('PUT /both/brief', { body: 'x', headers: { 'X-Delete-After': '60' } });
  const { headers } = await s3('HEAD /both/brief');
  assert.match(String(headers['x-amz-expiration']), /rule-id="x-delete-at"/);
  server.store.pass(61_000);
  assert.equal((await send(server, 'owner', 'GET /both/brief')).code, 'NoSuchKey');
});
