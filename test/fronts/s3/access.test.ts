/** Who may do what: every call by everybody, in a bucket of the first project that is closed, open, or ruled by a policy. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { containerCreate, containerGet } from '../../../src/object/container.ts';
import { objectPut } from '../../../src/object/object-put.ts';
import { uploadCreate } from '../../../src/object/upload.ts';
import { callNames } from '../../../src/fronts/s3/calls/calls.ts';
import { send, sign } from './client.ts';
import { s3Serve, type PersonName, type S3Server } from './harness.ts';

const goldenPath = 'test/expected/s3-access.txt';
const md5 = (text: string): string => createHash('md5').update(text).digest('base64');
const xml = {
  tags: '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>',
  remove: '<Delete><Object><Key>k</Key></Object></Delete>',
  lock: '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>',
};

const form = [
  '--edge\r\nContent-Disposition: form-data; name="key"\r\n\r\nnew',
  '--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\nx',
  '--edge--\r\n',
].join('\r\n');

/** `B`: the bucket, `U`: an upload under way. */
const calls: readonly (readonly [
  line: string,
  body?: string,
  headers?: Readonly<Record<string, string>>,
])[] = [
  ['GET /'],
  ['HEAD /B'],
  ['GET /B'],
  ['GET /B?list-type=2'],
  ['GET /B?versions'],
  ['GET /B?uploads'],
  ['GET /B?location'],
  ['GET /B?acl'],
  ['PUT /B?acl', '', { 'x-amz-acl': 'private' }],
  ['GET /B?versioning'],
  [
    'PUT /B?versioning',
    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  ],
  ['GET /B?policy'],
  ['GET /B?policyStatus'],
  [
    'PUT /B?policy',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"p9"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::B/*"}]}',
  ],
  ['DELETE /B?policy'],
  ['GET /B?cors'],
  [
    'PUT /B?cors',
    '<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>',
  ],
  ['DELETE /B?cors'],
  ['GET /B?lifecycle'],
  [
    'PUT /B?lifecycle',
    '<LifecycleConfiguration><Rule><Prefix/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>',
  ],
  ['DELETE /B?lifecycle'],
  ['GET /B?website'],
  [
    'PUT /B?website',
    '<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>',
  ],
  ['DELETE /B?website'],
  ['GET /B?tagging'],
  ['PUT /B?tagging', xml.tags],
  ['DELETE /B?tagging'],
  ['GET /B?publicAccessBlock'],
  ['PUT /B?publicAccessBlock', '<PublicAccessBlockConfiguration/>'],
  ['DELETE /B?publicAccessBlock'],
  ['GET /B?ownershipControls'],
  [
    'PUT /B?ownershipControls',
    '<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>',
  ],
  ['DELETE /B?ownershipControls'],
  ['GET /B?encryption'],
  [
    'PUT /B?encryption',
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  ],
  ['DELETE /B?encryption'],
  ['GET /B?object-lock'],
  ['PUT /B?object-lock', xml.lock],
  ['GET /B?notification'],
  ['PUT /B?notification', '<NotificationConfiguration/>'],
  ['GET /B?logging'],
  ['PUT /B?logging', '<BucketLoggingStatus/>'],
  ['GET /B?requestPayment'],
  [
    'PUT /B?requestPayment',
    '<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>',
  ],
  ['GET /B/k'],
  ['HEAD /B/k'],
  ['GET /B/missing'],
  ['GET /B/k?attributes', '', { 'x-amz-object-attributes': 'ETag' }],
  ['PUT /B/new', 'x'],
  ['PUT /B/copy', '', { 'x-amz-copy-source': '/B/k' }],
  ['DELETE /B/k'],
  ['POST /B?delete', xml.remove, { 'content-md5': md5(xml.remove) }],
  ['GET /B/k?acl'],
  ['PUT /B/k?acl', '', { 'x-amz-acl': 'private' }],
  ['GET /B/k?tagging'],
  ['PUT /B/k?tagging', xml.tags],
  ['DELETE /B/k?tagging'],
  ['GET /B/k?retention'],
  ['PUT /B/k?retention', '<Retention/>'],
  ['GET /B/k?legal-hold'],
  ['PUT /B/k?legal-hold', '<LegalHold><Status>OFF</Status></LegalHold>'],
  ['POST /B/new?uploads'],
  ['GET /B/u?uploadId=U'],
  ['PUT /B/u?uploadId=U&partNumber=1', 'x'],
  ['PUT /B/u?uploadId=U&partNumber=2', '', { 'x-amz-copy-source': '/B/k' }],
  [
    'POST /B/u?uploadId=U',
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
  ],
  ['DELETE /B/u?uploadId=U'],
  ['DELETE /B'],
  ['PUT /new-B'],
  ['POST /B', form, { 'content-type': 'multipart/form-data; boundary=edge' }],
];

/** The name by which the front finds the call of a line. */
function nameOf([line, , headers = {}]: (typeof calls)[number]): string {
  const [method = '', target = ''] = line.split(' ');
  const [path = '', query = ''] = target.split('?');
  const level = path === '/' ? 'service' : path.indexOf('/', 1) < 0 ? 'bucket' : 'object';
  const named = query
    .split('&')
    .map((pair) => pair.split('=', 1)[0] ?? '')
    .find((part) => callNames.some((name) => name.split(' ')[2] === part));
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  const words = [level, method, named ?? (isCopy ? 'copy' : '-')];
  return [...words, ...(isCopy && named !== undefined ? ['copy'] : [])].join(' ');
}

const everybody: readonly (PersonName | null)[] = [
  'owner',
  'colleague',
  'reader',
  'nobody',
  'stranger',
  null,
];

const everyone = { group: 'AllUsers', permission: 'READ' } as const;
const p1 = { id: 'p1', name: 'first' };
const acl = [{ user: p1, permission: 'FULL_CONTROL' }];
const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: 'p2' },
      Action: 's3:*',
      Resource: ['arn:aws:s3:::NAME', 'arn:aws:s3:::NAME/*'],
    },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*Tagging',
      Resource: ['arn:aws:s3:::NAME', 'arn:aws:s3:::NAME/*'],
    },
  ],
});
const kinds: Readonly<Record<string, (name: string) => Readonly<Record<string, never>>>> = {
  closed: () => ({}),
  open: () => ({ 's3:acl': [...acl, everyone] }) as unknown as Record<string, never>,
  ruled: (name) =>
    ({ 's3:policy': policy.replaceAll('NAME', name) }) as unknown as Record<string, never>,
};

