import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { cloudStarted, supervisorRunning, type Cloud } from '../cloud.ts';
import { cloudWanted } from '../cloud-wanted.ts';
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
import { lockedArgv, lockExec, lockTaken } from '../lock.ts';
import { logFileOpen } from '../log-file.ts';
import { preflight } from '../preflight.ts';
import { rootCheck } from '../root-check.ts';
import { stagePrinter } from '../stage-printer.ts';
import { superviseArgv, superviseEnvironment } from '../supervise-argv.ts';
import type { Progress } from '../supervisor.ts';
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
    await preflight(cloud);
    runFolderEnsure(cloud);
    if (!isSet(input, 'foreground')) return background(cloud, input);
    return lockExec(
      cloud.layout.supervisorLock,
      superviseArgv(cloud.layout),
      superviseEnvironment(cloud),
    );
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
  const child = supervisorStart(cloud);
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

function supervisorStart(cloud: Cloud): ChildProcess {
  const { layout } = cloud;
  const log = logFileOpen(join(layout.logDir, 'supervisor.log'));
  const [file, ...argv] = lockedArgv(layout.supervisorLock, superviseArgv(layout));
  try {
    return spawn(file, argv, {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: superviseEnvironment(cloud),
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
