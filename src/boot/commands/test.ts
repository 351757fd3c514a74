import { suitesRun } from '../../../tools/test/run.ts';
import { suites, type Suite } from '../../../tools/test/suites.ts';
import { tallyText } from '../../../tools/test/tally.ts';
import { exitCodes, isSet, UserError, type Command } from '../command.ts';

const width = Math.max(...suites.map(({ name }) => name.length));

export const testCommand: Command = {
  name: 'test',
  usage: `welkin test [SUITE...] - run the project's tests; without a name all suites

${suites.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`).join('\n')}

  --all               slow tests too (the whole of Tempest, the long fault runs)

examples:
  welkin test unit
  welkin test contract fault --all

The last line is the sum: N passed, N failed, N skipped.`,
  options: { all: { type: 'boolean' } },
  words: ['SUITE...'],
  async run(input) {
    // Tests make folders that guests must enter.
    process.umask(0o022);
    process.chdir(new URL('../../..', import.meta.url).pathname);
    const stop = new AbortController();
    const end = (): void => stop.abort();
    process.on('SIGINT', end).on('SIGTERM', end);
    const total = await suitesRun(suitesNamed(input.positionals, isSet(input, 'all')), {
      all: isSet(input, 'all'),
      signal: stop.signal,
      print: console.log,
    });
    console.log(tallyText(total));
    return total.failed === 0 && !stop.signal.aborted ? exitCodes.ok : exitCodes.failed;
  },
};

function suitesNamed(names: readonly string[], all: boolean): readonly Suite[] {
  if (names.length === 0) return suites.filter(({ long }) => all || long === undefined);
  return names.map((name) => {
    const suite = suites.find((one) => one.name === name);
    if (suite !== undefined) return suite;
    const known = suites.map((one) => one.name).join(', ');
    throw new UserError(`there is no suite "${name}"; there are ${known}`, exitCodes.usage);
  });
}
