/** How many tests passed, failed and were skipped. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const noTests: Tally = { passed: 0, failed: 0, skipped: 0 };
export const oneFailed: Tally = { passed: 0, failed: 1, skipped: 0 };

export const tallyAdd = (a: Tally, b: Tally): Tally => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

export const tallyText = ({ passed, failed, skipped }: Tally): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/**
 * The sums at the end of a TAP report by node:test; null when the report has none, because the run was killed before
 * its end.
 */
export function tallyOfTap(report: string): Tally | null {
  const count = (name: string): number => {
    const match = new RegExp(`^# ${name} (\\d+)$`, 'm').exec(report);
    return match === null ? Number.NaN : Number(match[1]);
  };
  const passed = count('pass');
  const failed = count('fail') + count('cancelled');
  const skipped = count('skipped') + count('todo');
  return Number.isNaN(passed + failed + skipped) ? null : { passed, failed, skipped };
}

/** The last line of a program that counts for itself, as the runner of Tempest does. */
export function tallyOfLine(output: string): Tally | null {
  const matches = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)];
  const last = matches.at(-1);
  if (last === undefined) return null;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) };
}
