import { setTimeout as wait } from 'node:timers/promises';
import { processFacts, type ProcessFacts } from '../../src/boot/proc.ts';
import type { Bench } from './bench.ts';
import { measure } from './bench.ts';

/** Until programs have given back what their start needed: one collection each, in their first quiet 15 s. */
const settleMs = 50_000;
const watchMs = 30_000;

export const bench: Bench = {
  name: 'idle',
  about: 'memory and processor of all our programs while nobody asks them anything',
  async run(context) {
    const cloud = await context.cloud();
    const { programs } = JSON.parse(await cloud.welkin('status', '--json')) as {
      programs: ProcessFacts[];
    };
    const read = (): ProcessFacts[] => programs.flatMap(({ pid }) => processFacts(pid) ?? []);
    context.print(`  waiting ${(settleMs + watchMs) / 1000} s`);
    await wait(settleMs);
    const before = read();
    await wait(watchMs);
    const after = read();
    const sum = (of: (one: ProcessFacts) => number, list: readonly ProcessFacts[]): number =>
      list.reduce((total, one) => total + of(one), 0);
    const cpuSec = sum((one) => one.cpuSec, after) - sum((one) => one.cpuSec, before);
    const memoryMib = sum((one) => one.pssMib ?? 0, after);
    return [
      measure('memory (PSS)', memoryMib, 'MiB', { target: { atMost: 250 } }),
      measure('programs', after.length, 'processes'),
      measure('processor', (cpuSec / (watchMs / 1000)) * 100, '% of a core', {
        target: { atMost: 1 },
      }),
    ];
  },
};
