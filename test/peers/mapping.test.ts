/** Mappings mean here what they mean to Keystone: its own engine is asked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Compile } from 'typebox/schema';
import { mappingApply, type GroupNamed } from '../../src/identity/mapping-rules.ts';
import { MappingBody, type MappingRule } from '../../src/identity/mapping.schema.ts';
import { Failure } from '../../src/kernel/errors.ts';

type Said = Readonly<Record<string, string>>;

interface Outcome {
  readonly user: object;
  readonly group_ids: readonly string[];
  readonly group_names: readonly GroupNamed[];
  readonly projects: readonly object[];
}

interface Answers {
  readonly assertions: Readonly<Record<string, Said>>;
  readonly cases: readonly {
    readonly name: string;
    readonly mapping: { readonly rules: readonly MappingRule[] };
    readonly valid: boolean;
    readonly outcomes: Readonly<Record<string, Outcome | null>>;
  }[];
}

/** Values that look like something else. */
const odd: Readonly<Record<string, Said>> = {
  quotes: {
    UserName: `o'neil;x"y`,
    orgPersonType: `Employee;BuildingX;Deve'loper;a\\b`,
    groups: 'ALL USERS;manager;Developer',
    LastName: 'L',
    FirstName: 'F',
    Email: 'e@x',
    user: 'jsmith',
  },
  lists: {
    UserName: `['a', 'b']`,
    orgPersonType: '["Developer"]',
    groups: '["x","y"]',
    LastName: '[1,2]',
    FirstName: 'F',
    Email: 'e@x',
    user: '{0}',
  },
};

/** Keystone keeps some lists as sets. */
const sorted = (items: readonly unknown[]): string[] =>
  [...new Set(items.map((item) => JSON.stringify(plain(item))))].toSorted();

function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, plain(inner)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function outcome(rules: readonly MappingRule[], said: Said): object | null {
  // Only texts are attributes; one of the fixtures has another value.
  const texts = Object.entries(said).filter(([, value]) => typeof value === 'string');
  const attributes = new Map(texts.map(([name, value]) => [name, value.split(';')] as const));
  try {
    const { user, groupIds, groups, projects } = mappingApply(rules, attributes);
    return {
      user: { type: 'ephemeral', ...user },
      groupIds: sorted(groupIds),
      groups: sorted(groups),
      projects,
    };
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

test('each mapping of its test suite is valid here when it is there, and says the same of everybody', () => {
  // Beside it lies a file with the name of the module.
  const words = ['-P', join(import.meta.dirname, 'mapping.py')];
  const ran = spawnSync('/usr/bin/python3', words, {
    input: JSON.stringify(odd),
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  assert.equal(ran.status, 0, ran.stderr);
  const { assertions, cases } = JSON.parse(ran.stdout) as Answers;
  const check = Compile(MappingBody);
  let compared = 0;
  for (const { name, mapping, valid, outcomes } of cases) {
    assert.equal(check.Check({ mapping }), valid, name);
    for (const [said, theirs] of Object.entries(outcomes)) {
      const wanted =
        theirs === null
          ? null
          : {
              user: theirs.user,
              groupIds: sorted(theirs.group_ids),
              groups: sorted(theirs.group_names),
              projects: theirs.projects,
            };
      assert.deepEqual(outcome(mapping.rules, assertions[said] ?? {}), wanted, `${name} ${said}`);
      compared++;
    }
  }
  assert(compared > 900, `only ${compared} were compared`);
});
