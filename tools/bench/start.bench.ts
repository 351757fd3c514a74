import type { Bench } from './bench.ts';
import { measure } from './bench.ts';

export const bench: Bench = {
  name: 'start',
  about: 'from welkin up to every API answering, on a machine that is set up',
  async run(context) {
    const cloud = await context.cloud();
    const seconds: number[] = [];
    for (let round = 0; round < 5; round++) {
      await cloud.welkin('down');
      const startedMs = performance.now();
      await cloud.welkin('up');
      seconds.push((performance.now() - startedMs) / 1000);
    }
    const median = seconds.toSorted((a, b) => a - b)[2] ?? Number.NaN;
    return [measure('median of 5', median, 's', { target: { atMost: 2 } })];
  },
};
