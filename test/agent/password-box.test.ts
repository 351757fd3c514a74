import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { passwordBox } from '../../src/agent/server/password-box.ts';

function directoryNew(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'box-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a password is left once, found by the next agent, and again after it was cleared', async (t) => {
  const path = join(directoryNew(t), 'password');
  assert.equal(await passwordBox(path).read(), '');
  assert.equal(await passwordBox(path).leave(''), true);
  assert.equal(await passwordBox(path).leave('first'), true);
  assert.equal(await passwordBox(path).leave('second'), false);
  assert.equal(await passwordBox(path).leave(''), false);
  assert.equal(await passwordBox(path).read(), 'first');
  await passwordBox(path).clear();
  await passwordBox(path).clear();
  assert.equal(await passwordBox(path).leave('second'), true);
  assert.equal(await passwordBox(path).read(), 'second');
});

test('of many who leave one at a time, one does, and nothing else is left', async (t) => {
  const directory = directoryNew(t);
  const box = passwordBox(join(directory, 'password'));
  const words = ['a', 'b', 'c', 'd', 'e'];
  const taken = await Promise.all(words.map((word) => box.leave(word)));
  const winners = words.filter((_, index) => taken[index]);
  assert.deepEqual(winners, [await box.read()]);
  assert.deepEqual(readdirSync(directory), ['password']);
});
