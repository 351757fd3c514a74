import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

function lockMake(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'lock');
}

/** Somebody who has the lock, once this resolves. */
async function held(path: string): Promise<ChildProcess> {
  const child = spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** A program that wants the lock for its life. */
function wanting(path: string): ChildProcess {
  const source = new URL('../../src/boot/lock.ts', import.meta.url).href;
  const file = join(path, '..', 'program.mjs');
  const program = `import { lockHold } from '${source}'; lockHold('${path}'); console.log('mine');`;
  writeFileSync(file, program);
  return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  const hear = (bytes: Buffer): void => void (said += bytes.toString());
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

/** It tries the lock by a program of its own. */
async function isTrying({ pid, exitCode }: ChildProcess): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 2));
  if (exitCode !== null) return true;
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '';
  } catch {
    return true;
  }
}

test('a lock that somebody has for a moment only is waited for', async (t) => {
  const path = lockMake(t);
  const holder = await held(path);
  const child = wanting(path);
  const end = ended(child);
  while (!(await isTrying(child)));
  holder.kill('SIGKILL');
  assert.deepEqual(await end, { code: 0, said: 'mine\n' });
});

test('a lock that somebody keeps is refused', async (t) => {
  const path = lockMake(t);
  const holder = await held(path);
  const { code, said } = await ended(wanting(path));
  holder.kill('SIGKILL');
  assert.notEqual(code, 0);
  assert.match(said, /is held by another welkin/);
});
