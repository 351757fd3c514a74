import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copySourceParse } from '../../../src/fronts/s3/copy-source.ts';
import { S3Failure } from '../../../src/fronts/s3/failure.ts';
import { addressOf, isBucketName } from '../../../src/fronts/s3/wire/address.ts';
import {
  etagMatches,
  readIsNotModified,
  writeConditionsCheck,
} from '../../../src/fronts/s3/wire/conditional.ts';
import { boundaryOf, formRead } from '../../../src/fronts/s3/wire/form.ts';
import { rangeParse } from '../../../src/fronts/s3/wire/range.ts';
import { queryParse, uriDecoded, uriEncoded } from '../../../src/fronts/s3/wire/uri.ts';
import { xmlParse } from '../../../src/fronts/s3/wire/xml-read.ts';
import { escaped } from '../../../src/fronts/s3/wire/xml-write.ts';

const codeIs = (code: string) => (error: unknown) =>
  error instanceof S3Failure && error.code === code;
const xml = (text: string) => xmlParse(Buffer.from(text));

test('elements, text, entities and CDATA are read; prefixes and comments are not told', () => {
  const root = xml(
    '<?xml version="1.0"?><!-- x --><a:R xmlns:a="u" k=\'&lt;\'><V> a&amp;&#65;&#x42;<![CDATA[<c>]]></V><E/></a:R>',
  );
  assert.equal(root.name, 'R');
  assert.equal(root.attributes['k'], '<');
  assert.deepEqual(
    root.children.map(({ name, text }) => [name, text]),
    [
      ['V', ' a&AB<c>'],
      ['E', ''],
    ],
  );
});

test('XML that could cost or mean more than it shows is refused', () => {
  const bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>';
  const deep = '<a>'.repeat(5000);
  const wide = `<r>${'<a/>'.repeat(70_000)}</r>`;
  for (const text of [
    bomb,
    '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
    deep,
    wide,
    '<r>&unknown;</r>',
    '<r>&constructor;</r>',
    '<r>&#0;</r>',
    '<r>&#xD800;</r>',
    '<r>&#99999999;</r>',
    '<r>& </r>',
    '<r><a></r>',
    '<r></r><r></r>',
    '<r',
    '<r a=b/>',
    'text',
    '',
  ]) {
    assert.throws(() => xml(text), codeIs('MalformedXML'), text.slice(0, 40));
  }
  assert.throws(() => xmlParse(Buffer.from([0x3c, 0x72, 0xff, 0x3e])), codeIs('MalformedXML'));
  const node = xml('<r><__proto__>x</__proto__></r>');
  assert.equal(node.children[0]?.text, 'x');
});

test('what is written can be read again', () => {
  const text = 'a<b>&"\u0001\n\t é\u{1f600}';
  const [child] = xml(`<r><v>${escaped(text)}</v></r>`).children;
  assert.equal(child?.text, text);
});

test('signatures see each byte once encoded, and nothing is decoded twice', () => {
  assert.equal(uriEncoded("a b+c/é*'()!~"), 'a%20b%2Bc%2F%C3%A9%2A%27%28%29%21~');
  assert.equal(uriDecoded('a%2Fb%2520'), 'a/b%20');
  assert.equal(uriDecoded(Buffer.from('é').toString('latin1')), 'é');
  for (const raw of ['%', '%zz', '%ff', '%c3', '\u00ff']) {
    assert.throws(() => uriDecoded(raw), codeIs('InvalidURI'), raw);
  }
  assert.deepEqual(queryParse('b=&a&c=1+2%2B&&=x'), [
    ['b', ''],
    ['a', ''],
    ['c', '1 2+'],
    ['', 'x'],
  ]);
});

test('a bucket is named by the path, or by the host under a domain of ours', () => {
  const domains = ['s3.example.org'];
  const cases = [
    ['/', 'localhost', null, null],
    ['/b', 'localhost', 'b', null],
    ['/b/', 'localhost', 'b', null],
    ['/b/k//x', 'localhost', 'b', 'k//x'],
    ['/b/..%2f..', 'localhost', 'b', '../..'],
    ['/k', 'b.s3.example.org:8080', 'b', 'k'],
    ['/', 'b.c.s3.example.org', 'b.c', null],
    ['/b/k', 's3.example.org', 'b', 'k'],
  ] as const;
  for (const [path, host, bucket, key] of cases) {
    const found = addressOf(path, host, domains);
    assert.deepEqual([found.bucket, found.key], [bucket, key], `${host}${path}`);
  }
  assert.throws(() => addressOf(`/b/${'k'.repeat(1025)}`, 'h', []), codeIs('KeyTooLongError'));
  assert.throws(() => addressOf('/b/%00', 'h', []), codeIs('InvalidURI'));
});

test('names of buckets follow the rules of DNS', () => {
  for (const name of ['abc', 'a.b-c', '1ab', 'a'.repeat(63)]) assert.ok(isBucketName(name), name);
  for (const name of [
    'ab',
    'A-b',
    'a_b',
    'a..b',
    'a.-b',
    '-ab',
    'ab-',
    '1.2.3.4',
    'xn--abc',
    'a'.repeat(64),
    'ab-s3alias',
  ]) {
    assert.ok(!isBucketName(name), name);
  }
});

