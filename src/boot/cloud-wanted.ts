import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirOf, type Cloud } from './cloud.ts';
import { textOf, type CommandInput } from './command.ts';
import { configurationRead } from './configuration.ts';
import { layoutOf } from './layout.ts';

/** As the files and the command line want it; the running cloud may still have older settings. */
export function cloudWanted(input: CommandInput): Cloud {
  const stateDir = stateDirOf(input);
  const given = textOf(input, 'config');
  const candidates = given === undefined ? [join(stateDir, 'welkin.toml'), 'welkin.toml'] : [given];
  const path = given ?? candidates.find((candidate) => existsSync(candidate)) ?? null;
  return {
    layout: layoutOf(stateDir),
    configuration: configurationRead(path, textOf(input, 'listen'), textOf(input, 'object-listen')),
  };
}
