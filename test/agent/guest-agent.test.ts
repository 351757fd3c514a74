import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { guestCommand } from '../../src/agent/server/guest-agent.ts';
import { Failure } from '../../src/kernel/errors.ts';

type Command = { execute: string; arguments: Record<string, unknown> };

async function guest(t: TestContext, answer: (command: Command) => string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'qga-'));
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        socket.write(answer(JSON.parse(line) as Command));
      }
    });
  });
  const path = join(directory, 'qga.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  return path;
}

const synced = (command: Command): string =>
  `noise of a boot\n\xff{"return": ${String(command.arguments['id'])}}\n`;

test('a command is sent once the guest answers, whatever else it writes', async (t) => {
  const seen: Command[] = [];
  const path = await guest(t, (command) => {
    seen.push(command);
    return command.execute === 'guest-sync' ? synced(command) : '{"return": {"done": true}}\n';
  });
  const answer = await guestCommand(path, 'guest-set-user-password', { username: 'root' });
  assert.deepEqual(answer, { done: true });
  assert.deepEqual(seen.at(-1), {
    execute: 'guest-set-user-password',
    arguments: { username: 'root' },
  });
});

test('a refusal is a conflict that repeats nothing the guest said', async (t) => {
  const path = await guest(t, (command) =>
    command.execute === 'guest-sync'
      ? synced(command)
      : '{"error": {"class": "GenericError", "desc": "secret"}}\n',
  );
  await assert.rejects(
    guestCommand(path, 'guest-set-user-password', {}),
    (error) =>
      error instanceof Failure && error.kind === 'conflict' && !/secret/.test(error.message),
  );
});

test('nobody at the other end is a conflict', async () => {
  await assert.rejects(
    guestCommand('/nonexistent/qga.sock', 'guest-ping', {}),
    (error) => error instanceof Failure && error.kind === 'conflict',
  );
});
