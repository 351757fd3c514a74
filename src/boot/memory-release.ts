import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../kernel/clock.ts';

const lookEveryMs = 15_000;
/** Of one core, over that time. */
const idleShare = 0.05;

/**
 * V8 collects when more is asked of it: a program that was busy keeps the memory of its busiest moment for as long as nobody
 * asks, its young generation even when it collects. This gives it back in the first quiet moment, in some 100 ms.
 */
export async function memoryReleaseRun(clock: Clock, stop: AbortSignal): Promise<void> {
  let usedBefore = process.cpuUsage();
  let wasBusy = true;
  while (!stop.aborted) {
    await clock.sleep(lookEveryMs, stop);
    const { user, system } = process.cpuUsage(usedBefore);
    usedBefore = process.cpuUsage();
    const isIdle = (user + system) / 1000 < lookEveryMs * idleShare;
    if (isIdle && wasBusy) memoryRelease();
    wasBusy = !isIdle;
  }
}

let collect: NodeJS.GCFunction | null = null;

export function memoryRelease(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as NodeJS.GCFunction;
  }
  // Only the last resort gives back the young generation.
  collect({ type: 'major', flavor: 'last-resort' });
}
