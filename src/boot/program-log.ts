import { systemClock } from '../kernel/clock.ts';
import { logOpen, type Log } from '../kernel/log.ts';
import type { Cloud } from './cloud.ts';

/** To standard error, which the supervisor has bound to a file of its log folder. */
export const programLog = ({ configuration }: Cloud, program: string): Log =>
  logOpen(
    {
      level: configuration.logLevel,
      write: (line) => void process.stderr.write(line),
      now: () => systemClock.now(),
    },
    { program },
  );