test('a range is cut to the object, or asks for nothing that is there', () => {
  assert.deepEqual(rangeParse('bytes=0-9', 100), { first: 0, last: 9 });
  assert.deepEqual(rangeParse('bytes=90-200', 100), { first: 90, last: 99 });
  assert.deepEqual(rangeParse('bytes=-10', 100), { first: 90, last: 99 });
  assert.deepEqual(rangeParse('bytes=-1000', 100), { first: 0, last: 99 });
  for (const header of ['bytes=100-', 'bytes=-0', 'bytes=200-300']) {
    assert.equal(rangeParse(header, 100), 'unsatisfiable', header);
  }
  for (const header of [
    null,
    '',
    'bytes=-',
    'bytes=9-0',
    'bytes=0-1,5-6',
    'lines=0-1',
    'bytes=a-b',
  ]) {
    assert.equal(rangeParse(header, 100), null, String(header));
  }
});

test('conditions are asked in the order of HTTP', () => {
  const of = { etag: 'abc', modifiedMs: 1_000_500 };
  const none = { ifMatch: null, ifNoneMatch: null, modifiedSinceMs: null, unmodifiedSinceMs: null };
  assert.equal(readIsNotModified(none, of), false);
  assert.equal(readIsNotModified({ ...none, ifNoneMatch: '"x", W/"abc"' }, of), true);
  assert.equal(readIsNotModified({ ...none, modifiedSinceMs: 1_000_000 }, of), true);
  assert.equal(readIsNotModified({ ...none, modifiedSinceMs: 999_000 }, of), false);
  // If-Match decides alone, and If-None-Match too.
  assert.equal(readIsNotModified({ ...none, ifMatch: 'abc', unmodifiedSinceMs: 1 }, of), false);
  assert.equal(
    readIsNotModified({ ...none, ifNoneMatch: '"x"', modifiedSinceMs: 2_000_000 }, of),
    false,
  );
  assert.throws(
    () => readIsNotModified({ ...none, ifMatch: '"x"' }, of),
    codeIs('PreconditionFailed'),
  );
  assert.throws(
    () => readIsNotModified({ ...none, unmodifiedSinceMs: 1 }, of),
    codeIs('PreconditionFailed'),
  );
  assert.ok(etagMatches('*', 'abc'));
});

test('a conditional write looks at what is there', () => {
  const there = { etag: 'abc' };
  writeConditionsCheck({ ifMatch: null, ifNoneMatch: '*' }, null);
  writeConditionsCheck({ ifMatch: '"abc"', ifNoneMatch: null }, there);
  assert.throws(
    () => writeConditionsCheck({ ifMatch: null, ifNoneMatch: '*' }, there),
    codeIs('PreconditionFailed'),
  );
  assert.throws(
    () => writeConditionsCheck({ ifMatch: '"x"', ifNoneMatch: null }, there),
    codeIs('PreconditionFailed'),
  );
  assert.throws(
    () => writeConditionsCheck({ ifMatch: '"x"', ifNoneMatch: null }, null),
    codeIs('NoSuchKey'),
  );
});

test('the source of a copy is decoded once, and must name a bucket and a key', () => {
  assert.deepEqual(copySourceParse('/b/a%20b%3FversionId=1?versionId=12'), {
    bucket: 'b',
    key: 'a b?versionId=1',
    versionId: '12',
  });
  assert.deepEqual(copySourceParse('b/k%2525'), { bucket: 'b', key: 'k%25', versionId: null });
  for (const text of [
    '',
    '/',
    'b',
    '/b/',
    'b/',
    '/b/%',
    'b/%ff',
    'b/k?versionId=x',
    'b/k?x',
    '//k',
  ]) {
    assert.throws(() => copySourceParse(text), codeIs('InvalidArgument'), text);
  }
});

async function* piecesOf(text: string, size: number): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('a form is read up to its file, and the file to its boundary', async () => {
  const text =
    '--B\r\nContent-Disposition: form-data; name="Key"\r\n\r\na/${filename}\r\n' +
    '--B\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\n' +
    'one\r\n--Bnot\r\n-\r\n--B\r\nContent-Disposition: form-data; name="submit"\r\n\r\nx\r\n--B--\r\n';
  for (const size of [1, 3, 1000]) {
    const form = await formRead(
      piecesOf(text.replace('--Bnot', '--Anot'), size),
      boundaryOf('multipart/form-data; boundary=B'),
    );
    assert.equal(form.fields.get('key'), 'a/${filename}');
    assert.equal(form.fileName, 'f.txt');
    assert.equal(Buffer.concat(await Array.fromAsync(form.file)).toString(), 'one\r\n--Anot\r\n-');
  }
  const cut = await formRead(piecesOf(text.slice(0, text.indexOf('one') + 2), 50), 'B');
  await assert.rejects(async () => await Array.fromAsync(cut.file), codeIs('IncompleteBody'));
  const endless = piecesOf(
    `--B\r\nContent-Disposition: form-data; name="k"\r\n\r\n${'x'.repeat(200_000)}`,
    4096,
  );
  await assert.rejects(formRead(endless, 'B'), codeIs('MaxPostPreDataLengthExceededError'));
});
