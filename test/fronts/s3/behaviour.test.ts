/** What AWS documents of its calls, over HTTP: the everyday ones are left to the clients of the object suite. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { test } from 'node:test';
import { lifecycleReconciler } from '../../../src/fronts/s3/lifecycle.reconciler.ts';
import { notifyReconciler } from '../../../src/fronts/s3/notify.reconciler.ts';
import { objectSettingsDefault } from '../../../src/object/object.world.ts';
import { presign, send, sign, textIn, textsIn, type Answer, type Sent } from './client.ts';
import { people, s3Serve, type PersonName, type S3Server } from './harness.ts';

const base64Md5 = (data: string | Buffer): string =>
  createHash('md5').update(data).digest('base64');

const versionOf = ({ headers }: Pick<Answer, 'headers'>): string =>
  String(headers['x-amz-version-id']);

async function ok(server: S3Server, line: string, sent: Sent = {}, who: PersonName = 'owner') {
  const answer = await send(server, who, line, sent);
  assert.ok(answer.status < 300, `${line}: ${answer.status} ${answer.text}`);
  return answer;
}

async function fails(
  server: S3Server,
  line: string,
  expected: string,
  sent: Sent = {},
  who: PersonName | null = 'owner',
) {
  const answer = await send(server, who, line, sent);
  assert.equal(
    `${answer.status} ${answer.code}`,
    expected,
    `${line}: ${answer.text.slice(0, 1000)}`,
  );
  return answer;
}

test('what cannot be done says so, and never that it was', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  for (const line of [
    'GET /bucket?replication',
    'PUT /bucket?accelerate',
    'GET /bucket?inventory',
    'POST /bucket/k?restore',
    'POST /bucket/k?select&select-type=2',
    'GET /bucket/k?torrent',
  ]) {
    await fails(server, line, '501 NotImplemented');
  }
  const emptyDelete = '<Delete><Object><Key/></Object></Delete>';
  const refused: readonly (readonly [string, string, string, Sent?])[] = [
    [
      'PUT /bucket?logging',
      '501 NotImplemented',
      '<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket></LoggingEnabled></BucketLoggingStatus>',
    ],
    [
      'PUT /bucket?requestPayment',
      '501 NotImplemented',
      '<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>',
    ],
    [
      'PUT /bucket?lifecycle',
      '501 NotImplemented',
      '<LifecycleConfiguration><Rule><Prefix/><Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>',
    ],
    [
      'PUT /bucket?encryption',
      '501 NotImplemented',
      '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
    ],
    [
      'PUT /bucket?versioning',
      '501 NotImplemented',
      '<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>',
    ],
    [
      'PUT /bucket?notification',
      '501 NotImplemented',
      '<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>',
    ],
    [
      'PUT /bucket?notification',
      '400 InvalidArgument',
      '<NotificationConfiguration><TopicConfiguration><Topic>arn:aws:sns:r:p:webhook/http://169.254.169.254/x</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration></NotificationConfiguration>',
    ],
    [
      'PUT /bucket?cors',
      '400 MalformedXML',
      '<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><Extra/></CORSRule></CORSConfiguration>',
    ],
    [
      'PUT /bucket?tagging',
      '400 MalformedXML',
      '<!DOCTYPE Tagging [<!ENTITY a "x">]><Tagging><TagSet/></Tagging>',
    ],
    ['PUT /Bad_Name', '400 InvalidBucketName', ''],
    ['PUT /bucket', '409 BucketAlreadyOwnedByYou', ''],
    ['PATCH /bucket', '405 MethodNotAllowed', ''],
    [
      'PUT /bucket/k',
      '400 InvalidStorageClass',
      '',
      { headers: { 'x-amz-storage-class': 'GLACIER' } },
    ],
    [
      'PUT /bucket/k',
      '501 NotImplemented',
      '',
      { headers: { 'x-amz-server-side-encryption': 'aws:kms' } },
    ],
    [
      'PUT /bucket/k',
      '400 MetadataTooLarge',
      '',
      { headers: { 'x-amz-meta-a': 'x'.repeat(2100) } },
    ],
    ['GET /bucket?encoding-type=x', '400 InvalidArgument', ''],
    ['GETPUT /bucket', '405 MethodNotAllowed', ''],
    [
      'POST /bucket?delete',
      '400 UserKeyMustBeSpecified',
      emptyDelete,
      { headers: { 'content-md5': base64Md5(emptyDelete) } },
    ],
    ['GET /bucket?max-keys=-1', '400 InvalidArgument', ''],
    ['GET /missing/k', '404 NoSuchBucket', ''],
    [`GET /bucket/${'k'.repeat(1025)}`, '400 KeyTooLongError', ''],
  ];
  for (const [line, expected, body, sent] of refused)
    await fails(server, line, expected, { body, ...sent });
  for (const line of ['GET /bucket/%ff', 'GET /bucket/%00', 'GET /bucket/%']) {
    await fails(server, line, '400 InvalidURI', {}, null);
  }
  await fails(server, 'PUT /bucket', '409 BucketAlreadyExists', {}, 'stranger');
});

test('times are whole seconds, and what is empty in a listing is as if it were not there', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  server.store.pass(1_234);
  await ok(server, 'PUT /bucket/k', { body: 'x' });
  const listed = await ok(server, 'GET /bucket?list-type=2&continuation-token=');
  const head = await ok(server, 'HEAD /bucket/k');
  const at = textIn(listed, 'LastModified');
  assert.match(at, /\.000Z$/);
  assert.equal(new Date(at).toUTCString(), head.headers['last-modified']);
  assert.match(
    (await ok(server, 'GET /bucket?versions&delimiter=')).text,
    /<Delimiter><\/Delimiter>/,
  );
});

test('versions stack up, markers hide them, and what goes uncovers what was before', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  await ok(server, 'PUT /bucket/k', { body: 'zero' });
  await ok(server, 'PUT /bucket?versioning', {
    body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  });
  const first = versionOf(await ok(server, 'PUT /bucket/k', { body: 'one' }));
  const marker = await ok(server, 'DELETE /bucket/k');
  assert.equal(marker.headers['x-amz-delete-marker'], 'true');
  const missing = await fails(server, 'GET /bucket/k', '404 NoSuchKey');
  assert.equal(missing.headers['x-amz-delete-marker'], 'true');
  await fails(server, `GET /bucket/k?versionId=${versionOf(marker)}`, '405 MethodNotAllowed');
  assert.equal((await ok(server, `GET /bucket/k?versionId=${first}`)).text, 'one');
  assert.equal((await ok(server, 'GET /bucket/k?versionId=null')).text, 'zero');
  const listed = await ok(server, 'GET /bucket?versions');
  assert.deepEqual(textsIn(listed, 'VersionId').length, 3);
  assert.deepEqual(textsIn(listed, 'IsLatest'), ['true', 'false', 'false'].toSorted().toReversed());
  await ok(server, `DELETE /bucket/k?versionId=${versionOf(marker)}`);
  assert.equal((await ok(server, 'GET /bucket/k')).text, 'one');
  await fails(server, 'GET /bucket/k?versionId=1', '404 NoSuchVersion');
  await fails(server, 'GET /bucket/k?versionId=abc', '400 InvalidArgument');
  await fails(server, 'DELETE /bucket', '409 BucketNotEmpty');
});

test('locks hold against their owner until they end', async () => {
  await using server = await s3Serve();
  const { world } = server.store;
  await ok(server, 'PUT /bucket', { headers: { 'x-amz-bucket-object-lock-enabled': 'true' } });
  const untilMs = world.clock.now() + 86_400_000;
  const locked = {
    body: 'x',
    headers: {
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': new Date(untilMs).toISOString(),
    },
  };
  await fails(server, 'PUT /bucket/k', '400 InvalidRequest', locked);
  const withDigest = { ...locked, headers: { ...locked.headers, 'content-md5': base64Md5('x') } };
  const version = versionOf(await ok(server, 'PUT /bucket/k', withDigest));
  await fails(server, `DELETE /bucket/k?versionId=${version}`, '403 AccessDenied');
  const bypass = { headers: { 'x-amz-bypass-governance-retention': 'true' } };
  await fails(server, `DELETE /bucket/k?versionId=${version}`, '403 AccessDenied', bypass);
  await fails(server, 'PUT /bucket/k?retention', '403 AccessDenied', { body: '<Retention/>' });
  await fails(server, 'PUT /bucket?versioning', '409 InvalidBucketState', {
    body: '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>',
  });
  await ok(server, 'PUT /bucket/k?legal-hold', {
    body: '<LegalHold><Status>ON</Status></LegalHold>',
  });
  server.store.pass(2 * 86_400_000);
  await fails(server, `DELETE /bucket/k?versionId=${version}`, '403 AccessDenied');
  await ok(server, 'PUT /bucket/k?legal-hold', {
    body: '<LegalHold><Status>OFF</Status></LegalHold>',
  });
  await ok(server, `DELETE /bucket/k?versionId=${version}`);
  await ok(server, 'PUT /bucket?object-lock', {
    body: '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>3</Days></DefaultRetention></Rule></ObjectLockConfiguration>',
  });
  const governed = versionOf(await ok(server, 'PUT /bucket/g', { body: 'x' }));
  assert.equal(textIn(await ok(server, 'GET /bucket/g?retention'), 'Mode'), 'GOVERNANCE');
  await fails(server, `DELETE /bucket/g?versionId=${governed}`, '403 AccessDenied');
  await ok(server, `DELETE /bucket/g?versionId=${governed}`, bypass);
});

test('writes under conditions are decided when they become visible', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  const fresh = { headers: { 'if-none-match': '*' }, body: 'x' };
  const all = await Promise.all(
    Array.from({ length: 8 }, () => send(server, 'owner', 'PUT /bucket/k', fresh)),
  );
  assert.deepEqual(
    all.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 412, 412, 412, 412, 412, 412, 412],
  );
  const etag = all.find(({ status }) => status === 200)?.headers.etag ?? '';
  await fails(server, 'PUT /bucket/k', '412 PreconditionFailed', {
    headers: { 'if-match': '"other"' },
  });
  await ok(server, 'PUT /bucket/k', { headers: { 'if-match': etag }, body: 'y' });
  await fails(server, 'PUT /bucket/none', '404 NoSuchKey', { headers: { 'if-match': etag } });
  const since = new Date(server.store.world.clock.now()).toUTCString();
  for (const name of ['if-modified-since', 'if-unmodified-since']) {
    await fails(server, 'PUT /bucket/k', '501 NotImplemented', { headers: { [name]: since } });
  }
  await fails(server, 'DELETE /bucket/k', '412 PreconditionFailed', {
    headers: { 'if-match': etag },
  });
  const { headers } = await ok(server, 'GET /bucket/k');
  const unchanged = await send(server, 'owner', 'GET /bucket/k', {
    headers: { 'if-none-match': headers.etag ?? '' },
  });
  assert.deepEqual([unchanged.status, unchanged.body.length], [304, 0]);
  const stale = {
    headers: { 'x-amz-copy-source': '/bucket/k', 'x-amz-copy-source-if-match': '"other"' },
  };
  await fails(server, 'PUT /bucket/copy', '412 PreconditionFailed', stale);
});

test("encrypted objects are read with the store's key or the customer's, ranges too, and by nobody without", async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  const body = Buffer.alloc(100_000, 'abcdefghij');
  const keyOf = (fill: number, prefix = 'x-amz'): Record<string, string> => {
    const key = Buffer.alloc(32, fill);
    const name = `${prefix}-server-side-encryption-customer-`;
    return {
      [`${name}algorithm`]: 'AES256',
      [`${name}key`]: key.toString('base64'),
      [`${name}key-md5`]: base64Md5(key),
    };
  };
  await ok(server, 'PUT /bucket/store', {
    body,
    headers: { 'x-amz-server-side-encryption': 'AES256' },
  });
  await ok(server, 'PUT /bucket/mine', { body, headers: keyOf(1) });
  const range = { range: 'bytes=50005-50009' };
  assert.equal((await ok(server, 'GET /bucket/store', { headers: range })).text, 'fghij');
  const read = await ok(server, 'GET /bucket/mine', { headers: { ...range, ...keyOf(1) } });
  assert.equal(read.text, 'fghij');
  await fails(server, 'GET /bucket/mine', '400 InvalidRequest');
  await fails(server, 'GET /bucket/mine', '403 AccessDenied', { headers: keyOf(2) });
  await fails(server, 'GET /bucket/store', '400 InvalidRequest', { headers: keyOf(1) });
  await fails(server, 'PUT /bucket/copy', '400 InvalidRequest', {
    headers: { 'x-amz-copy-source': '/bucket/mine' },
  });
  const copied = {
    'x-amz-copy-source': '/bucket/mine',
    ...keyOf(1, 'x-amz-copy-source'),
    ...keyOf(3),
  };
  await ok(server, 'PUT /bucket/copy', { headers: copied });
  const whole = await ok(server, 'GET /bucket/copy', { headers: keyOf(3) });
  assert.ok(whole.body.equals(body));
  const wrong = { ...keyOf(1), 'x-amz-server-side-encryption-customer-key-md5': base64Md5('x') };
  await fails(server, 'PUT /bucket/bad', '400 InvalidArgument', { headers: wrong });
});

test('a link gives what it names to whoever holds it, and nothing else', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  await ok(server, 'PUT /bucket/k', { body: 'x' });
  const link = presign(server, 'owner', 'GET', '/bucket/k?response-content-type=text%2Fx');
  const got = await send(server, null, `GET ${link}`);
  assert.deepEqual([got.status, got.text, got.headers['content-type']], [200, 'x', 'text/x']);
  await fails(server, `PUT ${link}`, '403 SignatureDoesNotMatch', {}, null);
  await fails(
    server,
    `GET ${link.replace('/bucket/k', '/bucket/j')}`,
    '403 SignatureDoesNotMatch',
    {},
    null,
  );
  const put = presign(server, 'owner', 'PUT', '/bucket/new?x-amz-meta-a=b');
  assert.equal((await send(server, null, `PUT ${put}`, { body: 'y' })).status, 200);
  assert.equal((await ok(server, 'GET /bucket/new')).headers['x-amz-meta-a'], 'b');
  server.store.pass(601_000);
  await fails(server, `GET ${link}`, '403 AccessDenied', {}, null);
});

test('a form uploads what its policy allows', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  const { accessKey, secret } = people.owner;
  const expiration = new Date(server.store.world.clock.now() + 600_000).toISOString();
  const form = (
    conditions: readonly unknown[],
    fields: Readonly<Record<string, string>>,
    file = 'content',
  ): Sent => {
    const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
    const signature = createHmac('sha1', secret).update(policy).digest('base64');
    const all = { ...fields, AWSAccessKeyId: accessKey, policy, signature };
    const parts = Object.entries(all).map(
      ([name, value]) =>
        `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const body = `${parts.join('')}--B\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n${file}\r\n--B--\r\n`;
    return { body, headers: { 'content-type': 'multipart/form-data; boundary=B' } };
  };
  const bucket = { bucket: 'bucket' };
  const key = ['starts-with', '$key', 'up/'];
  const posted = await send(
    server,
    null,
    'POST /bucket',
    form([bucket, key, { success_action_status: '201' }], {
      key: 'up/${filename}',
      success_action_status: '201',
    }),
  );
  assert.deepEqual([posted.status, textIn(posted, 'Key')], [201, 'up/f.txt']);
  assert.equal((await ok(server, 'GET /bucket/up/f.txt')).text, 'content');
  const refused: readonly (readonly [Sent, string])[] = [
    [form([bucket, key], { key: 'other' }), '403 AccessDenied'],
    [form([bucket, key], { key: 'up/x', acl: 'public-read' }), '403 AccessDenied'],
    [form([{ bucket: 'else' }, key], { key: 'up/x' }), '403 AccessDenied'],
    [form([bucket, key, ['content-length-range', 0, 3]], { key: 'up/x' }), '400 EntityTooLarge'],
    [
      form([bucket, key, ['content-length-range', 100, 300]], { key: 'up/x' }),
      '400 EntityTooSmall',
    ],
    [
      { ...form([bucket, key], { key: 'up/x' }), headers: { 'content-type': 'text/plain' } },
      '412 PreconditionFailed',
    ],
  ];
  for (const [sent, expected] of refused) await fails(server, 'POST /bucket', expected, sent, null);
  await fails(server, 'GET /bucket/up/x', '404 NoSuchKey');
});

test('rules for other sites are asked for before and told after', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  await ok(server, 'PUT /bucket?cors', {
    body: '<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.org</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>',
  });
  const ask = (origin: string, method: string, headers: string): Sent => ({
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': headers,
    },
  });
  const yes = await send(
    server,
    null,
    'OPTIONS /bucket/k',
    ask('https://a.example.org', 'PUT', 'X-Amz-Date'),
  );
  assert.equal(yes.status, 200);
  assert.equal(yes.headers['access-control-allow-origin'], 'https://a.example.org');
  for (const no of [
    ask('https://example.com', 'PUT', ''),
    ask('https://a.example.org', 'GET', ''),
    ask('https://a.example.org', 'PUT', 'cookie'),
  ]) {
    assert.equal((await send(server, null, 'OPTIONS /bucket/k', no)).status, 403);
  }
  const put = await ok(server, 'PUT /bucket/k', { headers: { origin: 'https://a.example.org' } });
  assert.equal(put.headers['access-control-expose-headers'], 'ETag');
});

test('a site shows what is open to everybody, its own error page, and where to go instead', async () => {
  await using server = await s3Serve({ s3Domains: ['s3.test'] });
  await ok(server, 'PUT /site', { headers: { 'x-amz-acl': 'public-read' } });
  await ok(server, 'PUT /site?website', {
    body: '<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>error.html</Key></ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>',
  });
  const open = { headers: { 'x-amz-acl': 'public-read', 'content-type': 'text/html' } };
  await ok(server, 'PUT /site/index.html', { ...open, body: 'home' });
  await ok(server, 'PUT /site/d/index.html', { ...open, body: 'folder' });
  await ok(server, 'PUT /site/error.html', { ...open, body: 'lost' });
  await ok(server, 'PUT /site/secret', { body: 'secret' });
  const host = 'site.website.s3.test';
  const get = async (path: string) => {
    const { status, text, headers } = await send(server, null, `GET ${path}`, { host });
    return [status, headers.location ?? text];
  };
  assert.deepEqual(await get('/'), [200, 'home']);
  assert.deepEqual(await get('/d/'), [200, 'folder']);
  assert.deepEqual(await get('/d'), [302, '/d/']);
  assert.deepEqual(await get('/old/x'), [301, `http://${host}/new/x`]);
  assert.deepEqual(await get('/nothing'), [404, 'lost']);
  assert.deepEqual(await get('/secret'), [403, 'lost']);
  const virtual = await send(server, null, 'GET /index.html', { host: 'site.s3.test' });
  assert.deepEqual([virtual.status, virtual.text], [200, 'home']);
});

test('what grows old goes as the rules say, and what is written anew stays', async () => {
  await using server = await s3Serve();
  const { store } = server;
  const dayMs = 86_400_000;
  const sweep = () => lifecycleReconciler(store.world).run(new AbortController().signal);
  await ok(server, 'PUT /bucket');
  await ok(server, 'PUT /bucket?versioning', {
    body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  });
  await ok(server, 'PUT /bucket?lifecycle', {
    body: '<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>2</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>',
  });
  const put = await ok(server, 'PUT /bucket/tmp/a', { body: '1' });
  assert.match(String(put.headers['x-amz-expiration']), /rule-id="a"/);
  await ok(server, 'PUT /bucket/kept', { body: '1' });
  await ok(server, 'POST /bucket/tmp/u?uploads');
  store.pass(dayMs);
  await sweep();
  await ok(server, 'GET /bucket/tmp/a');
  store.pass(2 * dayMs);
  await sweep();
  await fails(server, 'GET /bucket/tmp/a', '404 NoSuchKey');
  assert.deepEqual(textsIn(await ok(server, 'GET /bucket?uploads'), 'UploadId'), []);
  await ok(server, 'GET /bucket/kept');
  store.pass(3 * dayMs);
  await sweep();
  await sweep();
  const left = await ok(server, 'GET /bucket?versions');
  assert.deepEqual(textsIn(left, 'Key'), ['kept'], left.text);
});

test('webhooks are told what happened, again until they listen', async () => {
  const told: string[] = [];
  let status = 500;
  const hook = createServer((request: IncomingMessage, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      if (status === 200) told.push(text);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
  try {
    await using server = await s3Serve({
      s3: { ...objectSettingsDefault.s3, webhookPrefixes: [url] },
    });
    const { store } = server;
    const tell = () => notifyReconciler(store.world).run(new AbortController().signal);
    await ok(server, 'PUT /bucket');
    await ok(server, 'PUT /bucket?notification', {
      body: `<NotificationConfiguration><TopicConfiguration><Id>n</Id><Topic>arn:aws:sns:r:p:webhook/${url}</Topic><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule><Name>suffix</Name><Value>.jpg</Value></FilterRule></S3Key></Filter></TopicConfiguration></NotificationConfiguration>`,
    });
    await ok(server, 'PUT /bucket/a.txt', { body: 'x' });
    await ok(server, 'PUT /bucket/a.jpg', { body: 'x' });
    await ok(server, 'DELETE /bucket/a.jpg');
    await tell();
    assert.equal(told.length, 0);
    status = 200;
    store.pass(60_000);
    await tell();
    const names = told.map(
      (text) => (JSON.parse(text) as { Records: [{ eventName: string }] }).Records[0].eventName,
    );
    assert.deepEqual(names.toSorted(), ['ObjectCreated:Put', 'ObjectRemoved:Delete']);
    await tell();
    assert.equal(told.length, 2);
  } finally {
    hook.closeAllConnections();
    await new Promise((resolve) => hook.close(resolve));
  }
});

test('an upload that breaks off, or whose digest is wrong, leaves nothing', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  await fails(server, 'PUT /bucket/k', '400 BadDigest', {
    body: 'x',
    headers: { 'content-md5': base64Md5('y') },
  });
  await fails(server, 'PUT /bucket/k', '400 InvalidDigest', {
    body: 'x',
    headers: { 'content-md5': 'zz' },
  });
  await fails(server, 'PUT /bucket/k', '400 BadDigest', {
    body: 'x',
    headers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
  });
  const lie = createHash('sha256').update('other').digest('hex');
  await fails(server, 'PUT /bucket/k', '400 XAmzContentSHA256Mismatch', {
    body: 'x',
    headers: { 'x-amz-content-sha256': lie },
  });
  const headers = sign(server.store.world.clock.now(), 'owner', {
    method: 'PUT',
    path: '/bucket/k',
    query: '',
    headers: {
      host: server.host,
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'content-length': '1000000',
    },
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(server.port, '127.0.0.1');
  await new Promise<void>((resolve) => {
    socket.write(`PUT /bucket/k HTTP/1.1\r\n${lines.join('')}\r\n${'x'.repeat(500_000)}`, () =>
      resolve(),
    );
  });
  socket.destroy();
  await fails(server, 'GET /bucket/k', '404 NoSuchKey');
  assert.deepEqual(textsIn(await ok(server, 'GET /bucket'), 'Key'), []);
});

test('ten thousand parts become one object, in order', async () => {
  await using server = await s3Serve();
  await ok(server, 'PUT /bucket');
  const id = textIn(await ok(server, 'POST /bucket/k?uploads'), 'UploadId');
  await fails(server, `PUT /bucket/k?uploadId=${id}&partNumber=10001`, '400 InvalidArgument', {
    body: 'x',
  });
  await fails(server, `PUT /bucket/j?uploadId=${id}&partNumber=1`, '404 NoSuchUpload', {
    body: 'x',
  });
  const etag =
    (await ok(server, `PUT /bucket/k?uploadId=${id}&partNumber=10000`, { body: 'x' })).headers
      .etag ?? '';
  const part = (number: number, tag: string): string =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${tag}</ETag></Part>`;
  const complete = (parts: string): Sent => ({
    body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`,
  });
  const all = Array.from({ length: 10_000 }, (_, at) => part(at + 1, etag)).join('');
  await fails(server, `POST /bucket/k?uploadId=${id}`, '400 InvalidPart', complete(all));
  await ok(server, `PUT /bucket/k?uploadId=${id}&partNumber=1`, { body: 'x' });
  await fails(
    server,
    `POST /bucket/k?uploadId=${id}`,
    '400 EntityTooSmall',
    complete(part(1, etag) + part(10_000, etag)),
  );
  await fails(
    server,
    `POST /bucket/k?uploadId=${id}`,
    '400 InvalidPartOrder',
    complete(part(10_000, etag) + part(1, etag)),
  );
  await fails(server, `POST /bucket/k?uploadId=${id}`, '400 MalformedXML', complete(''));
  await ok(server, `POST /bucket/k?uploadId=${id}`, complete(part(10_000, etag)));
  assert.equal((await ok(server, 'GET /bucket/k')).text, 'x');
});
