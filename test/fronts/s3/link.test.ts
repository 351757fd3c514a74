/** Links of version 2: what they carry in place of headers counts as signed, or not at all. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { send, type Answer, type Sent } from './client.ts';
import { people, s3Serve, type S3Server } from './harness.ts';

interface Link {
  readonly method: string;
  readonly path: string;
  /** What the client would say in headers if it could. */
  readonly said?: Readonly<Record<string, string>>;
}

function linkV2(server: S3Server, { method, path, said = {} }: Link): string {
  const { accessKey, secret } = people.owner;
  const expires = String(Math.floor(server.store.world.clock.now() / 1000) + 600);
  const amz = Object.keys(said)
    .filter((name) => name.startsWith('x-amz-'))
    .toSorted()
    .map((name) => `${name}:${said[name]}\n`)
    .join('');
  const [md5 = '', type = ''] = [said['content-md5'], said['content-type']];
  const text = `${method}\n${md5}\n${type}\n${expires}\n${amz}${path}`;
  const signature = createHmac('sha1', secret).update(text).digest('base64');
  const query = { ...said, AWSAccessKeyId: accessKey, Expires: expires, Signature: signature };
  return `${path}?${new URLSearchParams(query).toString()}`;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

async function sent(
  server: S3Server,
  link: string,
  expected: string,
  more: Sent = {},
): Promise<Answer> {
  const answer = await send(server, null, link, more);
  assert.equal(`${answer.status} ${answer.code}`.trim(), expected, answer.text);
  return answer;
}

test('a link of version 2 may carry type, digest and what begins with x-amz-', async () => {
  await using server = await s3Serve();
  await send(server, 'owner', 'PUT /bucket');
  const said = {
    'content-type': 'text/x-own',
    'content-md5': md5('the body'),
    'x-amz-meta-colour': 'green',
  };
  const link = linkV2(server, { method: 'PUT', path: '/bucket/k', said });
  await sent(server, `PUT ${link}`, '400 BadDigest', { body: 'another' });
  await sent(server, `PUT ${link}`, '200', { body: 'the body' });
  const { headers } = await send(server, 'owner', 'GET /bucket/k');
  assert.equal(headers['content-type'], 'text/x-own');
  assert.equal(headers['x-amz-meta-colour'], 'green');
});

test('nothing can be added to a link of version 2 that was not signed', async () => {
  await using server = await s3Serve();
  for (const line of ['PUT /bucket', 'PUT /secret']) await send(server, 'owner', line);
  await send(server, 'owner', 'PUT /secret/k', { body: 'secret bytes' });
  const link = linkV2(server, { method: 'PUT', path: '/bucket/k' });
  for (const added of [
    'x-amz-copy-source=%2Fsecret%2Fk',
    'x-amz-acl=public-read',
    'X-Amz-Meta-A=b',
    'content-type=text%2Fhtml',
  ]) {
    await sent(server, `PUT ${link}&${added}`, '403 SignatureDoesNotMatch', { body: 'x' });
  }
  await sent(server, `PUT ${link}&x-amz-security-token=t`, '400 InvalidToken', { body: 'x' });
  await sent(server, `PUT ${link}`, '200', { body: 'x' });
  server.store.pass(601_000);
  await sent(server, `PUT ${link}`, '403 AccessDenied', { body: 'x' });
});
