import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { Failure } from '../../src/kernel/errors.ts';
import { mappingApply, patternsCheck, type Mapped } from '../../src/identity/mapping-rules.ts';
import { MappingBody, type MappingRule } from '../../src/identity/mapping.schema.ts';
import { listFormat, listParse } from '../../src/identity/mapping-text.ts';
import { attributesOf } from '../../src/identity/oidc-attributes.ts';

type Said = Readonly<Record<string, string | readonly string[]>>;

const apply = (rules: readonly MappingRule[], said: Said): Mapped =>
  mappingApply(
    rules,
    new Map(
      Object.entries(said).map(([name, value]) => [
        name,
        typeof value === 'string' ? [value] : value,
      ]),
    ),
  );

const refusal = (rules: readonly MappingRule[], said: Said): unknown => {
  try {
    apply(rules, said);
  } catch (error) {
    assert(error instanceof Failure);
    assert.equal(error.kind, 'unauthenticated');
    return error.detail['why'];
  }
  throw new Error('the mapping was applied');
};

const user = { user: { name: '{0}' } };
const name = { type: 'name' };

test('values stand where a rule refers to them, in the order of its remote side without conditions', () => {
  const rules: MappingRule[] = [
    {
      local: [{ user: { name: '{0} {1}', email: '{2}', id: 'x-{2}-{{0}}' } }],
      remote: [
        { type: 'first' },
        { type: 'kind', any_one_of: ['staff'] },
        { type: 'last' },
        { type: 'mail' },
      ],
    },
  ];
  const said = { first: 'Ada', last: 'King', mail: 'ada@example.org', kind: ['guest', 'staff'] };
  assert.deepEqual(apply(rules, said), {
    user: { name: 'Ada King', email: 'ada@example.org', id: 'x-ada@example.org-{0}' },
    groupIds: [],
    groups: [],
    projects: [],
  });
  assert.match(String(refusal(rules, { ...said, kind: 'guest' })), /no rule/);
  assert.match(String(refusal(rules, { first: 'Ada' })), /no rule/);
});

test('conditions choose rules: one of, none of, and both by regular expression', () => {
  const ruleOf = (group: string, remote: MappingRule['remote'][number]): MappingRule => ({
    local: [{ group: { id: group } }],
    remote: [remote],
  });
  const rules: MappingRule[] = [
    { local: [user], remote: [name] },
    ruleOf('any', { type: 'role', any_one_of: ['a', 'b'] }),
    ruleOf('none', { type: 'role', not_any_of: ['a', 'b'] }),
    ruleOf('likeAny', { type: 'role', any_one_of: ['(?i)^ADM', 'x\\Z'], regex: true }),
    ruleOf('likeNone', { type: 'role', not_any_of: ['\\d'], regex: true }),
  ];
  const idsFor = (...role: string[]) => apply(rules, { name: 'n', role }).groupIds;
  assert.deepEqual(idsFor('a'), ['any', 'likeNone']);
  assert.deepEqual(idsFor('c', 'b'), ['any', 'likeNone']);
  assert.deepEqual(idsFor('admins'), ['none', 'likeAny', 'likeNone']);
  assert.deepEqual(idsFor('9', 'x'), ['none', 'likeAny']);
  // Who has no role at all meets neither.
  assert.deepEqual(apply(rules, { name: 'n' }).groupIds, []);
});

test('lists are filtered by white and black lists and become groups', () => {
  const rules = (remote: MappingRule['remote'][number]): MappingRule[] => [
    { local: [user, { groups: '{1}', domain: { name: 'Default' } }], remote: [name, remote] },
  ];
  const groups = (remote: MappingRule['remote'][number], ...said: string[]) =>
    apply(rules(remote), { name: 'n', groups: said }).groups.map((group) => group.name);
  const white = { type: 'groups', whitelist: ['ops', 'dev'] };
  assert.deepEqual(groups(white, 'ops', 'boss', 'dev'), ['ops', 'dev']);
  assert.deepEqual(groups(white, 'boss'), []);
  assert.deepEqual(groups({ type: 'groups', blacklist: ['boss'] }, 'ops', 'boss'), ['ops']);
  const like = { type: 'groups', whitelist: ['^cloud-'], regex: true };
  assert.deepEqual(groups(like, 'cloud-a', 'my-cloud-b'), ['cloud-a']);
  const notLike = { type: 'groups', blacklist: ['^cloud-'], regex: true };
  assert.deepEqual(groups(notLike, 'cloud-a', "it's", '9'), ["it's", '9']);
  // One value may be a list itself, as a provider that knows texts only writes it.
  assert.deepEqual(groups({ type: 'groups' }, '["a", "b"]'), ['a', 'b']);
});

test('groups may come with their domains, and without any they are refused', () => {
  const rules: MappingRule[] = [
    { local: [user, { groups: '{1}' }], remote: [name, { type: 'g' }] },
  ];
  const g = 'JSON:{"name": "ops", "domain": {"name": "Default"}}';
  const [one] = apply(rules, { name: 'n', g }).groups;
  assert.deepEqual(one, { name: 'ops', domain: { id: undefined, name: 'Default' } });
  for (const bad of ['ops', 'JSON:{"name": "ops"}', 'JSON:{', 'JSON:null', `JSON:[1]`]) {
    assert.match(String(refusal(rules, { name: 'n', g: bad })), /domain|is none/);
  }
});

