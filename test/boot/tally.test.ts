import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suitesRun } from '../../tools/test/run.ts';
import type { Step, Suite } from '../../tools/test/suites.ts';
import { tallyOfLine, tallyOfTap } from '../../tools/test/tally.ts';

const tap = (counts: string): string =>
  `TAP version 13\nok 1 - x\n1..1\n${counts}# duration_ms 1\n`;

test('a report of node:test is counted by its sums, a cancelled test as failed', () => {
  const report = tap('# tests 9\n# pass 3\n# fail 1\n# cancelled 2\n# skipped 1\n# todo 2\n');
  assert.deepEqual(tallyOfTap(report), { passed: 3, failed: 3, skipped: 3 });
});

test('a report without its end is no report', () => {
  assert.equal(tallyOfTap(tap('# pass 3\n')), null);
  assert.equal(tallyOfTap(''), null);
});

test('a program that counts for itself is believed on its last sum', () => {
  const output = '1 passed, 0 failed, 0 skipped\nmore\n12 passed, 3 failed, 45 skipped\n';
  assert.deepEqual(tallyOfLine(output), { passed: 12, failed: 3, skipped: 45 });
  assert.equal(tallyOfLine('12 passed\n'), null);
});

const suiteOf = (steps: readonly Step[]): Suite => ({
  name: 'suite',
  about: '',
  cloud: false,
  needsRoot: false,
  limitMin: 5,
  steps: () => steps,
});

const sumOf = (...steps: Step[]) =>
  suitesRun([suiteOf(steps)], { all: false, signal: AbortSignal.any([]), print: () => {} });

test('a suite is the sum of its steps', async () => {
  const ok: Step = { name: 'ok', counts: 'exit', argv: ['true'] };
  const wrong: Step = { name: 'wrong', counts: 'exit', argv: ['false'] };
  assert.deepEqual(await sumOf(ok, wrong, ok), { passed: 2, failed: 1, skipped: 0 });
});

test('a step that ends badly without a failed test is a failure of its own', async () => {
  const silent: Step = { name: 'silent', counts: 'line', argv: ['-e', ''] };
  const liar: Step = {
    name: 'liar',
    counts: 'line',
    argv: ['-e', 'console.log("2 passed, 0 failed, 0 skipped"); process.exitCode = 1'],
  };
  assert.deepEqual(await sumOf(silent), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(await sumOf(liar), { passed: 2, failed: 1, skipped: 0 });
});
