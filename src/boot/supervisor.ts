import { join } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { Waker } from '../kernel/reconciler.ts';
import { controlAllocator, objectAllocator } from './allocator.ts';
import { apiProbe } from './api-probe.ts';
import type { Cloud } from './cloud.ts';
import { UserError } from './command.ts';
import { credentialsEnsure } from './credentials.ts';
import { fileWrite, folderEnsure } from './files.ts';
import { hostPrepare } from './host-prepare.ts';
import { controlUid, objectUnitName, type Layout } from './layout.ts';
import { logFileRotate, logFileTail, logLineText } from './log-file.ts';
import { runningForget, runningOf, runningRecord } from './running.ts';
import { secretsEnsure } from './secrets.ts';
import { objectArgv, roleArgv } from './supervise-argv.ts';
import { unitBackOff, unitRun, type Unit, type UnitEvent } from './unit.ts';

/** What `up` shows while the cloud comes up. */
export type Stage = 'keys' | 'agent' | 'control' | 'object' | 'apis';
export type Progress =
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

export interface SupervisorOptions {
  readonly cloud: Cloud;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
}

/** A program that ends this often before the cloud was ever up will not come up. */
const endsMax = 3;
const startLimitMs = 300_000;
/** Control is ready when it listens: what it does not answer then it hardly will. */
const answerLimitMs = 30_000;
/** What the programs do is told; whether the APIs answer has to be asked. */
const askMs = 20;
const limitLookMs = 1_000;
const rotateMs = 10_000;
const tailLines = 8;

/** Runs the cloud until the signal is aborted. Throws a UserError when it does not come up. */
export async function supervisorRun(options: SupervisorOptions): Promise<void> {
  const { cloud, log, signal, progress } = options;
  progress({ kind: 'stage', stage: 'keys' });
  stateEnsure(cloud);
  await hostPrepare();
  const own = runningOf(process.pid);
  if (own !== null) runningRecord(cloud.layout.supervisorFile, own);
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  if (signal.aborted) stop.abort();
  const starting = startWatch(log);
  const units = unitsOf(cloud).map((unit) => unitKeep(unit, stop.signal, starting.report));
  try {
    await cameUp(options, starting);
    if (!signal.aborted) progress({ kind: 'ready' });
    while (!signal.aborted) {
      await systemClock.sleep(rotateMs, signal);
      for (const { logFile } of unitsOf(cloud)) logFileRotate(logFile);
      logFileRotate(join(cloud.layout.logDir, 'supervisor.log'));
    }
  } finally {
    stop.abort();
    await Promise.all(units);
    runningForget(cloud.layout.supervisorFile);
  }
}

/** Folders, keys and credentials; whatever is there stays. */
export function stateEnsure({ layout, configuration }: Cloud): void {
  folderEnsure(layout.stateDir, { mode: 0o711 });
  folderEnsure(layout.runDir, { mode: 0o711 });
  folderEnsure(layout.logDir, { mode: 0o700 });
  folderEnsure(layout.agentDir, { mode: 0o711 });
  folderEnsure(join(layout.stateDir, 'tls'), { mode: 0o711 });
  folderEnsure(layout.controlDir, { mode: 0o700, uid: controlUid });
  for (const folder of [layout.objectDir, ...configuration.object.mirrors])
    folderEnsure(folder, { mode: 0o700, uid: controlUid });
  folderEnsure(join(layout.controlDir, 'secrets'), { mode: 0o700, uid: controlUid });
  secretsEnsure(layout, configuration);
  credentialsEnsure(layout, configuration);
  const text = `${JSON.stringify(configuration, null, 2)}\n`;
  fileWrite(layout.configurationFile, text, { mode: 0o600 });
}

const unitsOf = ({ layout, configuration }: Cloud): readonly Unit[] =>
  [
    { name: 'agent', argv: roleArgv('agent', layout) },
    { name: 'control', argv: roleArgv('control', layout), environment: controlAllocator },
    ...Array.from({ length: configuration.object.workers }, (_, worker) => ({
      name: objectUnitName(worker),
      argv: objectArgv(worker, layout),
      environment: objectAllocator,
    })),
  ].map((program) => ({
    ...program,
    logFile: join(layout.logDir, `${program.name}.log`),
    lockFile: join(layout.runDir, `${program.name}.lock`),
    recordFile: join(layout.runDir, `${program.name}.json`),
    graceMs: 20_000,
  }));

const unitKeep = (
  unit: Unit,
  signal: AbortSignal,
  report: (event: UnitEvent) => void,
): Promise<void> => unitRun(unit, { clock: systemClock, backOff: unitBackOff, signal, report });

interface StartWatch {
  readonly report: (event: UnitEvent) => void;
  /** Woken by every event. */
  readonly waker: Waker;
  readonly isReady: (unit: string) => boolean;
  /** The unit that will not come up and why. */
  readonly hopeless: () => { readonly unit: string; readonly reason: string } | null;
}

function startWatch(log: Log): StartWatch {
  const ready = new Set<string>();
  let hopeless: { unit: string; reason: string } | null = null;
  const waker = new Waker();
  return {
    waker,
    isReady: (unit) => ready.has(unit),
    hopeless: () => hopeless,
    report: (event) => {
      const { kind, unit, ...fields } = event;
      log[kind === 'ended' ? 'warning' : 'info'](`${unit} ${kind}`, fields);
      if (kind === 'ready') ready.add(unit);
      if (event.kind === 'ended' && event.count >= endsMax && !ready.has(unit))
        hopeless = { unit, reason: event.reason };
      waker.wake();
    },
  };
}

/** Resolves when every program and every API are there, or the signal is aborted. */
async function cameUp(options: SupervisorOptions, starting: StartWatch): Promise<void> {
  const { cloud, signal, progress } = options;
  let stage: Stage = 'keys';
  let limit = systemClock.now() + startLimitMs;
  while (!signal.aborted) {
    const next = nextStage(starting);
    if (next !== stage) {
      progress({ kind: 'stage', stage: next });
      limit = systemClock.now() + (next === 'apis' ? answerLimitMs : startLimitMs);
    }
    stage = next;
    const silent = stage === 'apis' ? (await apiProbe(cloud)).filter(({ isUp }) => !isUp) : [];
    if (stage === 'apis' && silent.length === 0) return;
    const hopeless = starting.hopeless();
    if (hopeless !== null)
      throw failure(cloud.layout, hopeless.unit, `does not come up: ${hopeless.reason}`);
    if (systemClock.now() > limit) {
      const unit = stage === 'agent' || stage === 'object' ? stage : 'control';
      const apis = silent.map(({ service, reason }) => `; ${service}: ${reason}`).join('');
      throw failure(cloud.layout, unit, `did not come up in time${apis}`);
    }
    await starting.waker.wait(systemClock, stage === 'apis' ? askMs : limitLookMs, signal);
  }
}

function nextStage(starting: StartWatch): Stage {
  if (!starting.isReady('agent')) return 'agent';
  if (!starting.isReady('control')) return 'control';
  return starting.isReady('object') ? 'apis' : 'object';
}

function failure(layout: Layout, unit: string, what: string): UserError {
  const path = join(layout.logDir, `${unit}.log`);
  const lines = logFileTail(path, tailLines).flatMap((line) => logLineText(line).split('\n'));
  return new UserError(
    [`${unit} ${what}`, `the end of ${path}:`, ...lines.map((line) => `  ${line}`)].join('\n'),
  );
}
