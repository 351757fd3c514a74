import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computePolicy } from '../../src/compute/compute.policy.ts';
import { placementPolicy } from '../../src/compute/placement.policy.ts';
import { identityPolicies } from '../../src/identity/identity.policy.ts';
import { imagePolicy } from '../../src/image/image.policy.ts';
import type { PolicyDefaults } from '../../src/kernel/policy.ts';
import { networkPolicies } from '../../src/network/network.policy.ts';
import { policyParse } from '../../src/boot/policy-file.ts';

test('a policy file in YAML gives its rules', () => {
  const text = `# comment
---
"admin_required": "role:admin"
os_compute_api:servers:create: 'role:member and project_id:%(project_id)s'  # why

"open": ""
"quoted": '''c'':%(x)s'
`;
  assert.deepEqual(policyParse(text, 'p'), {
    admin_required: 'role:admin',
    'os_compute_api:servers:create': 'role:member and project_id:%(project_id)s',
    open: '',
    quoted: "'c':%(x)s",
  });
});

test('a policy file in JSON gives its rules', () => {
  assert.deepEqual(policyParse('{"a": "role:b"}', 'p'), { a: 'role:b' });
  assert.throws(() => policyParse('{"a": 7}', 'p'), /"a" must be a string/);
});

for (const text of ['- a', '"a"', '  "a": "b"', '"a": "b']) {
  test(`${JSON.stringify(text)} is refused with its line`, () => {
    assert.throws(() => policyParse(`# first\n${text}`, '/etc/p.yaml'), /\/etc\/p\.yaml:2/);
  });
}

test('no two services mean different things by one name of a rule', () => {
  const named = new Map<string, string>();
  for (const policies of [
    identityPolicies,
    imagePolicy,
    networkPolicies,
    computePolicy,
    placementPolicy,
  ] as readonly PolicyDefaults[]) {
    for (const [name, { check }] of Object.entries(policies)) {
      assert.equal(named.get(name) ?? check, check, name);
      named.set(name, check);
    }
  }
});
