import { join } from 'node:path';
import { systemClock } from '../../kernel/clock.ts';
import { cloudStartedOrFail, stateDirOf } from '../cloud.ts';
import { exitCodes, isSet, UserError, type Command } from '../command.ts';
import { keyNextWaitMs, keysRotate } from '../key-ring.ts';
import { lockHold } from '../lock.ts';
import { rootCheck } from '../root-check.ts';

/** As long as services may still have an expired token validated, and an hour for clocks. */
const graceMs = (48 + 1) * 3_600_000;

export const keysCommand: Command = {
  name: 'keys',
  usage: `welkin keys rotate - sign tokens with a new key from now on

Tokens that are out stay valid: older keys verify until the last token that they signed has expired, then the next
rotation removes them. Running programs notice by themselves; nobody is logged out and nothing is restarted. It may be
repeated at any time, also after an interruption; once a month or when somebody leaves is enough.

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)
  --json              print the result as JSON

examples:
  welkin keys rotate
  0 4 1 * * root /opt/welkin/welkin keys rotate      (a line for /etc/cron.d)`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    json: { type: 'boolean' },
  },
  words: ['rotate'],
  async run(input) {
    rootCheck();
    if (input.positionals[0] !== 'rotate')
      throw new UserError('say what to do with them: welkin keys rotate', exitCodes.usage);
    const { layout, configuration } = cloudStartedOrFail(stateDirOf(input));
    lockHold(join(layout.runDir, 'keys.lock'));
    const directory = layout.tokenKeyDir;
    await systemClock.sleep(keyNextWaitMs(directory, systemClock.now()));
    const nowMs = systemClock.now();
    const keepMs = configuration.tokenLifeSec * 1000 + graceMs;
    const { primary, removed, kept } = keysRotate(directory, { nowMs, keepMs });
    if (isSet(input, 'json')) {
      console.log(JSON.stringify({ primary, kept, removed }));
      return exitCodes.ok;
    }
    const older = kept.filter((number) => number !== primary);
    console.log(
      `Key ${primary} signs tokens now.` +
        (older.length > 0 ? ` Still verifying: ${older.join(', ')}.` : '') +
        (removed.length > 0 ? ` Removed: ${removed.join(', ')}.` : ''),
    );
    return exitCodes.ok;
  },
};
