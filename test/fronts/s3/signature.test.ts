/** Examples that Amazon publishes with its descriptions of the signatures. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { S3Failure } from '../../../src/fronts/s3/failure.ts';
import { ChunkedDecoder } from '../../../src/fronts/s3/signature/chunked.ts';
import { claimOf, type SignedView } from '../../../src/fronts/s3/signature/claim.ts';
import { claimV2Verify, stringToSignV2 } from '../../../src/fronts/s3/signature/v2.ts';
import {
  claimV4Verify,
  SigningKeys,
  type VerifiedV4,
} from '../../../src/fronts/s3/signature/v4.ts';
import { queryParse } from '../../../src/fronts/s3/wire/uri.ts';

const accessKey = 'AKIAIOSFODNN7EXAMPLE';
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const host = 'examplebucket.s3.amazonaws.com';
const nowMs = Date.parse('2013-05-24T00:00:00Z');
const regions = ['us-east-1'];

interface Example {
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly headers: IncomingHttpHeaders;
}

const viewOf = ({ method = 'GET', path, query = '', headers }: Example): SignedView => ({
  method,
  rawPath: path,
  query: queryParse(query),
  headers,
  hostBucket: 'examplebucket',
});

const signed = (headers: IncomingHttpHeaders, signature: string): IncomingHttpHeaders => {
  const given = { host, 'x-amz-date': '20130524T000000Z', ...headers };
  const names = Object.keys(given).toSorted().join(';');
  return {
    ...given,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=${signature}`,
  };
};

function verify(example: Example, atMs = nowMs): VerifiedV4 {
  const view = viewOf(example);
  const claim = claimOf(view);
  assert.ok(claim?.version === 4);
  assert.equal(claim.accessKey, accessKey);
  return claimV4Verify(
    claim,
    view,
    { text: secret, keys: new SigningKeys() },
    { nowMs: atMs, regions },
  );
}

const codeIs = (code: string) => (error: unknown) =>
  error instanceof S3Failure && error.code === code;

const get: Example = {
  path: '/test.txt',
  headers: signed(
    { range: 'bytes=0-9', 'x-amz-content-sha256': emptyHash },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ),
};

const presigned: Example = {
  path: '/test.txt',
  query:
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  headers: { host },
};

test('the published examples of signature version 4 hold', () => {
  verify(get);
  verify({
    method: 'PUT',
    path: '/test%24file.text',
    headers: signed(
      {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ),
  });
  verify({
    path: '/',
    query: 'lifecycle',
    headers: signed(
      { 'x-amz-content-sha256': emptyHash },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ),
  });
  verify({
    path: '/',
    query: 'max-keys=2&prefix=J',
    headers: signed(
      { 'x-amz-content-sha256': emptyHash },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ),
  });
  verify(presigned);
});

test('a request that was changed on its way is refused', () => {
  const { headers } = get;
  for (const changed of [
    { ...get, method: 'DELETE' },
    { ...get, path: '/test.tx' },
    { ...get, query: 'versionId=1' },
    { ...get, headers: { ...headers, range: 'bytes=0-10' } },
    { ...get, headers: { ...headers, host: 'other.s3.amazonaws.com' } },
  ]) {
    assert.throws(() => verify(changed), codeIs('SignatureDoesNotMatch'));
  }
  const smuggled = { ...headers, 'x-amz-acl': 'public-read' };
  assert.throws(() => verify({ ...get, headers: smuggled }), codeIs('AccessDenied'));
});

test('a signature is worth something for a quarter of an hour, a link as long as it says', () => {
  verify(get, nowMs + 14 * 60_000);
  assert.throws(() => verify(get, nowMs + 16 * 60_000), codeIs('RequestTimeTooSkewed'));
  assert.throws(() => verify(get, nowMs - 16 * 60_000), codeIs('RequestTimeTooSkewed'));
  verify(presigned, nowMs + 86_399_000);
  assert.throws(() => verify(presigned, nowMs + 86_401_000), codeIs('AccessDenied'));
  const longer = (presigned.query ?? '').replace('Expires=86400', 'Expires=604801');
  assert.throws(
    () => verify({ ...presigned, query: longer }),
    codeIs('AuthorizationQueryParametersError'),
  );
});

test('a signature for another region names the right one', () => {
  const view = viewOf(get);
  const claim = claimOf(view);
  assert.ok(claim?.version === 4);
  const keys = { text: secret, keys: new SigningKeys() };
  assert.throws(
    () => claimV4Verify(claim, view, keys, { nowMs, regions: ['RegionOne'] }),
    (error) =>
      error instanceof S3Failure &&
      error.code === 'AuthorizationHeaderMalformed' &&
      error.fields['Region'] === 'RegionOne',
  );
});

test('malformed authorizations are refused as such', () => {
  for (const authorization of [
    'AWS4-HMAC-SHA256 ',
    'AWS4-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=y',
    'AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/ec2/aws4_request,SignedHeaders=host,Signature=y',
    'AWS4-HMAC-SHA256 Credential=a/2013/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=y',
  ]) {
    const headers = { host, 'x-amz-date': '20130524T000000Z', authorization };
    assert.throws(() => claimOf({ headers, query: [] }), codeIs('AuthorizationHeaderMalformed'));
  }
  for (const authorization of ['Bearer x', 'AWS x', 'AWS :y']) {
    assert.throws(
      () => claimOf({ headers: { authorization }, query: [] }),
      codeIs('InvalidArgument'),
    );
  }
  for (const expires of ['x', '1.5', '9223372036854775808']) {
    const text = (presigned.query ?? '').replace('Expires=86400', `Expires=${expires}`);
    assert.throws(
      () => claimOf({ headers: {}, query: queryParse(text) }),
      /X-Amz-Expires should be a number/,
    );
  }
  const both = { headers: get.headers, query: queryParse(presigned.query ?? '') };
  assert.throws(() => claimOf(both), codeIs('InvalidArgument'));
});

test('the published examples of signature version 2 hold', () => {
  const v2 = (signature: string, example: Example): void => {
    const headers = {
      host: 'johnsmith.s3.amazonaws.com',
      ...example.headers,
      authorization: `AWS ${accessKey}:${signature}`,
    };
    const view = { ...viewOf({ ...example, headers }), hostBucket: 'johnsmith' };
    const claim = claimOf(view);
    assert.ok(claim?.version === 2);
    claimV2Verify(claim, view, secret, Date.parse(String(headers.date)));
  };
  v2('bWq2s1WEIj+Ydj0vQ697zp+IXMU=', {
    path: '/photos/puppy.jpg',
    headers: { date: 'Tue, 27 Mar 2007 19:36:42 +0000' },
  });
  v2('MyyxeRY7whkBe+bq8fHCL/2kKUg=', {
    method: 'PUT',
    path: '/photos/puppy.jpg',
    headers: { date: 'Tue, 27 Mar 2007 21:15:45 +0000', 'content-type': 'image/jpeg' },
  });
  v2('htDYFYduRNen8P9ZfE/s9SuKy0U=', {
    path: '/',
    query: 'prefix=photos&max-keys=50&marker=puppy',
    headers: { date: 'Tue, 27 Mar 2007 19:42:41 +0000' },
  });
});

test('a link of version 2 signs its expiry in place of the date', () => {
  const query = queryParse(`AWSAccessKeyId=${accessKey}&Expires=1175139620&Signature=x`);
  const view: SignedView = {
    method: 'GET',
    rawPath: '/photos/puppy.jpg',
    query,
    headers: { host },
    hostBucket: 'johnsmith',
  };
  const claim = claimOf(view);
  assert.ok(claim?.version === 2);
  const text = stringToSignV2(claim, view);
  assert.equal(text, 'GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg');
  const signature = createHmac('sha1', secret).update(text).digest('base64');
  claimV2Verify({ ...claim, signature }, view, secret, 1_175_139_619_000);
  assert.throws(
    () => claimV2Verify({ ...claim, signature }, view, secret, 1_175_139_621_000),
    codeIs('AccessDenied'),
  );
});

const chunkedHeaders = signed(
  {
    host: 's3.amazonaws.com',
    'content-encoding': 'aws-chunked',
    'content-length': '66824',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'x-amz-decoded-content-length': '66560',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  },
  '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
);
const chunk = (size: number, signature: string): string =>
  `${size.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(size)}\r\n`;
const chunkedBody = Buffer.from(
  chunk(65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') +
    chunk(1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497') +
    chunk(0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'),
);

function decode(body: Buffer, pieceBytes: number, decodedBytes = 66_560): number {
  const verified = verify({
    method: 'PUT',
    path: '/examplebucket/chunkObject.txt',
    headers: chunkedHeaders,
  });
  const decoder = new ChunkedDecoder({ signed: verified, trailers: null, decodedBytes });
  let sizeBytes = 0;
  for (let at = 0; at < body.length; at += pieceBytes) {
    for (const payload of decoder.push(body.subarray(at, at + pieceBytes))) {
      assert.ok(payload.every((byte) => byte === 97));
      sizeBytes += payload.length;
    }
  }
  decoder.finish();
  return sizeBytes;
}

test('the published chunked upload is taken apart, however its bytes arrive', () => {
  assert.equal(chunkedBody.length, 66_824);
  for (const pieceBytes of [1, 7, 4096, 66_824])
    assert.equal(decode(chunkedBody, pieceBytes), 66_560);
});

test('a chunked body that was cut, or changed, or has another length is refused', () => {
  assert.throws(() => decode(chunkedBody.subarray(0, -1), 999), codeIs('IncompleteBody'));
  assert.throws(() => decode(chunkedBody.subarray(0, 65_700), 999), codeIs('IncompleteBody'));
  assert.throws(() => decode(chunkedBody, 999, 66_559), codeIs('IncompleteBody'));
  assert.throws(() => decode(chunkedBody, 999, 66_561), codeIs('IncompleteBody'));
  const changed = Buffer.from(chunkedBody);
  changed[200] = 98;
  assert.throws(() => {
    const verified = verify({
      method: 'PUT',
      path: '/examplebucket/chunkObject.txt',
      headers: chunkedHeaders,
    });
    const decoder = new ChunkedDecoder({ signed: verified, trailers: null, decodedBytes: 66_560 });
    decoder.push(changed);
  }, codeIs('SignatureDoesNotMatch'));
});

const plain = (
  text: string,
  trailers: readonly string[] | null,
  decodedBytes: number,
): Map<string, string> => {
  const decoder = new ChunkedDecoder({ signed: null, trailers, decodedBytes });
  decoder.push(Buffer.from(text));
  return new Map(decoder.finish());
};

test('trailers are those that were announced', () => {
  const name = 'x-amz-checksum-crc32';
  assert.deepEqual(
    plain('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', [name], 5),
    new Map([[name, 'NhCmhg==']]),
  );
  for (const text of [
    '5\r\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\r\nx-amz-meta-a:b\r\n\r\n',
    '5\r\nhello\r\n0\r\nnothing\r\n\r\n',
  ]) {
    assert.throws(() => plain(text, [name], 5), codeIs('MalformedTrailerError'));
  }
});

test('framing that could mean two things is refused', () => {
  for (const text of [
    '5\nhello\r\n0\r\n\r\n',
    '5 \r\nhello\r\n0\r\n\r\n',
    '-5\r\nhello\r\n0\r\n\r\n',
    '0x5\r\nhello\r\n0\r\n\r\n',
    '5;a=b\r\nhello\r\n0\r\n\r\n',
    '5\r\nhelloo\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nhello\r\n0\r\n\r\n',
    `${'0'.repeat(5000)}5\r\nhello\r\n0\r\n\r\n`,
  ]) {
    assert.throws(() => plain(text, [], 5), codeIs('IncompleteBody'), text.slice(0, 20));
  }
});
