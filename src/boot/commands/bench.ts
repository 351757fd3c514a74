import { join } from 'node:path';
import { benchesFind, benchesRun, reportText } from '../../../tools/bench/run.ts';
import { exitCodes, isSet, UserError, type Command } from '../command.ts';
import { rootCheck } from '../root-check.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'tools', 'bench');

export const benchCommand: Command = {
  name: 'bench',
  usage: `welkin bench [NAME...] - measure this program on this machine; without a name everything

  --list              only say what there is to measure
  --json              print the figures as JSON

A ratio above 1 means that a target is met with that much to spare. Measure on a machine that does nothing else.

examples:
  welkin bench
  welkin bench start idle --json`,
  options: { list: { type: 'boolean' }, json: { type: 'boolean' } },
  words: ['NAME...'],
  async run(input) {
    const all = await benchesFind(folder);
    const unknown = input.positionals.find((name) => all.every((one) => one.name !== name));
    if (unknown !== undefined)
      throw new UserError(
        `there is no bench "${unknown}"; see welkin bench --list`,
        exitCodes.usage,
      );
    const chosen = all.filter(
      ({ name }) => input.positionals.length === 0 || input.positionals.includes(name),
    );
    if (isSet(input, 'list')) {
      for (const { name, about } of chosen) console.log(`${name.padEnd(16)} ${about}`);
      return exitCodes.ok;
    }
    rootCheck();
    const report = await benchesRun(chosen, console.error);
    console.log(isSet(input, 'json') ? JSON.stringify(report, null, 2) : reportText(report));
    return report.benches.every(({ error }) => error === '') ? exitCodes.ok : exitCodes.failed;
  },
};
