import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { processFacts } from '../../src/boot/proc.ts';

/** Programs of others that do the same work, and the processes that spend CPU for it. */
export interface Peer extends AsyncDisposable {
  readonly pids: () => readonly number[];
}

export interface PeerPlace {
  readonly folder: string;
  /** In which the programs of the packages are found. */
  readonly env: NodeJS.ProcessEnv;
}

export interface PeerSetUp {
  /** Of Debian. */
  readonly packages: readonly string[];
  /** Writes what the programs need into their folder and tells their command lines. */
  readonly configure: (place: PeerPlace) => readonly (readonly string[])[];
  readonly answers: () => Promise<boolean>;
}

export const python = '/usr/bin/python3';

/** Resolves when it answers; ends with all that was started, and its folder. */
export async function peerStart({ packages, configure, answers }: PeerSetUp): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), `welkin-${packages[0]}-`));
  const children: ChildProcess[] = [];
  const peer = {
    pids: () => children.flatMap(({ pid = 0 }) => pidsOf(pid)),
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    const env = packagesUnpack(folder, packages);
    for (const [program = '', ...words] of configure({ folder, env }))
      children.push(spawn(program, words, { env, stdio: 'ignore' }));
    for (let tries = 0; !(await answers().catch(() => false)); tries++) {
      if (tries === 300) throw new Error('it does not answer');
      await wait(200);
    }
    return peer;
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
}

/** With what they need beyond what is here; nothing is set up on this machine. */
function packagesUnpack(folder: string, names: readonly string[]): NodeJS.ProcessEnv {
  const options = { cwd: folder, encoding: 'utf8', stdio: 'pipe' } as const;
  const words = ['install', '--simulate', '--no-install-recommends', ...names];
  const plan = execFileSync('apt-get', words, options);
  // Of a package that is here and would be renewed, its version stands before the parenthesis.
  const missing = [...plan.matchAll(/^Inst (\S+) \(/gm)].map(([, name = '']) => name);
  if (missing.length > 0) execFileSync('apt-get', ['download', ...missing], options);
  for (const path of globSync(join(folder, '*.deb'))) execFileSync('dpkg', ['-x', path, folder]);
  const programs = ['sbin', 'bin'].map((name) => join(folder, 'usr', name));
  return {
    ...process.env,
    PATH: [...programs, process.env['PATH'], '/usr/sbin'].join(':'),
    PYTHONPATH: join(folder, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: globSync(join(folder, 'usr/lib/*-linux-gnu')).join(':'),
  };
}

/** What they have spent so far. */
export const cpuSecOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (processFacts(pid)?.cpuSec ?? 0), 0);

/** It and all below it. */
function pidsOf(pid: number): number[] {
  try {
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(below === '' ? [] : below.split(' ').flatMap((one) => pidsOf(Number(one))))];
  } catch {
    return [];
  }
}
