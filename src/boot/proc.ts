import { readdirSync, readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** A process as `status` shows it. */
export interface ProcessFacts {
  readonly pid: number;
  /** Proportional set size: what would be free if it ended. Null when it may not be read. */
  readonly pssMib: number | null;
  readonly uptimeSec: number;
  readonly cpuSec: number;
}

const ticksPerSec = 100;

/** Null when there is no such process. */
export function processFacts(pid: number): ProcessFacts | null {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) / ticksPerSec;
  const pss = /^Pss:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/smaps_rollup`) ?? '');
  return {
    pid,
    pssMib: pss === null ? null : Math.round(Number(pss[1]) / 102.4) / 10,
    uptimeSec: Math.max(0, Math.round(uptime() - ticks(19))),
    cpuSec: Math.round((ticks(11) + ticks(12)) * 100) / 100,
  };
}

/** Processes whose command line passes a test. */
export function pidsWhere(test: (words: readonly string[]) => boolean): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const words = (textOf(`/proc/${pid}/cmdline`) ?? '').split('\0');
      return words[0] !== '' && test(words);
    })
    .map(Number);
}

/** The guests of one cloud, whether their agent runs or not: each has its disks in the cloud's folder. */
export const guestPids = (stateDir: string): number[] =>
  pidsWhere(
    ([program = '', ...words]) =>
      program.includes('qemu-system') && words.some((word) => word.includes(`${stateDir}/`)),
  );

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
