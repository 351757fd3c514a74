import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { fileWrite } from '../files.ts';
import type { OutsidePlace } from './outside.ts';

const followMs = 2_000;

const pathOf = (dataDir: string): string => join(dataDir, 'bytes.json');

/** Where the bytes of a store go since `migrate` was told so, with the secret; null: nobody said. */
export function bytesFileRead(dataDir: string): OutsidePlace | null {
  const path = pathOf(dataDir);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as OutsidePlace) : null;
}

export const bytesFileWrite = (dataDir: string, place: OutsidePlace): void =>
  fileWrite(pathOf(dataDir), `${JSON.stringify(place)}\n`, { mode: 0o600 });

/** A store that can be told, while it runs, where its bytes go. */
export interface Followed {
  readonly dataDir: string;
  /** From now on bytes go there. Nothing changes where the operator has said so at the start. */
  outsideUse(place: OutsidePlace | null): void;
}

/** A worker that runs uses the other store as soon as it is named; `migrate` waits for all of them. */
export async function bytesFollow(
  store: Followed,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let seenMs = 0;
  while (!signal.aborted) {
    const atMs = statSync(pathOf(store.dataDir), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (atMs !== seenMs) {
      seenMs = atMs;
      store.outsideUse(bytesFileRead(store.dataDir));
    }
    await clock.sleep(followMs, signal);
  }
}
