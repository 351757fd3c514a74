import { join } from 'node:path';
import type { Cloud } from './cloud.ts';
import type { Configuration } from './configuration.model.ts';
import type { Layout } from './layout.ts';
import { lockedEnvironment } from './lock.ts';

const programPath = join(import.meta.dirname, '..', 'main.ts');
const handedOver = 'WELKIN_CONFIGURATION';

/**
 * Bounds of the young generation, in MiB. What a long answer is made of should fit, or it is carried into the old one: with 8
 * a list of 1,000 servers takes half as much again. Who keeps a large one gives it back when nobody asks
 * (memory-release.ts); programs that have little to do are collected more often.
 */
const modest = '--max-semi-space-size=2';
const busy = '--max-semi-space-size=32';

export const superviseArgv = ({ stateDir }: Layout): readonly string[] => [
  process.execPath,
  modest,
  programPath,
  'supervise',
  '--state-dir',
  stateDir,
];

export const roleArgv = (
  name: 'agent' | 'control' | 'object',
  { stateDir }: Layout,
): readonly string[] => [
  process.execPath,
  name === 'agent' ? modest : busy,
  programPath,
  name,
  '--state-dir',
  stateDir,
];

export const objectArgv = (worker: number, layout: Layout): readonly string[] => [
  ...roleArgv('object', layout),
  ...(worker === 0 ? [] : ['--worker', String(worker)]),
];

/**
 * `up` has checked the configuration and hands it over whole, so that the supervisor, which stays, needs neither the
 * parser nor the schema. Only root can read the environment of a program of root.
 */
export const superviseEnvironment = ({ configuration, layout }: Cloud): NodeJS.ProcessEnv => ({
  ...process.env,
  ...lockedEnvironment(layout.supervisorLock),
  [handedOver]: JSON.stringify(configuration),
});

/** Null when it was not `up` that started this program. Programs it starts shall not have it. */
export function configurationTake(): Configuration | null {
  const text = process.env[handedOver];
  delete process.env[handedOver];
  return text === undefined ? null : (JSON.parse(text) as Configuration);
}