let serial = 0;

async function bucketMake(
  { store: { world } }: S3Server,
  kind: string,
): Promise<{ name: string; uploadId: string }> {
  const name = `bucket-${serial++}`;
  const documents = { 's3:owner': p1, ...kinds[kind]?.(name) };
  const { container } = await containerCreate(world, { account: 'AUTH_p1', name, documents });
  const object = kind === 'open' ? { s3: { acl: [...acl, everyone] } } : {};
  await objectPut(world, container, {
    name: 'k',
    body: Buffer.from('secret bytes'),
    sizeBytes: null,
    contentType: 'text/plain',
    facts: { headers: {}, meta: {}, ...object },
  });
  const plan = { initiator: p1, checksum: null };
  const facts = { headers: {}, meta: {}, s3: { upload: plan } };
  const { id } = await uploadCreate(world, container, { name: 'u', contentType: 'x/y', facts });
  return { name, uploadId: id };
}

test('no call of the API is left out here', () => {
  assert.deepEqual(new Set(calls.map(nameOf)), new Set(callNames));
});

test('every call is open to those it is for, and to nobody else', async () => {
  await using server = await s3Serve();
  const lines: string[] = [];
  for (const kind of Object.keys(kinds)) {
    lines.push(`${kind} bucket: ${everybody.map((who) => who ?? 'anonymous').join(' ')}`);
    let made = await bucketMake(server, kind);
    for (const [line, body = '', headers = {}] of calls) {
      const results: string[] = [];
      // Those come first who may do least: what they could not change serves the next.
      for (const who of everybody.toReversed()) {
        const { name, uploadId } = made;
        const filled = (text: string): string =>
          text.replace(/\bB\b/g, name).replace(/\bU\b/g, uploadId);
        const given = Object.entries(headers).map(([key, value]) => [key, filled(value)]);
        const answer = await send(server, who, filled(line), {
          body: filled(body),
          headers: Object.fromEntries(given),
        });
        assert.ok(answer.status < 500, `${kind} ${line} ${who}: ${answer.status} ${answer.text}`);
        const isDenied = answer.status === 403 || answer.text.includes('<Code>AccessDenied<');
        assert.ok(!isDenied || !answer.text.includes('secret'), line);
        results.unshift(isDenied ? '-' : answer.code === '' ? 'yes' : answer.code);
        if (isDenied && !/^(GET|HEAD)/.test(line)) {
          const left = await containerGet(server.store.world, 'AUTH_p1', name);
          assert.equal(left?.counts.objects, 1, `${line} by ${who} changed something`);
        }
        if (!isDenied && !/^(GET|HEAD)/.test(line)) made = await bucketMake(server, kind);
      }
      lines.push(`  ${line}: ${results.join(' ')}`);
    }
  }
  const text = `${lines.join('\n')}\n`;
  if (process.env['UPDATE_EXPECTED'] === '1') writeFileSync(goldenPath, text);
  assert.equal(text, readFileSync(goldenPath, 'utf8'));
});

