import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParse, Policy } from '../../src/kernel/policy.ts';
import { actorOf, memberOf } from '../support/api.ts';

const admin = actorOf();
const member = memberOf('c');
const own = { project_id: 'c'.repeat(32), user_id: member.userId };
const foreign = { project_id: 'd'.repeat(32), user_id: 'x' };

const cases: readonly (readonly [check: string, ownAllowed: boolean, foreignAllowed: boolean])[] = [
  ['', true, true],
  ['@', true, true],
  ['!', false, false],
  ['role:member', true, true],
  ['role:Member', true, true],
  ['role:admin', false, false],
  ['project_id:%(project_id)s', true, false],
  ['role:reader and project_id:%(project_id)s', true, false],
  ['role:admin or project_id:%(project_id)s', true, false],
  ['not project_id:%(project_id)s', false, true],
  ['role:admin or role:reader and project_id:%(project_id)s', true, false],
  ['(role:admin or role:reader) and project_id:%(project_id)s', true, false],
  ['(role:admin) or (role:member and user_id:%(user_id)s)', true, false],
  ['user_id:%(no.such.name)s', false, false],
  ['system_scope:all', false, false],
  ["'c':%(letter)s", false, false],
];

for (const [check, ownAllowed, foreignAllowed] of cases) {
  test(`a member passes "${check}" for the own project: ${ownAllowed}, a foreign one: ${foreignAllowed}`, () => {
    const policy = new Policy({ r: { check, description: '' } });
    assert.equal(policy.allows('r', member, own), ownAllowed);
    assert.equal(policy.allows('r', member, foreign), foreignAllowed);
  });
}

test('rules name rules, and an override takes the place of a default', () => {
  const defaults = {
    admin_required: { check: 'role:admin', description: '' },
    'x:get': { check: 'rule:admin_required', description: '' },
  };
  assert.equal(new Policy(defaults).allows('x:get', admin, {}), true);
  assert.equal(new Policy(defaults).allows('x:get', member, {}), false);
  assert.equal(new Policy(defaults, { 'x:get': 'role:member' }).allows('x:get', member, {}), true);
});

for (const text of ['role', '(role:a', 'role:a or', 'role:a role:b', 'not', 'a and and b:c']) {
  test(`"${text}" is refused with the name of the rule`, () => {
    assert.throws(() => checkParse('bad:rule', text), /bad:rule/);
  });
}

test('a rule that names one that does not exist is refused at start', () => {
  assert.throws(() => new Policy({ a: { check: 'rule:b', description: '' } }), /rule b/);
});

test('a list of roles in quotes or a value None matches only what it says', () => {
  const policy = new Policy({ r: { check: 'None:%(owner)s', description: '' } });
  assert.equal(policy.allows('r', member, { owner: 'x' }), false);
});
