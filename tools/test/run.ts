import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { cloudUse, type Cloud } from '../../test/support/cloud.ts';
import type { Step, Suite } from './suites.ts';
import {
  noTests,
  oneFailed,
  tallyAdd,
  tallyOfLine,
  tallyOfTap,
  tallyText,
  type Tally,
} from './tally.ts';

export interface RunOptions {
  /** Slow tests too: they look at WELKIN_TEST_ALL. */
  readonly all: boolean;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** Runs suites one after the other; what one of them leaves behind is removed before the next begins. */
export async function suitesRun(suites: readonly Suite[], options: RunOptions): Promise<Tally> {
  let total = noTests;
  for (const suite of suites) {
    if (options.signal.aborted) break;
    const startedMs = performance.now();
    options.print(`== ${suite.name}: ${suite.about}`);
    const tally = await suiteRun(suite, options);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    options.print(`== ${suite.name}: ${tallyText(tally)} (${seconds} s)\n`);
    total = tallyAdd(total, tally);
  }
  return total;
}

async function suiteRun(suite: Suite, options: RunOptions): Promise<Tally> {
  if (suite.needsRoot && process.getuid?.() !== 0) {
    options.print(`${suite.name} needs root`);
    return { ...noTests, skipped: 1 };
  }
  const steps = suite.steps();
  if (steps.length === 0) return noTests;
  const clouds = cloudFolder();
  try {
    return suite.cloud
      ? await withCloud(suite, steps, options)
      : await stepsRun(suite, steps, options, {});
  } finally {
    cloudsPurge(clouds);
  }
}

/** Where the tests of a suite put their clouds: near the root, because paths of sockets must stay short. */
function cloudFolder(): string {
  const folder = mkdtempSync('/tmp/wt-');
  chmodSync(folder, 0o711);
  process.env['TMPDIR'] = folder;
  return folder;
}

/** Clouds of tests that were killed or that forgot them. */
function cloudsPurge(folder: string): void {
  for (const stateDir of globSync(join(folder, '*', 'run')).map((run) => dirname(run)))
    spawnSync('./welkin', ['down', '--purge', '--yes', '--state-dir', stateDir], {
      stdio: 'inherit',
    });
  rmSync(folder, { recursive: true, force: true });
  delete process.env['TMPDIR'];
}

async function withCloud(
  suite: Suite,
  steps: readonly Step[],
  options: RunOptions,
): Promise<Tally> {
  let cloud: Cloud;
  try {
    cloud = await cloudUse();
  } catch (error) {
    options.print(error instanceof Error ? error.message : String(error));
    return oneFailed;
  }
  let tally = oneFailed;
  try {
    tally = await stepsRun(suite, steps, options, { WELKIN_TEST_STATE_DIR: cloud.stateDir });
    return tally;
  } finally {
    if (tally.failed > 0) logsKeep(suite.name, cloud.stateDir, options.print);
    await cloud[Symbol.asyncDispose]();
  }
}

function logsKeep(suite: string, stateDir: string, print: (line: string) => void): void {
  const kept = resolve('.state', 'test-logs', suite);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  cpSync(join(stateDir, 'log'), kept, { recursive: true });
  print(`the logs of its cloud are kept in ${kept}`);
}

async function stepsRun(
  suite: Suite,
  steps: readonly Step[],
  options: RunOptions,
  environment: Readonly<Record<string, string>>,
): Promise<Tally> {
  const limit = AbortSignal.timeout(suite.limitMin * 60_000);
  const signal = AbortSignal.any([limit, options.signal]);
  let sum = noTests;
  for (const step of steps) {
    if (signal.aborted) break;
    sum = tallyAdd(sum, await stepRun(step, { ...options, signal }, environment));
  }
  if (limit.aborted) options.print(`${suite.name} was ended after ${suite.limitMin} minutes`);
  return sum;
}

async function stepRun(
  step: Step,
  { all, signal, print }: RunOptions,
  environment: Readonly<Record<string, string>>,
): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), 'welkin-run-'));
  const tap = join(scratch, 'tap');
  const [file, ...words] = argvOf(step, tap);
  const child = spawn(file, words, {
    stdio: ['ignore', step.counts === 'line' ? 'pipe' : 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...environment,
      PATH: [resolve('node_modules', '.bin'), process.env['PATH']].join(delimiter),
      ...(all ? { WELKIN_TEST_ALL: '1' } : {}),
    },
  });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    const { code, output } = await ended(child);
    const tally = tallyOf(step, code, output, tap);
    if (tally === null) print(`${step.name} ended without a sum (${code ?? 'killed'})`);
    else if (code !== 0 && tally.failed === 0)
      print(`${step.name} ended with code ${code ?? 'unknown'} although no test failed`);
    else return tally;
    return tallyAdd(tally ?? noTests, oneFailed);
  } finally {
    signal.removeEventListener('abort', end);
    rmSync(scratch, { recursive: true, force: true });
  }
}

function argvOf(step: Step, tap: string): readonly [string, ...string[]] {
  if (step.counts === 'exit') return [step.argv[0] ?? '', ...step.argv.slice(1)];
  if (step.counts === 'line') return [process.execPath, ...step.argv];
  const test = [
    process.execPath,
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
    ...step.argv,
  ] as const;
  return step.within === undefined ? test : [step.within, ...test];
}

function tallyOf(step: Step, code: number | null, output: string, tap: string): Tally | null {
  if (step.counts === 'exit') return code === 0 ? { ...noTests, passed: 1 } : oneFailed;
  if (step.counts === 'line') return tallyOfLine(output);
  try {
    return tallyOfTap(readFileSync(tap, 'utf8'));
  } catch {
    return null;
  }
}

function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    // The sum is in the last line; a long run must not be kept whole.
    output = (output + chunk.toString('utf8')).slice(-4096);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
