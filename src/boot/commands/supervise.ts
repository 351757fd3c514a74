import { stateDirOf, type Cloud } from '../cloud.ts';
import { exitCodes, UserError, type Command } from '../command.ts';
import { layoutOf } from '../layout.ts';
import { programLog } from '../program-log.ts';
import { rootCheck } from '../root-check.ts';
import { configurationTake } from '../supervise-argv.ts';
import { summaryText } from '../summary.ts';
import { supervisorRun, type Progress } from '../supervisor.ts';
import { systemdNotify } from '../systemd.ts';

export const superviseCommand: Command = {
  name: 'supervise',
  usage: 'welkin supervise - keeps the programs of a cloud running; started by: welkin up',
  options: { 'state-dir': { type: 'string' } },
  async run(input) {
    rootCheck();
    const configuration = configurationTake();
    if (configuration === null)
      throw new UserError('this is started by: welkin up --foreground', exitCodes.usage);
    return supervise({ configuration, layout: layoutOf(stateDirOf(input)) });
  },
};

async function supervise(cloud: Cloud): Promise<number> {
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
    log.error('the cloud did not come up', { reason: error.message.split('\n')[0] });
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
