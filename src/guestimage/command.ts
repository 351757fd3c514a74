/** Programs of the host, called with argument lists, never through a shell. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { imageEpochSec } from './constants.ts';
import { TinyImageFailed } from './failure.ts';

const execute = promisify(execFile);

export interface CommandOptions {
  readonly cwd?: string;
}

export async function commandRun(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<void> {
  await commandResult(program, args, options);
}

export async function commandOutput(program: string, args: readonly string[]): Promise<string> {
  return (await commandResult(program, args)).stdout;
}

/** A failure carries the program's own words. */
export async function commandResult(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  try {
    return await execute(program, args, {
      ...options,
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        TZ: 'UTC',
        // The tools of the two file systems take the time from here: the image must not know when it was built.
        SOURCE_DATE_EPOCH: String(imageEpochSec),
        E2FSPROGS_FAKE_TIME: String(imageEpochSec),
        MTOOLS_SKIP_CHECK: '1',
      },
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    const printed = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    const reason = printed.split('\n').slice(-3).join('; ') || String(error);
    throw new TinyImageFailed(`${program} failed: ${reason}`, { cause: error });
  }
}
