/** Ends every guest of a host whose agent does not run, as their owners would, so that the next agent starts them again. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { isUuid } from '../../kernel/ids.ts';
import { Gate } from '../../kernel/gate.ts';
import { processKill, processScan, qemuAdopt } from '../qemu/process.ts';
import { GuestProcess } from './guest-process.ts';
import { recordRead, recordWrite, serverPaths, type ServerPaths } from './record.ts';

export interface GuestsStopOptions {
  /** The agent's folder. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** How long a guest has after its power button was pressed. */
  readonly graceMs: number;
  readonly onStopped: (id: string) => void;
}

/** More at once would only take each other's processor time while they shut down. */
const stopsAtOnce = 16;

export async function guestsStop(options: GuestsStopOptions): Promise<void> {
  const directory = join(options.stateDir, 'servers');
  const ids = (await readdir(directory).catch(() => [])).filter(isUuid);
  const pids = await pidsById(directory);
  const gate = new Gate(stopsAtOnce);
  await Promise.all(
    ids.flatMap((id) => {
      const pid = pids.get(id);
      return pid === undefined
        ? []
        : gate.pass(() => guestStop(serverPaths(join(directory, id)), { id, pid }, options));
    }),
  );
}

async function guestStop(
  paths: ServerPaths,
  { id, pid }: { readonly id: string; readonly pid: number },
  { clock, graceMs, onStopped }: GuestsStopOptions,
): Promise<void> {
  try {
    const guest = new GuestProcess(clock, await qemuAdopt(pid, paths.run), () => {});
    await guest.look();
    await guest.powerOff(graceMs, AbortSignal.any([]));
    await guest.kill();
  } catch {
    // A guest whose monitor does not answer cannot be asked.
    await processKill(clock, pid);
  }
  // Without a process on record its end is nobody's doing, and the document still wants it to run.
  const record = await recordRead(paths);
  await recordWrite(paths, { ...record, process: null }, { isDurable: true });
  onStopped(id);
}

async function pidsById(directory: string): Promise<ReadonlyMap<string, number>> {
  const found = await processScan((argv) => {
    const pidFile = argv[argv.indexOf('-pidfile') + 1] ?? '';
    const server = dirname(dirname(pidFile));
    return argv.includes('-pidfile') && dirname(server) === directory
      ? server.slice(directory.length + 1)
      : null;
  });
  return new Map(found.map(({ pid, found: id }) => [id, pid]));
}
