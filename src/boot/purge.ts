import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hostNetworkOpen } from '../agent/network/linux.ts';
import { systemClock } from '../kernel/clock.ts';
import { silentLog } from '../kernel/log.ts';
import { UserError } from './command.ts';
import { guestUid, type Layout } from './layout.ts';
import { guestPids, pidsWhere } from './proc.ts';
import { runningEnd, runningOf, runningRead } from './running.ts';

const supervisorGraceMs = 45_000;
const programGraceMs = 20_000;

/** Ends the programs of a cloud, also those whose supervisor is gone. Resolves to whether there were any. */
export async function programsEnd(layout: Layout): Promise<boolean> {
  const supervisor = runningRead(layout.supervisorFile);
  if (supervisor !== null) await runningEnd(supervisor, supervisorGraceMs);
  const rest = programPids(layout.stateDir).flatMap((pid) => runningOf(pid) ?? []);
  await Promise.all(rest.map((program) => runningEnd(program, programGraceMs)));
  return supervisor !== null || rest.length > 0;
}

/** Found by their command lines: the folder that holds their records may be gone. */
const programPids = (stateDir: string): number[] =>
  pidsWhere((words) => {
    const at = words.indexOf('--state-dir');
    const role = words[words.findIndex((word) => word.endsWith('/src/main.ts')) + 1] ?? '';
    return ['supervise', 'agent', 'control', 'object'].includes(role) && words[at + 1] === stateDir;
  }).filter((pid) => pid !== process.pid);

/** Only who mounted something there knows whether it may be emptied. */
export function mountsCheck({ stateDir }: Layout): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const points = mounts.map((line) => line.split(' ')[1] ?? '');
  const below = points.find((point) => point.startsWith(`${stateDir}/`));
  if (below === undefined) return;
  throw new UserError(
    `${below} is a file system of its own, which this does not remove: welkin down --guests, umount ${below}, then purge again`,
  );
}

/** Everything that a cloud of this state directory made on this machine. Can be repeated, and begun at any state. */
export async function cloudPurge(layout: Layout): Promise<void> {
  await programsEnd(layout);
  const guests = guestPids(layout.stateDir).flatMap((pid) => runningOf(pid) ?? []);
  await Promise.all(guests.map((guest) => runningEnd(guest, 0)));
  await networkPurge(layout);
  filesPurge(layout);
}

async function networkPurge(layout: Layout): Promise<void> {
  const network = await hostNetworkOpen({
    cloud: layout.cloudId,
    stateDir: layout.agentDir,
    guestUid,
    resolvers: [],
    metadata: () => null,
    server: () => null,
    clock: systemClock,
    log: silentLog,
  });
  await network.purge();
}

/** Only what a cloud makes is removed: a mistyped --state-dir must not cost somebody else's files. */
function filesPurge(layout: Layout): void {
  const { stateDir } = layout;
  if (!isStateDir(layout)) {
    // The network's purge has looked for its documents there.
    if (existsSync(layout.agentDir)) emptyRemove(layout.agentDir);
    emptyRemove(stateDir);
    return;
  }
  const own = [
    'agent',
    'cache',
    'control',
    'log',
    'object',
    'tls',
    'clouds.yaml',
    'openrc',
    'welkin.toml',
  ];
  for (const name of own) rmSync(join(stateDir, name), { recursive: true, force: true });
  for (const name of readdirSync(stateDir).filter((one) => /^\..*\.new$/.test(one)))
    rmSync(join(stateDir, name), { force: true });
  // Last, because its lock tells that this is a state directory.
  rmSync(layout.runDir, { recursive: true, force: true });
  emptyRemove(stateDir);
}

/** Any of what the first start makes and nobody else would, so that half a cloud is recognized too. */
export const isStateDir = ({ supervisorLock, caKey, adminPasswordFile }: Layout): boolean =>
  [supervisorLock, caKey, adminPasswordFile].some((path) => existsSync(path));

function emptyRemove(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(code ?? '')) throw error;
  }
}
