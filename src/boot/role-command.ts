import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { causesOf } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { cloudStartedOrFail, stateDirOf, type Cloud } from './cloud.ts';
import { exitCodes, type Command } from './command.ts';
import type { Configuration } from './configuration.model.ts';
import type { objectUnitName } from './layout.ts';
import { lockHold } from './lock.ts';
import { privilegesDrop } from './privileges.ts';
import { programLog } from './program-log.ts';
import { rootCheck } from './root-check.ts';
import type { RoleRun } from './role.ts';

export type RoleName = 'agent' | 'control' | ReturnType<typeof objectUnitName>;

export interface Role {
  readonly name: RoleName;
  readonly usage: string;
  /** The account it runs as; null: root. */
  readonly uid: number | null;
  /** What it makes is closed to others (0o077), or it says so of each thing itself (0o022). */
  readonly umask: number;
  /** Imports whatever the role will ever import: its account may not be able to read the program's folder. */
  readonly load: (configuration: Configuration) => Promise<RoleRun>;
}

/** A role that has been told to end and has not after this long is ended. */
const endLimitMs = 18_000;

/** A role of the cloud as a program: the supervisor starts it, or a person who looks for a fault. */
export const roleCommand = (role: Role): Command => ({
  name: role.name,
  usage: role.usage,
  options: { 'state-dir': { type: 'string', default: '/var/lib/welkin' } },
  async run(input) {
    rootCheck();
    const cloud = cloudStartedOrFail(stateDirOf(input));
    lockHold(join(cloud.layout.runDir, `${role.name}.lock`));
    const run = await role.load(cloud.configuration);
    flushCompileCache();
    process.umask(role.umask);
    if (role.uid !== null) privilegesDrop(role.uid);
    return roleRun(role, cloud, run);
  },
});

async function roleRun(role: Role, cloud: Cloud, run: RoleRun): Promise<number> {
  const { configuration, layout } = cloud;
  const log = programLog(cloud, role.name);
  const { signal } = endSignal(log);
  try {
    const ready = (): void => {
      if (process.connected) process.send?.('ready');
    };
    await run({ configuration, layout, log, signal, ready });
    log.info('ended');
    return exitCodes.ok;
  } catch (error) {
    log.error('ended by an error', { causes: causesOf(error) });
    return exitCodes.failed;
  }
}

/** Aborted by SIGTERM, Ctrl-C, and when the supervisor is gone. */
function endSignal(log: Log): AbortController {
  const stop = new AbortController();
  const end = (reason: string) => (): void => {
    if (stop.signal.aborted) return;
    log.info('ending', { reason });
    stop.abort();
    setTimeout(() => {
      log.error(`did not end within ${endLimitMs} ms`);
      process.exit(exitCodes.failed);
    }, endLimitMs).unref();
  };
  process.on('SIGTERM', end('SIGTERM')).on('SIGINT', end('SIGINT'));
  process.once('disconnect', end('the supervisor is gone'));
  return stop;
}
