/**
 * One QEMU process: started as a session of its own under the guests' uid, so that it outlives this agent, and found
 * again by the next one.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, fchownSync, openSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { Clock } from '../../kernel/clock.ts';
import { AgentFailure } from '../failure.ts';
import { errnoOf, openUntrusted } from '../storage/files.ts';
import { machineArgs, runPaths, type Launch } from './machine.ts';
import { qmpConnect, QmpClosed, type Qmp } from './qmp.ts';

export interface QemuHost {
  readonly binary: string;
  readonly uid: number;
  readonly gid: number;
  readonly clock: Clock;
}

export interface QemuProcess {
  readonly pid: number;
  readonly qmp: Qmp;
}

const connectLimitMs = 30_000;

/** Starts the process and resolves when its monitor answers; what could not start leaves no process. */
export async function qemuStart(host: QemuHost, launch: Launch): Promise<QemuProcess> {
  const paths = runPaths(launch.runDir);
  await Promise.all(
    [paths.qmp, paths.serial, paths.vnc, paths.guestAgent, paths.pid, paths.log].map((path) =>
      rm(path, { force: true }),
    ),
  );
  const log = openSync(
    paths.log,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND,
    0o600,
  );
  fchownSync(log, host.uid, host.gid);
  const child = spawn(host.binary, machineArgs(launch), {
    cwd: launch.runDir,
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', log, log],
    uid: host.uid,
    gid: host.gid,
  });
  closeSync(log);
  child.unref();
  const exit = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let isGone = false;
  void exit.then(() => (isGone = true));
  try {
    const qmp = await monitorConnect(host.clock, paths.qmp, () => isGone);
    return { pid: child.pid ?? 0, qmp };
  } catch (error) {
    child.ref();
    child.kill('SIGKILL');
    await exit;
    throw startFailure(await logTail(paths.log), error);
  }
}

/** The socket appears some 50 ms after the start and answers when the machine is built. */
async function monitorConnect(clock: Clock, path: string, isGone: () => boolean): Promise<Qmp> {
  const deadline = clock.now() + connectLimitMs;
  for (let waitMs = 3; ; waitMs = Math.min(waitMs + 1, 25)) {
    try {
      return await qmpConnect(path, connectLimitMs);
    } catch (error) {
      if (isGone()) throw new QmpClosed('the process ended', { cause: error });
      const isEarly = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ECONNREFUSED';
      if (!isEarly || clock.now() > deadline) throw error;
    }
    await clock.sleep(waitMs);
  }
}

function startFailure(log: string, cause: unknown): AgentFailure {
  const code = /No space left on device/.test(log) ? 'no_space' : 'qemu';
  return new AgentFailure(code, `QEMU did not start: ${log || String(cause)}`, cause);
}

async function logTail(path: string): Promise<string> {
  try {
    const file = await openUntrusted(path);
    try {
      const text = await file.readFile('utf8');
      return text.trim().slice(-1000);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

/** Connects to a process that an earlier agent started. */
export async function qemuAdopt(pid: number, runDir: string): Promise<QemuProcess> {
  return { pid, qmp: await qmpConnect(runPaths(runDir).qmp, 10_000) };
}

export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Lets QEMU close its files, then insists; resolves when the process is gone. */
export async function qemuKill(clock: Clock, { pid, qmp }: QemuProcess): Promise<void> {
  await qmp.execute('quit', {}, { timeoutMs: 2000 }).catch(() => {});
  const isQuitting = await Promise.race([
    qmp.closed.then(() => true),
    clock.sleep(2000).then(() => false),
  ]);
  if (isQuitting) await processGone(clock, pid, 1000);
  qmp.close();
  await processKill(clock, pid);
}

export async function processKill(clock: Clock, pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
  if (!(await processGone(clock, pid, 30_000))) {
    throw new AgentFailure('qemu', `process ${pid} does not end though it was killed`);
  }
}

/** A killed process whose parent has not waited for it yet is gone: it holds no file and no memory. */
export async function processGone(clock: Clock, pid: number, limitMs: number): Promise<boolean> {
  const deadline = clock.now() + limitMs;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    if (!processIsAlive(pid) || (await isZombie(pid))) return true;
    if (clock.now() > deadline) return false;
    await clock.sleep(waitMs);
  }
}

async function isZombie(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true;
  }
}

/** Processes by the value of one of their arguments: `find(argv)` answers it, or null for a process that is not meant. */
export async function processScan<T>(
  find: (argv: readonly string[]) => T | null,
): Promise<readonly { pid: number; found: T }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const rows = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const found = line === '' ? null : find(line.split('\0'));
      return found === null ? [] : [{ pid, found }];
    }),
  );
  return rows.flat();
}
