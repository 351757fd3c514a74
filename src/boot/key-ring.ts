import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { secretKey, type SecretKey } from '../identity/secret-box.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { fileWrite } from './files.ts';
import { controlUid } from './layout.ts';

/**
 * A folder of keys, each 32 bytes in base64url. Files are numbered, and the highest signs. `next` signs nothing yet: every
 * process knows it long before it does, so that no token is ever met by somebody who cannot read it.
 */
const next = 'next';
const followEveryMs = 2_000;
/** Twice as long as a process may take to look again. */
const noticedMs = 2 * followEveryMs;

/** The one that signs comes first. */
export function keysRead(directory: string): SecretKey[] {
  const names = readdirSync(directory);
  const numbered = numbersIn(names).map(String);
  const order = names.includes(next)
    ? [...numbered.slice(0, 1), next, ...numbered.slice(1)]
    : numbered;
  return order.flatMap((name) => keyRead(join(directory, name)) ?? []);
}

/** Highest first. */
const numbersIn = (names: readonly string[]): number[] =>
  names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => b - a);

/** Null: it has been removed meanwhile. */
function keyRead(path: string): SecretKey | null {
  const text = textRead(path);
  return text === null ? null : secretKey(Buffer.from(text, 'base64url'));
}

function textRead(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Keeps keys in use as those of the folder until the signal. */
export async function keysFollow(
  keys: SecretKey[],
  directory: string,
  {
    clock,
    log,
    signal,
  }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  let seen = '';
  while (!signal.aborted) {
    try {
      const names = readdirSync(directory).toSorted().join();
      if (names !== seen) {
        const fresh = keysRead(directory);
        if (fresh.length > 0) keys.splice(0, keys.length, ...fresh);
        if (seen !== '') log.info('the keys of tokens have changed', { keys: names });
        seen = names;
      }
    } catch (error) {
      log.warning('the keys of tokens cannot be read', { error: String(error) });
    }
    await clock.sleep(followEveryMs, signal);
  }
}

const ofControl = { mode: 0o600, uid: controlUid } as const;

/** How long until every program has had the time to learn the next key; it is made where there is none. */
export function keyNextWaitMs(directory: string, nowMs: number): number {
  keyNextEnsure(directory);
  return Math.max(0, Math.ceil(statSync(join(directory, next)).mtimeMs + noticedMs - nowMs));
}

/** True: it is made now, so nobody else knows it yet. */
export function keyNextEnsure(directory: string): boolean {
  const path = join(directory, next);
  const held = textRead(path);
  const [highest = 0] = numbersIn(readdirSync(directory));
  // A rotation was interrupted when its key had been put in force: it is not a next one any more.
  if (held !== null && held !== textRead(join(directory, String(highest)))) return false;
  keyWrite(path, randomBytes(32).toString('base64url'));
  return true;
}

export interface Rotation {
  readonly primary: number;
  readonly removed: readonly number[];
  readonly kept: readonly number[];
}

/**
 * The next key signs from now on, and another one is next. A key is removed when the last token it signed has long
 * expired; when it stopped to sign is told by the file of its successor. To be called when everybody knows `next`.
 */
export function keysRotate(
  directory: string,
  { nowMs, keepMs }: { readonly nowMs: number; readonly keepMs: number },
): Rotation {
  const text = textRead(join(directory, next));
  if (text === null) throw new Error('there is no next key');
  const [highest = 0] = numbersIn(readdirSync(directory));
  const primary = highest + 1;
  keyWrite(join(directory, String(primary)), text);
  keyNextEnsure(directory);
  const removed: number[] = [];
  const numbers = numbersIn(readdirSync(directory));
  for (const [index, number] of numbers.entries()) {
    const successor = numbers[index - 1];
    if (successor === undefined) continue;
    if (statSync(join(directory, String(successor))).mtimeMs + keepMs >= nowMs) continue;
    rmSync(join(directory, String(number)));
    removed.push(number);
  }
  return { primary, removed, kept: numbers.filter((number) => !removed.includes(number)) };
}

const keyWrite = (path: string, text: string): void =>
  fileWrite(path, `${text}\n`, process.getuid?.() === 0 ? ofControl : { mode: 0o600 });
