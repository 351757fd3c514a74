import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import { lockedArgv, lockedEnvironment, lockTaken } from './lock.ts';
import { logFileOpen } from './log-file.ts';
import { runningEnd, runningForget, runningOf, runningRead, runningRecord } from './running.ts';

/** A program that the supervisor keeps running. */
export interface Unit {
  readonly name: string;
  readonly argv: readonly string[];
  /** Beside what the supervisor itself has. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Held by the program as long as it lives, so that there is never a second one in this state directory. */
  readonly lockFile: string;
  readonly recordFile: string;
  /** How long it gets to end by itself. */
  readonly graceMs: number;
}

export interface BackOff {
  readonly firstMs: number;
  readonly mostMs: number;
  /** Having run this long, a program starts again without delay. */
  readonly steadyMs: number;
}

export const unitBackOff: BackOff = { firstMs: 100, mostMs: 15_000, steadyMs: 5_000 };

export type UnitEvent =
  | { readonly kind: 'started'; readonly unit: string; readonly pid: number }
  | { readonly kind: 'ready'; readonly unit: string }
  | {
      readonly kind: 'ended';
      readonly unit: string;
      readonly reason: string;
      /** Ends in a row without a steady run in between. */
      readonly count: number;
      readonly retryMs: number;
    };

export interface UnitOptions {
  readonly clock: Clock;
  readonly backOff: BackOff;
  readonly signal: AbortSignal;
  readonly report: (event: UnitEvent) => void;
}

/** Keeps one program running until the signal is aborted, then ends it and resolves. */
export async function unitRun(unit: Unit, options: UnitOptions): Promise<void> {
  const { clock, backOff, signal, report } = options;
  await orphanEnd(unit);
  let count = 0;
  while (!signal.aborted) {
    const startedAt = clock.now();
    const reason = await unitOnce(unit, options);
    runningForget(unit.recordFile);
    if (signal.aborted) return;
    count = clock.now() - startedAt >= backOff.steadyMs ? 1 : count + 1;
    const retryMs = Math.min(backOff.firstMs * 2 ** (count - 1), backOff.mostMs);
    report({ kind: 'ended', unit: unit.name, reason, count, retryMs });
    await clock.sleep(retryMs, signal);
  }
}

/** A supervisor that was killed may have left a program that hangs too hard to notice. */
async function orphanEnd(unit: Unit): Promise<void> {
  const orphan = runningRead(unit.recordFile);
  if (orphan !== null) await runningEnd(orphan, unit.graceMs);
  runningForget(unit.recordFile);
}

/** One life of the program. Resolves to the reason of its end. */
async function unitOnce(unit: Unit, { signal, report }: UnitOptions): Promise<string> {
  const child = childStart(unit);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
    child.once('exit', (code, killedBy) => resolve(reasonOf(code, killedBy)));
  });
  child.on('message', (message) => {
    if (message === 'ready') report({ kind: 'ready', unit: unit.name });
  });
  const running = child.pid === undefined ? null : runningOf(child.pid);
  if (running === null) return ended;
  runningRecord(unit.recordFile, running);
  report({ kind: 'started', unit: unit.name, pid: running.pid });
  const end = (): void => void runningEnd(running, unit.graceMs);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await ended;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * In a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone. The IPC channel tells the
 * program when the supervisor is gone.
 */
function childStart(unit: Unit): ChildProcess {
  const logFile = logFileOpen(unit.logFile);
  const [file, ...words] = lockedArgv(unit.lockFile, unit.argv);
  try {
    return spawn(file, words, {
      detached: true,
      stdio: ['ignore', logFile, logFile, 'ipc'],
      env: { ...process.env, ...unit.environment, ...lockedEnvironment(unit.lockFile) },
    });
  } finally {
    closeSync(logFile);
  }
}

function reasonOf(code: number | null, killedBy: NodeJS.Signals | null): string {
  if (killedBy !== null) return `it was killed by ${killedBy}`;
  if (code === lockTaken) return 'another one runs in this state directory';
  return `it ended with code ${code ?? 'unknown'}`;
}
