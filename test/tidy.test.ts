/** House rules that the linter cannot express. Each message says what to do instead. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const sources = globSync('src/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }));

/** Rooms whose code must take time, chance and processes from its context. */
const domain = /^src\/(identity|image|compute|network|volume|object|placement)\//;

const banned: readonly { pattern: RegExp; where: RegExp; use: string }[] = [
  { pattern: /\bDate\.now\(|new Date\(\)/, where: domain, use: 'clock.now()' },
  { pattern: /\bMath\.random\(|randomUUID(v7)?\(/, where: domain, use: 'ids' },
  { pattern: /(?<![.\w])set(Timeout|Interval)\(/, where: domain, use: 'clock.sleep()' },
  { pattern: /node:child_process/, where: domain, use: 'the agent' },
  { pattern: /node:sqlite|from 'pg'/, where: /^src\/(?!engines\/)/, use: 'src/engines' },
  { pattern: /export default/, where: /./, use: 'a named export' },
  {
    pattern: /TODO(?!\((correctness|security|robustness|capacity)\): #\d+)/,
    where: /./,
    use: 'TODO(class): #issue',
  },
];

for (const { pattern, where, use } of banned) {
  test(`no ${pattern.source} in ${where.source}: use ${use}`, () => {
    const hits = sources.filter(({ path, text }) => where.test(path) && pattern.test(text));
    assert.deepEqual(
      hits.map(({ path }) => path),
      [],
    );
  });
}

test('no file is longer than 600 lines: split it by verb or concern', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > 600);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});
