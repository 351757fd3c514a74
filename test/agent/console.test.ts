import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { consoleRead, consoleTrim } from '../../src/agent/server/console.ts';

function runMake(t: TestContext): { runDir: string; path: string } {
  const runDir = mkdtempSync(join(tmpdir(), 'console-'));
  t.after(() => rmSync(runDir, { recursive: true }));
  return { runDir, path: join(runDir, 'console.log') };
}

test('the last lines are those last written, ended or not', async (t) => {
  const { runDir, path } = runMake(t);
  assert.equal(await consoleRead(runDir, 5), '');
  writeFileSync(path, 'one\ntwo\nthree\n');
  assert.equal(await consoleRead(runDir, 2), 'two\nthree\n');
  assert.equal(await consoleRead(runDir, 0), '');
  assert.equal(await consoleRead(runDir, 9), 'one\ntwo\nthree\n');
  appendFileSync(path, 'login: ');
  assert.equal(await consoleRead(runDir, 2), 'three\nlogin: ');
  assert.equal(await consoleRead(runDir, null), 'one\ntwo\nthree\nlogin: ');
});

test('a log that grew long is cut, its newest part stays, and appending goes on', async (t) => {
  const { runDir, path } = runMake(t);
  const line = (n: number): string => `line ${String(n).padStart(10, '0')}\n`;
  for (let part = 0; part < 5; part++) {
    const text = Array.from({ length: 40_000 }, (_, n) => line(part * 40_000 + n)).join('');
    appendFileSync(path, text);
    await consoleTrim(runDir);
    assert.equal(statSync(path).size, 0);
  }
  appendFileSync(path, line(200_000));
  assert.equal(await consoleRead(runDir, 2), line(199_999) + line(200_000));
  assert.ok((await consoleRead(runDir, null)).length < 1_100_000);
});

test('a guest process that puts a link in its place gets nothing read or cut', async (t) => {
  const { runDir, path } = runMake(t);
  const secret = join(runDir, 'secret');
  writeFileSync(secret, 'x'.repeat(2_000_000));
  symlinkSync(secret, path);
  await assert.rejects(consoleRead(runDir, null), /ELOOP/);
  await assert.rejects(consoleTrim(runDir), /ELOOP/);
  assert.equal(readFileSync(secret, 'utf8').length, 2_000_000);
});
