import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileWrite } from './files.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface Running {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from the boot of the machine to the start of the process. */
  readonly startTicks: string;
  /** Ticks begin anew with every boot. */
  readonly bootId: string;
}

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Null when there is no such process, or only what is left of it until its parent collects it. */
export function runningOf(pid: number): Running | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return { pid, startTicks: fields[19] ?? '', bootId };
  } catch {
    return null;
  }
}

export const isRunning = (running: Running): boolean =>
  running.bootId === bootId && runningOf(running.pid)?.startTicks === running.startTicks;

/** The record of a process that still runs; null when there is none, it is unreadable or the process is gone. */
export function runningRead(path: string): Running | null {
  const text = textRead(path);
  if (text === null) return null;
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null) return null;
    const { pid, startTicks, bootId: boot } = record as Partial<Running>;
    if (typeof pid !== 'number' || typeof startTicks !== 'string') return null;
    const running = { pid, startTicks, bootId: boot ?? '' };
    return isRunning(running) ? running : null;
  } catch {
    return null;
  }
}

export function runningRecord(path: string, running: Running): void {
  fileWrite(path, `${JSON.stringify(running)}\n`, { mode: 0o600 });
}

export const runningForget = (path: string): void => rmSync(path, { force: true });

/** Asks a process to end, and ends it when it has not after `graceMs`. Resolves when it is gone. */
export async function runningEnd(running: Running, graceMs: number): Promise<void> {
  signalSend(running, 'SIGTERM');
  const limit = performance.now() + graceMs;
  while (isRunning(running) && performance.now() < limit) await wait(20);
  signalSend(running, 'SIGKILL');
  while (isRunning(running)) await wait(20);
}

function signalSend(running: Running, signal: NodeJS.Signals): void {
  if (!isRunning(running)) return;
  try {
    process.kill(running.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function textRead(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
