import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerWanted } from '../api.ts';
import type { Machine } from '../qemu/machine.ts';
import { jsonRead, jsonWrite } from '../storage/files.ts';
import { progressNone, type ServerProgress } from './converge.ts';

/** What the agent remembers of a server from one process of its own to the next. */
export interface ServerRecord {
  readonly progress: ServerProgress;
  /** Hardware of the newest process; a saved memory fits no other. */
  readonly machine: Machine | null;
  /** Null: there is none, and nothing is left of it. */
  readonly process: ProcessRecord | null;
}

export interface ProcessRecord {
  readonly incarnation: number;
  /** Boot of the machine that it belongs to. */
  readonly bootId: string;
  /** False until its monitor answered: such a process is as good as never started. */
  readonly isLaunched: boolean;
  readonly startedAt: number;
}

export const recordNone: ServerRecord = { progress: progressNone, machine: null, process: null };

/** The directory is the agent's own; `run` belongs to the guests' uid. */
export const serverPaths = (directory: string) => ({
  directory,
  wanted: join(directory, 'wanted.json'),
  record: join(directory, 'actual.json'),
  memory: join(directory, 'memory'),
  configDrive: join(directory, 'config.iso'),
  password: join(directory, 'password'),
  run: join(directory, 'run'),
  /** Not in `run`: the agent gives it away, and would give away what a guest put in its place. */
  outgoing: join(directory, 'outgoing.sock'),
  incoming: join(directory, 'run', 'incoming.sock'),
});

export type ServerPaths = ReturnType<typeof serverPaths>;

export const wantedRead = (paths: ServerPaths): Promise<ServerWanted | null> =>
  jsonRead<ServerWanted>(paths.wanted);

/** A power cut can leave the record unreadable; it also left no process, and disks speak for themselves. */
export async function recordRead(paths: ServerPaths): Promise<ServerRecord> {
  try {
    return (await jsonRead<ServerRecord>(paths.record)) ?? recordNone;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    await rm(paths.record, { force: true });
    return recordNone;
  }
}

/**
 * Most of it needs to survive this process only, because a power cut ends every guest anyway: then it is written
 * without waiting for the disk.
 */
export const recordWrite = (
  paths: ServerPaths,
  record: ServerRecord,
  { isDurable }: { isDurable: boolean },
): Promise<void> => jsonWrite(paths.record, record, { isDurable });