test('the first user counts, groups of all rules add up, and the last projects stand', () => {
  const rules: MappingRule[] = [
    { local: [{}, user, { group_ids: '{1}' }], remote: [name, { type: 'ids' }] },
    {
      local: [{ user: { name: 'other', type: 'local' }, group: { id: 'i1' } }],
      remote: [name],
    },
    { local: [{ projects: [{ name: 'p-{0}', roles: [{ name: 'member' }] }] }], remote: [name] },
  ];
  assert.deepEqual(apply(rules, { name: 'n', ids: ['i1', 'i2'] }), {
    user: { name: 'n' },
    groupIds: ['i1', 'i2'],
    groups: [],
    projects: [{ name: 'p-n', roles: [{ name: 'member' }] }],
  });
});

test('a reference to nothing refuses the log-in, and a value is never read as a reference', () => {
  for (const text of ['{1}', '{}', '{name}', '{0.x}', '{0[0]}', '{', '}']) {
    const rules: MappingRule[] = [{ local: [{ user: { name: text } }], remote: [name] }];
    assert.match(String(refusal(rules, { name: 'n' })), /refers to a value/);
  }
  const rules: MappingRule[] = [{ local: [user], remote: [name, { type: 'secret' }] }];
  assert.equal(apply(rules, { name: '{1}', secret: 's' }).user.name, '{1}');
});

test('the schema of mappings is that of Keystone', () => {
  const check = Compile(MappingBody);
  const isValid = (rules: unknown, more: object = {}): boolean =>
    check.Check({ mapping: { rules, ...more } });
  const rule = { local: [user], remote: [name] };
  assert(isValid([rule], { schema_version: '1.0' }));
  assert(!isValid([rule], { schema_version: '2.0' }));
  assert(!isValid([]));
  assert(!isValid([{ local: [user] }]));
  assert(!isValid([{ remote: [name] }]));
  assert(!isValid([{ ...rule, more: 1 }]));
  assert(!isValid([{ ...rule, remote: [] }]));
  assert(!isValid([{ ...rule, remote: [{ any_one_of: ['x'] }] }]));
  assert(!isValid([{ ...rule, remote: [{ type: 'x', any_one_of: 'x' }] }]));
  assert(!isValid([{ ...rule, remote: [{ type: 'x', any_one_of: ['x'], whitelist: ['x'] }] }]));
  assert(!isValid([{ ...rule, local: [{ group: {} }] }]));
  assert(!isValid([{ ...rule, local: [{ group: { name: 'g' } }] }]));
  assert(!isValid([{ ...rule, local: [{ group: { id: 'g', domain: { id: 'd' } } }] }]));
  assert(isValid([{ ...rule, local: [{ group: { name: 'g', domain: { id: 'd' } } }] }]));
  assert(!isValid([{ ...rule, local: [{ user: { name: 'n', type: 'other' } }] }]));
  assert(!isValid([{ ...rule, local: [{ projects: [{ name: 'p' }] }] }]));
  assert.throws(
    () => patternsCheck([{ ...rule, remote: [{ type: 'x', whitelist: ['('], regex: true }] }]),
    (error) => error instanceof Failure && error.kind === 'invalid',
  );
});

test('whatever a list of texts holds comes back from its one text', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (values) => {
      assert.deepEqual(listParse(listFormat(values)), values);
    }),
  );
  for (const text of ['', 'x', '[1, 2]', "['a' 'b']", "['a", '[a]', "'a', 'b'"]) {
    assert.equal(listParse(text), null);
  }
});

test('claims have the names of the web server module, and none stands for the issuer', () => {
  const attributes = attributesOf(
    {
      ISS: 'https://false',
      email_verified: true,
      groups: ['a', 'b;c', 7],
      realm: { roles: ['x'] },
      nothing: null,
      preferred_username: 'ada',
      iss: 'https://true',
      sub: '42',
    },
    'sub',
  );
  const of = (wanted: string) => attributes.get(wanted);
  assert.deepEqual(of('HTTP_OIDC_ISS'), ['https://true']);
  assert.deepEqual(of('OIDC-iss'), ['https://true']);
  assert.deepEqual(of('OIDC-ISS'), ['https://false']);
  assert.deepEqual(of('OIDC_CLAIM_sub'), ['42']);
  assert.deepEqual(of('REMOTE_USER'), ['42']);
  assert.deepEqual(of('HTTP_OIDC_PREFERRED_USERNAME'), ['ada']);
  assert.deepEqual(of('HTTP_OIDC_CLAIM_EMAIL_VERIFIED'), ['1']);
  assert.deepEqual(of('OIDC-groups'), ['a', 'b;c', '7']);
  assert.deepEqual(of('OIDC-realm'), ['{"roles":["x"]}']);
  assert.equal(of('OIDC-nothing'), undefined);
});