test('what the owner signed is worth nothing later, nor for another call', async () => {
  await using server = await s3Serve();
  const { name, uploadId } = await bucketMake(server, 'closed');
  const nowMs = server.store.world.clock.now();
  const requests = calls.map(([line, body = '', given = {}]) => {
    const filled = (text: string): string =>
      text.replace(/\bB\b/g, name).replace(/\bU\b/g, uploadId);
    const [method = '', target = ''] = filled(line).split(' ');
    const [path = '', query = ''] = target.split('?');
    const bytes = filled(body);
    const headers: Record<string, string> = {
      host: server.host,
      'x-amz-content-sha256': createHash('sha256').update(bytes).digest('hex'),
    };
    for (const [key, value] of Object.entries(given)) headers[key] = filled(value);
    const signed = sign(nowMs, 'owner', { method, path, query, headers });
    return { line: filled(line), sent: { body: bytes, headers: signed } };
  });
  for (const [index, { sent }] of requests.entries()) {
    const other = requests[(index + 1) % requests.length]?.line ?? '';
    const answer = await send(server, null, other, sent);
    assert.equal(answer.status, 403, `${requests[index]?.line} as ${other}: ${answer.text}`);
  }
  server.store.pass(16 * 60_000);
  for (const { line, sent } of requests) {
    const answer = await send(server, null, line, sent);
    assert.equal(answer.status, 403, `${line}: ${answer.text}`);
  }
  const left = await containerGet(server.store.world, 'AUTH_p1', name);
  assert.equal(left?.counts.objects, 1);
});

test('no spelling of a path or of a source leads into a bucket of another project', async () => {
  await using server = await s3Serve();
  const { name } = await bucketMake(server, 'closed');
  await send(server, 'stranger', 'PUT /mine');
  await send(server, 'stranger', 'PUT /mine/k', { body: 'own' });
  for (const way of [
    `mine/../${name}/k`,
    `mine/%2e%2e/${name}/k`,
    `mine/..%2f${name}%2fk`,
    `mine%2f..%2f${name}/k`,
    `mine//${name}/k`,
    `./${name}/k`,
    `%2f${name}/k`,
    `${name}/./k`,
    `${name}/k%00`,
    `${name.toUpperCase()}/k`,
    `AUTH_p1/${name}/k`,
  ]) {
    const read = await send(server, 'stranger', `GET /${way}`);
    assert.ok(read.status >= 400 && read.status < 500, `${way}: ${read.status}`);
    assert.ok(!read.text.includes('secret'), way);
    const headers = { 'x-amz-copy-source': `/${way}` };
    const copied = await send(server, 'stranger', 'PUT /mine/copy', { headers });
    assert.ok(copied.status >= 400 && copied.status < 500, `${way}: ${copied.status}`);
  }
});
