import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { UserError } from './command.ts';

const flock = '/usr/bin/flock';
/** Its own exit code for a lock that somebody has. */
const flockTaken = 1;
const heldIn = 'WELKIN_LOCK';
/**
 * Whoever runs has his lock for hours. One who only tries whether it is free has it for a moment, and also when he is
 * killed in that moment; that is no reason to give up.
 */
const waitSec = '3';

/** Exit code of a program that found its lock taken. */
export const lockTaken = 75;

/**
 * Command line that runs a program under an exclusive lock. `flock` opens the file, locks it and becomes the program;
 * Node closes inherited files in its own children, so the kernel gives the lock up when exactly this process ends,
 * however it ends. Its pid is that of the started process.
 */
export function lockedArgv(path: string, argv: readonly string[]): readonly [string, ...string[]] {
  return [flock, '--wait', waitSec, '--no-fork', '-E', String(lockTaken), path, ...argv];
}

/** What `lockHold` looks for in the environment of a program started by `lockedArgv`. */
export const lockedEnvironment = (path: string): Readonly<Record<string, string>> => ({
  [heldIn]: path,
});

/**
 * Holds the lock for the rest of the life of this process. A process cannot lock a file for itself in Node, so it is
 * replaced by the same program under `flock`, with the same pid and what is to be added to its environment.
 */
export function lockHold(path: string, environment: Readonly<Record<string, string>> = {}): void {
  if (process.env[heldIn] === path) return;
  const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  lockExec(path, argv, { ...process.env, ...environment, ...lockedEnvironment(path) });
}

/** Becomes another program under a lock. */
export function lockExec(path: string, argv: readonly string[], env: NodeJS.ProcessEnv): never {
  if (!existsSync(flock)) throw new Error(`${flock} is missing (Debian package util-linux)`);
  const tried = spawnSync(flock, ['--wait', waitSec, path, 'true'], { encoding: 'utf8' });
  if (tried.status === flockTaken) {
    throw new UserError(
      `${path} is held by another welkin, which starts, stops or runs this cloud`,
    );
  }
  if (tried.status !== 0)
    throw new UserError(`${path} cannot be locked: ${tried.error?.message ?? tried.stderr.trim()}`);
  const [file, ...words] = lockedArgv(path, argv);
  process.execve?.(file, ['flock', ...words], env);
  throw new Error('this system cannot replace a running program');
}
