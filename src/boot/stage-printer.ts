import type { Progress, Stage } from './supervisor.ts';

const texts: Readonly<Record<Stage, string>> = {
  keys: 'making folders, keys and certificates',
  agent: 'starting the agent of this host',
  control: 'starting control and bringing the database up to date',
  object: 'starting the object store',
  apis: 'waiting for every API to answer',
};

const silentMs = 2000;

export interface StagePrinter {
  readonly show: (progress: Progress) => void;
  readonly end: () => void;
}

/** Says what takes longer than two seconds, and again every ten. */
export function stagePrinter(print: (line: string) => void): StagePrinter {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearTimeout(timer);
  return {
    end,
    show: (progress) => {
      if (progress.kind !== 'stage') return;
      end();
      const startedMs = performance.now();
      const say = (): void => {
        const seconds = Math.round((performance.now() - startedMs) / 1000);
        print(`welkin: ${texts[progress.stage]} (${seconds} s)`);
        timer = setTimeout(say, 10_000);
      };
      timer = setTimeout(say, silentMs);
    },
  };
}
