import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandFailed, commandRun } from '../../src/agent/command.ts';

test('a command answers what the program wrote to its standard output', async () => {
  assert.equal(await commandRun(['cat'], { input: 'a\nb\n' }), 'a\nb\n');
});

test('a command that fails throws with its exit code and what it said', async () => {
  await assert.rejects(
    commandRun(['sh', '-c', 'echo no such thing >&2; exit 3']),
    (error) =>
      error instanceof CommandFailed &&
      error.exitCode === 3 &&
      error.message.endsWith('no such thing'),
  );
});

test('a program that does not exist is a failed command', async () => {
  await assert.rejects(commandRun(['/nonexistent/program']), CommandFailed);
});

test('a command is killed when its time is over', async () => {
  await assert.rejects(
    commandRun(['sleep', '600'], { timeoutMs: 20 }),
    (error) => error instanceof CommandFailed && error.exitCode === null,
  );
});

test('a program that does not read its input is judged by its exit code', async () => {
  assert.equal(await commandRun(['true'], { input: 'x'.repeat(1 << 20) }), '');
});

test('no argument is read by a shell', async () => {
  assert.equal(await commandRun(['echo', '$(id); `id`']), '$(id); `id`\n');
});

test('many commands at once all end', async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => commandRun(['echo', String(index)])),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 30 }, (_, index) => `${index}\n`),
  );
});
