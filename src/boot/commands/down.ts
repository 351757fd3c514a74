import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { guestsStop } from '../../agent/server/guests-stop.ts';
import { systemClock } from '../../kernel/clock.ts';
import { cloudStarted, stateDirOf } from '../cloud.ts';
import { exitCodes, isSet, UserError, type Command, type CommandInput } from '../command.ts';
import { layoutOf, type Layout } from '../layout.ts';
import { rootCheck } from '../root-check.ts';
import { guestPids } from '../proc.ts';
import { cloudPurge, isStateDir, mountsCheck, programsEnd } from '../purge.ts';

export const downCommand: Command = {
  name: 'down',
  usage: `welkin down - stop the cloud of this machine; guests run on and are found again by welkin up

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)
  --guests            stop the guests too, by their power button; the next welkin up starts them again
  --purge             stop everything and remove it: guests, networks, images, records, keys, configuration
  --yes               do not ask before that

examples:
  welkin down
  welkin down --guests                       before the machine is switched off
  welkin down --purge --state-dir /srv/two`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    guests: { type: 'boolean' },
    purge: { type: 'boolean' },
    yes: { type: 'boolean' },
  },
  async run(input) {
    rootCheck();
    const layout = layoutOf(stateDirOf(input));
    return isSet(input, 'purge') ? purge(layout, input) : stop(layout, isSet(input, 'guests'));
  },
};

/** Long enough for a guest that writes back its memory; one that does not listen is switched off then. */
const guestGraceMs = 60_000;

async function stop(layout: Layout, areGuestsMeant: boolean): Promise<number> {
  const wasRunning = await programsEnd(layout);
  if (areGuestsMeant) await guestsEnd(layout);
  const guests = guestPids(layout.stateDir).length;
  if (!wasRunning && guests === 0 && !isStateDir(layout))
    throw new UserError(`there is no cloud in ${layout.stateDir}`, exitCodes.notRunning);
  const rest = guests === 0 ? '' : `; ${guests} ${guests === 1 ? 'guest runs' : 'guests run'} on`;
  console.log(`The cloud in ${layout.stateDir} ${wasRunning ? 'is' : 'was'} stopped${rest}.`);
  return exitCodes.ok;
}

async function guestsEnd({ stateDir, agentDir }: Layout): Promise<void> {
  const count = guestPids(stateDir).length;
  if (count > 0)
    console.error(
      `welkin: stopping ${count} guests; those that do not listen are switched off after ${guestGraceMs / 1000} s`,
    );
  await guestsStop({
    stateDir: agentDir,
    clock: systemClock,
    graceMs: guestGraceMs,
    onStopped: (id) => console.error(`welkin: guest ${id} is stopped`),
  });
}

async function purge(layout: Layout, input: CommandInput): Promise<number> {
  const { stateDir } = layout;
  if (existsSync(stateDir) && !isSet(input, 'yes') && !(await isWanted(layout))) {
    console.log('Nothing was removed.');
    return exitCodes.failed;
  }
  const database = isStateDir(layout) ? cloudStarted(stateDir)?.configuration.databaseUrl : null;
  mountsCheck(layout);
  await cloudPurge(layout);
  console.log(`Nothing of the cloud in ${stateDir} is left on this machine.`);
  if (typeof database === 'string')
    console.log('Its PostgreSQL database is not on this machine alone and was not touched.');
  if (existsSync(stateDir)) console.log(`${stateDir} holds files that are not the cloud's: kept.`);
  return exitCodes.ok;
}

async function isWanted({ stateDir }: Layout): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UserError('--purge asks first and there is no terminal to ask on; add --yes');
  const guests = guestPids(stateDir).length;
  console.log(
    `This removes the cloud in ${stateDir} for good: ${guests} running guests, all disks, images, networks, users and keys.`,
  );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Remove it? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}
