import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { patternParse } from '../../src/compute/pattern.ts';

const cases: readonly [pattern: string, text: string, isFound: boolean][] = [
  ['web', 'my-web-1', true],
  ['^web', 'my-web-1', false],
  ['^my.*1$', 'my-web-1', true],
  ['WEB', 'my-web-1', true],
  ['^(a|bc)+$', 'abcabc', true],
  ['^(a|bc)+$', 'abcab', false],
  ['[0-9]{2,3}', 'vm-7', false],
  ['[0-9]{2,3}', 'vm-77', true],
  ['^[^-]+$', 'a-b', false],
  ['\\d+\\.\\d', '10.0', true],
  ['a?b*c', 'c', true],
  ['', '', true],
  ['^$', 'x', false],
  ['x{0}y', 'y', true],
  ['(a*)*b', 'aaaa', false],
];
for (const [pattern, text, isFound] of cases) {
  test(`/${pattern}/ ${isFound ? 'is' : 'is not'} found in "${text}"`, () => {
    assert.equal(patternParse(pattern)?.(text), isFound);
  });
}

for (const bad of [
  '(',
  ')',
  '[a',
  '*',
  'a{3,1}',
  '\\',
  '(?=a)',
  '\\1',
  '(((){999}){999}){999}',
  'x'.repeat(256),
]) {
  test(`${JSON.stringify(bad.slice(0, 10))} is no pattern`, () => {
    assert.equal(patternParse(bad), null);
  });
}

test('a pattern that backtracks for ever elsewhere takes no time here', () => {
  assert.equal(patternParse('(a+)+(a+)+(.*.*.*)*!$')?.('a'.repeat(255)), false);
});

test('it finds what the engine of the language finds', () => {
  const part = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '(a|b)',
    'a*',
    'b+',
    '(ab)?',
    '^',
    '$',
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.stringMatching(/^[abc]{0,6}$/),
      (parts, text) => {
        const source = parts.join('');
        assert.equal(patternParse(source)?.(text), new RegExp(source, 'i').test(text), source);
      },
    ),
    { numRuns: 2_000 },
  );
});
