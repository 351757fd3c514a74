import { systemClock } from '../kernel/clock.ts';
import { logOpen, type Log } from '../kernel/log.ts';
import type { Cloud } from './cloud.ts';

/** To standard error, which the supervisor has bound to a file of its log folder. */
export const programLog = ({ configuration }: Cloud, program: string): Log =>
  logOpen(
    {
      level: configuration.logLevel,
      write: turnWriter((text) => void process.stderr.write(text)),
      now: () => systemClock.now(),
    },
    { program },
  );

/** Lines of one turn of the event loop are written with one system call; what waits at the end of the program too. */
function turnWriter(write: (text: string) => void): (line: string) => void {
  let waiting = '';
  const flush = (): void => {
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    write(text);
  };
  process.on('exit', flush);
  return (line) => {
    if (waiting === '') setImmediate(flush);
    waiting += line;
  };
}
