import { flatText } from './flat-text.ts';

/** Time as the services see it; tests bring their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `delayMs`, or at once when the signal is aborted; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** `2013-09-03T04:01:32Z`: the form most OpenStack APIs use. */
export const isoSeconds = (ms: number): string =>
  flatText(new Date(ms).toISOString().slice(0, 19), 'Z');

let minute = { number: Number.NaN, text: '' };

/** As `toISOString`, for texts that are made one after the other: of one minute they share all but the seconds. */
export function isoMilliseconds(ms: number): string {
  const number = Math.floor(ms / 60_000);
  if (number !== minute.number) {
    minute = { number, text: new Date(number * 60_000).toISOString().slice(0, 17) };
  }
  return `${minute.text}${((ms - number * 60_000) / 1000 + 100).toFixed(3).slice(1)}Z`;
}

/** `2013-09-03T04:01:32.000000Z`: Keystone's form, with six digits. */
export const isoMicroseconds = (ms: number): string =>
  flatText(new Date(ms).toISOString().slice(0, 23), '000Z');

/** `2026-01-02T03:04:05.678000`: where an API writes no zone, UTC is meant. */
export const isoNaive = (ms: number): string =>
  flatText(new Date(ms).toISOString().slice(0, 23), '000');
