import { runningEnd } from '../running.ts';
import { cloudStartedOrFail, stateDirOf, supervisorRunning } from '../cloud.ts';
import { exitCodes, type Command } from '../command.ts';
import { rootCheck } from '../preflight.ts';

export const downCommand: Command = {
  name: 'down',
  usage: `welkin down - stop the cloud of this machine; guests run on and are found again by welkin up

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin down`,
  options: { 'state-dir': { type: 'string', default: '/var/lib/welkin' } },
  async run(input) {
    rootCheck();
    const { layout } = cloudStartedOrFail(stateDirOf(input));
    const supervisor = supervisorRunning(layout);
    if (supervisor !== null) await runningEnd(supervisor, 45_000);
    console.log(supervisor === null ? 'The cloud was not running.' : 'The cloud is stopped.');
    return exitCodes.ok;
  },
};
