/** House rules that the linter cannot express. Each message says what to do instead. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
  {
    pattern: /^ {4,}get \w+\(\)/m,
    where: /./,
    use: 'a class: V8 keeps a hidden class for each literal with a getter, and it what the getter sees',
  },
  {
    pattern: /^import (?!type\b)[^;]*? from 'typebox(?!\/schema')/m,
    where: /./,
    use: 'src/kernel/type.ts, typebox/schema: behind the rest are hundreds of files that every start would read',
  },
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

/** Packages that a file brings with it, but for what is imported when it is asked for. */
function packagesOf(path: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(path)) return packages;
  seen.add(path);
  const imports = /^(?:import|export)\s+(?!type\b)(?:[^;']*?\sfrom\s+)?'([^']+)'/gm;
  for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(imports)) {
    if (!name.startsWith('.')) packages.add(name);
    else for (const one of packagesOf(join(dirname(path), name), seen)) packages.add(one);
  }
  return packages;
}

test('programs that stay load no library that only control needs: each would cost megabytes', () => {
  const programs = ['cli.ts', 'commands/supervise.ts', 'agent.ts'];
  for (const program of programs) {
    const foreign = [...packagesOf(`src/boot/${program}`)].filter(
      (name) => !name.startsWith('node:'),
    );
    assert.deepEqual(foreign, [], program);
  }
});
