import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Log } from '../../kernel/log.ts';
import { systemClock as clock } from '../../kernel/clock.ts';

/** A worker that ends at once again and again shall not eat the machine. */
const restartMs = 200;

export interface Workers {
  readonly count: number;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Once all of them serve. */
  readonly ready: () => void;
}

/** Keeps programs like this one running, told apart by `--worker`, until the signal. They end when this one does. */
export async function workersRun({ count, log, signal, ready }: Workers): Promise<void> {
  const serving = new Set<number>();
  const keep = async (number: number): Promise<void> => {
    while (!signal.aborted) {
      const words = [...process.execArgv, ...process.argv.slice(1), '--worker', String(number)];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 1, 2, 'ipc'] });
      child.on('message', () => {
        if (serving.size < count && serving.add(number).size === count) ready();
      });
      const end = (): void => void child.kill('SIGTERM');
      signal.addEventListener('abort', end, { once: true });
      const [code, killedBy] = (await once(child, 'exit')) as [number | null, string | null];
      signal.removeEventListener('abort', end);
      if (signal.aborted) return;
      log.warning('a worker ended and is started again', { number, code, killedBy });
      await clock.sleep(restartMs, signal);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, number) => keep(number)));
}
