import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Failure } from '../../../src/fronts/s3/failure.ts';
import { policyParse } from '../../../src/fronts/s3/policy/document.ts';
import {
  policyEvaluate,
  policyIsPublic,
  type PolicyQuestion,
} from '../../../src/fronts/s3/policy/evaluate.ts';
import { wildcardMatch } from '../../../src/fronts/s3/policy/match.ts';

type Statement = Readonly<Record<string, unknown>>;
const allowAll: Statement = {
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::b/*',
};
const policyOf = (...statements: readonly Statement[]) =>
  policyParse(JSON.stringify({ Version: '2012-10-17', Statement: statements }), 'b');

const someone = { projectId: 'p2', userId: 'u', userName: 'joe' };
const ask = (
  over: Partial<PolicyQuestion> & { readonly given?: Readonly<Record<string, string>> } = {},
): PolicyQuestion => ({
  principal: null,
  action: 's3:GetObject',
  resource: 'b/k',
  facts: (key) => {
    const value = over.given?.[key];
    return value === undefined ? null : [value];
  },
  ...over,
});

test('a denial overrules what is allowed, and silence is neither', () => {
  const policy = policyOf(allowAll, {
    ...allowAll,
    Effect: 'Deny',
    Resource: 'arn:aws:s3:::b/secret/*',
  });
  assert.equal(policyEvaluate(policy, ask()), 'allow');
  assert.equal(policyEvaluate(policy, ask({ resource: 'b/secret/x' })), 'deny');
  assert.equal(policyEvaluate(policy, ask({ action: 's3:PutObject' })), 'none');
  assert.equal(policyEvaluate(policy, ask({ resource: 'b' })), 'none');
});

test('principals are everybody, an account, or one user of it', () => {
  const to = (principal: unknown, field = 'Principal') => {
    const { Principal: _all, ...rest } = allowAll;
    return policyOf({ ...rest, [field]: principal });
  };
  const cases = [
    [to({ AWS: '*' }), 'allow'],
    [to({ AWS: ['p1', 'p2'] }), 'allow'],
    [to({ AWS: 'arn:aws:iam::p2:root' }), 'allow'],
    [to({ AWS: 'arn:aws:iam::p2:user/joe' }), 'allow'],
    [to({ CanonicalUser: 'p2' }), 'allow'],
    [to({ AWS: 'arn:aws:iam::p2:user/ann' }), 'none'],
    [to({ AWS: 'arn:aws:iam::p1:root' }), 'none'],
    [to({ AWS: 'p2' }, 'NotPrincipal'), 'none'],
    [to({ AWS: 'p1' }, 'NotPrincipal'), 'allow'],
  ] as const;
  for (const [policy, verdict] of cases) {
    assert.equal(policyEvaluate(policy, ask({ principal: someone })), verdict);
  }
});

test('conditions hold by their operator, and together', () => {
  const when = (condition: unknown) => policyOf({ ...allowAll, Condition: condition });
  const cases: readonly (readonly [unknown, Readonly<Record<string, string>>, boolean])[] = [
    [{ StringEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': 'b' }, true],
    [{ StringEquals: { 's3:prefix': 'a' } }, {}, false],
    [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, {}, true],
    [{ StringNotEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': 'b' }, false],
    [{ StringNotEquals: { 's3:prefix': 'a' } }, {}, true],
    [
      { StringLike: { 'aws:Referer': 'http://*.example.org/*' } },
      { 'aws:referer': 'http://www.example.org/x' },
      true,
    ],
    [{ IpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } }, { 'aws:sourceip': '10.2.3.4' }, true],
    [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:sourceip': '11.2.3.4' }, false],
    [
      { NotIpAddress: { 'aws:SourceIp': '2001:db8::/32' } },
      { 'aws:sourceip': '2001:db9::1' },
      true,
    ],
    [{ Bool: { 'aws:SecureTransport': 'false' } }, { 'aws:securetransport': 'false' }, true],
    [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '11' }, false],
    [
      { DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } },
      { 'aws:currenttime': '2026-01-01T00:00:00Z' },
      true,
    ],
    [{ Null: { 's3:x-amz-server-side-encryption': 'true' } }, {}, true],
    [
      { Null: { 's3:x-amz-server-side-encryption': true } },
      { 's3:x-amz-server-side-encryption': 'AES256' },
      false,
    ],
    [
      { StringEquals: { 's3:ExistingObjectTag/Team': 'x' } },
      { 's3:existingobjecttag/Team': 'x' },
      true,
    ],
    [{ StringEquals: { 's3:prefix': 'a', 's3:delimiter': '/' } }, { 's3:prefix': 'a' }, false],
  ];
  for (const [condition, given, holds] of cases) {
    const verdict = policyEvaluate(when(condition), ask({ given }));
    assert.equal(verdict, holds ? 'allow' : 'none', JSON.stringify([condition, given]));
  }
});

test('variables stand for whoever asks, in the newer version of the language', () => {
  const statement = { ...allowAll, Resource: 'arn:aws:s3:::b/home/${aws:username}/*' };
  const given = { 'aws:username': 'joe' };
  const asked = ask({ resource: 'b/home/joe/x', given, principal: someone });
  assert.equal(policyEvaluate(policyOf(statement), asked), 'allow');
  const old = policyParse(JSON.stringify({ Version: '2008-10-17', Statement: statement }), 'b');
  assert.equal(policyEvaluate(old, asked), 'none');
});

test('what a policy says must be known, and about this bucket', () => {
  for (const statement of [
    { ...allowAll, Effect: 'Perhaps' },
    { ...allowAll, Action: 's3:Fly' },
    { ...allowAll, Action: [] },
    { ...allowAll, Resource: 'arn:aws:s3:::other/*' },
    { ...allowAll, Resource: 'arn:aws:sqs:::b' },
    { ...allowAll, Principal: { AWS: 'arn:aws:iam::' } },
    { ...allowAll, Principal: { Federated: 'x' } },
    { ...allowAll, NotAction: 's3:*' },
    { ...allowAll, Condition: { StringFoo: { 's3:prefix': 'a' } } },
    { ...allowAll, Condition: { StringEquals: { 'aws:NoSuchKey': 'a' } } },
    { ...allowAll, Condition: { IpAddress: { 'aws:SourceIp': 'here' } } },
    { ...allowAll, Extra: 1 },
  ]) {
    assert.throws(
      () => policyOf(statement),
      (error) => error instanceof S3Failure && error.code === 'MalformedPolicy',
      JSON.stringify(statement),
    );
  }
  for (const text of [
    '',
    '{',
    '[]',
    '1',
    '{}',
    `{"Version":"2012-10-17","Statement":[]}`,
    ' '.repeat(30_000),
  ]) {
    assert.throws(() => policyParse(text, 'b'), S3Failure, text.slice(0, 20));
  }
});

test('a policy is public when somebody unknown gets something from it', () => {
  assert.equal(policyIsPublic(policyOf(allowAll)), true);
  assert.equal(policyIsPublic(policyOf({ ...allowAll, Effect: 'Deny' })), false);
  assert.equal(policyIsPublic(policyOf({ ...allowAll, Principal: { AWS: 'p2' } })), false);
  const inside = { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } };
  assert.equal(policyIsPublic(policyOf({ ...allowAll, Condition: inside })), false);
  const outside = { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } };
  assert.equal(policyIsPublic(policyOf({ ...allowAll, Condition: outside })), true);
});

test('wildcards match as a regular expression would, in linear time', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 });
  const texts = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      const expression = pattern
        .map((one) => (one === '*' ? '.*' : one === '?' ? '.' : one))
        .join('');
      const expected = new RegExp(`^${expression}$`).test(text.join(''));
      assert.equal(wildcardMatch(pattern.join(''), text.join('')), expected);
    }),
  );
  assert.equal(wildcardMatch('*a'.repeat(30), 'a'.repeat(5_000) + 'b'), false);
});
