import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { textOf, UserError, type CommandInput } from './command.ts';
import type { Configuration } from './configuration.model.ts';
import { layoutOf, type Layout } from './layout.ts';
import { runningRead, type Running } from './running.ts';

/** One cloud of this machine: where it lives and how it is set up. */
export interface Cloud {
  readonly layout: Layout;
  readonly configuration: Configuration;
}

export const stateDirOf = (input: CommandInput): string =>
  pathReal(resolve(textOf(input, 'state-dir') ?? '/var/lib/welkin'));

/** One name for one place, before and after it exists: the names of namespaces are made from it. */
function pathReal(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  return path === dirname(path) ? path : join(pathReal(dirname(path)), basename(path));
}

/** As it was last started; null when this state directory has never seen a start. */
export function cloudStarted(stateDir: string): Cloud | null {
  const layout = layoutOf(stateDir);
  if (!existsSync(layout.configurationFile)) return null;
  const configuration = JSON.parse(readFileSync(layout.configurationFile, 'utf8')) as Configuration;
  return { layout, configuration };
}

/** For commands that need a cloud that was started. */
export function cloudStartedOrFail(stateDir: string): Cloud {
  const cloud = cloudStarted(stateDir);
  if (cloud !== null) return cloud;
  throw new UserError(
    `there is no cloud in ${stateDir}; start one with: welkin up --state-dir ${stateDir}`,
    3,
  );
}

export const supervisorRunning = (layout: Layout): Running | null =>
  runningRead(layout.supervisorFile);
