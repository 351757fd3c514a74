import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { cloudStarted, cloudWanted, supervisorRunning, type Cloud } from '../cloud.ts';
import {
  cloudOptions,
  cloudOptionsHelp,
  exitCodes,
  isSet,
  UserError,
  type Command,
  type CommandInput,
} from '../command.ts';
import { folderEnsure } from '../files.ts';
import { lockedArgv, lockedEnvironment, lockHold, lockTaken } from '../lock.ts';
import { logFileOpen } from '../log-file.ts';
import { programLog } from '../program-log.ts';
import { preflight, rootCheck } from '../preflight.ts';
import { stagePrinter } from '../stage-printer.ts';
import { supervisorRun, type Progress } from '../supervisor.ts';
import { systemdNotify } from '../systemd.ts';
import { summaryText } from '../summary.ts';

export const upCommand: Command = {
  name: 'up',
  usage: `welkin up - start the cloud of this machine, or find it running

${cloudOptionsHelp}
  --foreground        stay in the foreground (for systemd); ends with SIGTERM
  --json              print the result as JSON

examples:
  welkin up
  welkin up --listen 0.0.0.0:5000                           reachable from other machines, over TLS
  welkin up --state-dir /srv/two --listen 127.0.0.1:5100    a second cloud beside the first`,
  options: { ...cloudOptions, foreground: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(input) {
    rootCheck();
    const cloud = cloudWanted(input);
    if (supervisorRunning(cloud.layout) !== null) return alreadyRunning(cloud, input);
    // The program that follows lockHold is this one again, and the folder of the lock is made by then.
    if (isSet(input, 'foreground')) return foreground(cloud);
    await preflight(cloud);
    runFolderEnsure(cloud);
    return background(cloud, input);
  },
};

function alreadyRunning(wanted: Cloud, input: CommandInput): number {
  const cloud = cloudStarted(wanted.layout.stateDir) ?? wanted;
  console.log(summaryText(cloud, 'is already running', isSet(input, 'json')));
  if (JSON.stringify(cloud.configuration) !== JSON.stringify(wanted.configuration))
    console.error(
      'its settings differ from those you gave now; to use them: welkin down, then welkin up',
    );
  return exitCodes.ok;
}

function runFolderEnsure({ layout }: Cloud): void {
  folderEnsure(layout.stateDir, { mode: 0o711 });
  folderEnsure(layout.runDir, { mode: 0o711 });
  folderEnsure(layout.logDir, { mode: 0o700 });
}

/** Starts the supervisor in a session of its own and waits for its word. */
async function background(cloud: Cloud, input: CommandInput): Promise<number> {
  const { layout } = cloud;
  const child = supervisorStart(cloud, input);
  const stages = stagePrinter(console.error);
  const interrupt = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const last = await lastWord(child, stages.show);
  stages.end();
  if (last.kind === 'failed') throw new UserError(last.message);
  child.disconnect();
  child.unref();
  console.log(summaryText({ ...cloud, layout }, 'is up', isSet(input, 'json')));
  return exitCodes.ok;
}

function supervisorStart({ layout }: Cloud, input: CommandInput): ChildProcess {
  const log = logFileOpen(join(layout.logDir, 'supervisor.log'));
  const words = ['state-dir', 'config', 'listen'].flatMap((name) => {
    const value = input.values[name];
    return typeof value === 'string' ? [`--${name}`, value] : [];
  });
  const [file, ...argv] = lockedArgv(layout.supervisorLock, [
    process.execPath,
    process.argv[1] ?? '',
    'up',
    '--foreground',
    ...words,
  ]);
  try {
    return spawn(file, argv, {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, ...lockedEnvironment(layout.supervisorLock) },
    });
  } finally {
    closeSync(log);
  }
}

/** Ready, or why not. */
function lastWord(child: ChildProcess, show: (progress: Progress) => void): Promise<Progress> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      const progress = message as Progress;
      if (progress.kind === 'stage') show(progress);
      else resolve(progress);
    });
    child.once('error', (error) => resolve({ kind: 'failed', message: error.message }));
    child.once('exit', (code, signal) =>
      resolve({ kind: 'failed', message: endText(code, signal) }),
    );
  });
}

function endText(code: number | null, signal: NodeJS.Signals | null): string {
  if (code === lockTaken)
    return 'another welkin starts or stops this cloud at this moment; try again when it is done';
  if (signal === null && code === 0)
    return 'the start was interrupted; what had been started was stopped';
  return `the supervisor ended before the cloud was up (${signal ?? `code ${code ?? '?'}`}); see supervisor.log`;
}

async function foreground(cloud: Cloud): Promise<number> {
  if (process.env['WELKIN_LOCK'] !== cloud.layout.supervisorLock) {
    await preflight(cloud);
    runFolderEnsure(cloud);
    lockHold(cloud.layout.supervisorLock);
  }
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.on('SIGTERM', end).on('SIGINT', end);
  const log = programLog(cloud, 'supervisor');
  const progress = progressTell(cloud);
  try {
    await supervisorRun({ cloud, log, signal: stop.signal, progress });
    log.info('supervisor ended');
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    log.error(error.message);
    progress({ kind: 'failed', message: error.message });
    return error.exitCode;
  } finally {
    if (process.connected) process.disconnect?.();
  }
}

/** To `up` when it started us, else to systemd and the terminal. */
function progressTell(cloud: Cloud): (progress: Progress) => void {
  const tell = process.send?.bind(process);
  if (tell !== undefined)
    return (progress) => {
      if (process.connected) tell(progress);
    };
  return (progress) => {
    if (progress.kind === 'failed') console.error(`welkin: ${progress.message}`);
    if (progress.kind !== 'ready') return;
    systemdNotify('READY=1');
    console.log(summaryText(cloud, 'is up', false));
  };
}
