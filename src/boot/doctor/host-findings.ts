import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { commandRun } from '../../agent/command.ts';
import { cloudStarted, supervisorRunning, type Cloud } from '../cloud.ts';
import { UserError } from '../command.ts';
import { pathCheck, portCheck, rangeCheck } from '../preflight.ts';
import { failed, found, ok, warning, type Finding } from './finding.ts';

/** What can be known without making anything. */
export async function hostFindings(cloud: Cloud): Promise<Finding[]> {
  return [
    diskFinding(cloud.layout.stateDir),
    memoryFinding(),
    await clockFinding(cloud),
    await qemuFinding(),
    await tried('state directory', `${cloud.layout.stateDir} can be reached`, () =>
      pathCheck(cloud.layout.stateDir),
    ),
    await portFinding(cloud),
    await tried('external range', `${cloud.configuration.external.cidr} is free`, () =>
      rangeCheck(cloud),
    ),
  ];
}

/** A check of `up`, whose message holds the remedy after a semicolon. */
async function tried(
  name: string,
  detail: string,
  check: () => void | Promise<void>,
): Promise<Finding> {
  try {
    await check();
    return ok(name, detail);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [what = '', ...remedy] = error.message.split('; ');
    return failed(name, what, remedy.join('; '));
  }
}

async function portFinding(cloud: Cloud): Promise<Finding> {
  const { host, port } = cloud.configuration.listen;
  const running =
    supervisorRunning(cloud.layout) === null ? null : cloudStarted(cloud.layout.stateDir);
  if (running?.configuration.listen.port === port)
    return ok('API port', `${host}:${port} is held by this cloud, which runs`);
  return tried('API port', `${host}:${port} is free`, () => portCheck(cloud.configuration.listen));
}

const gib = 2 ** 30;

function diskFinding(stateDir: string): Finding {
  let folder = stateDir;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / gib;
  const detail = `${free.toFixed(1)} GiB free for ${stateDir}`;
  const remedy = 'make room, or put the cloud on a larger disk with --state-dir';
  if (free < 0.5) return failed('disk', detail, remedy);
  return free < 10 ? warning('disk', `${detail}; a few guests fit`, remedy) : ok('disk', detail);
}

function memoryFinding(): Finding {
  const available = /^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  const free = available === undefined ? freemem() / gib : Number(available) / 2 ** 20;
  const detail = `${availableParallelism()} CPUs, ${free.toFixed(1)} of ${(totalmem() / gib).toFixed(1)} GiB free`;
  return free < 1
    ? warning('CPUs and memory', detail, 'stop something else: a small guest needs about 200 MiB')
    : ok('CPUs and memory', detail);
}

/** Tokens and certificates are valid from now on, and logs are read in order of time. */
async function clockFinding({ layout }: Cloud): Promise<Finding> {
  const remedy = 'set the time and keep it: apt-get install chrony';
  const now = Date.now();
  const built = statSync(import.meta.filename).mtimeMs;
  const started = existsSync(layout.configurationFile)
    ? statSync(layout.configurationFile).mtimeMs
    : 0;
  const time = new Date(now).toISOString();
  for (const [what, then] of [
    ['this program was installed', built],
    ['this cloud was started', started],
  ] as const)
    if (then > now + 60_000) return failed('clock', `it shows ${time}, but ${what} later`, remedy);
  const synchronized = await commandRun(['timedatectl', 'show', '-P', 'NTPSynchronized']).catch(
    () => '',
  );
  if (synchronized.trim() === 'no')
    return warning('clock', `it shows ${time}, but is not synchronized`, remedy);
  return ok('clock', `${time}${synchronized.trim() === 'yes' ? ', synchronized' : ''}`);
}

const qemuFinding = (): Promise<Finding> =>
  found('QEMU', 'apt-get install qemu-system-x86 qemu-utils', async () => {
    const text = await commandRun(['qemu-system-x86_64', '-version']);
    return /version (\S+)/.exec(text)?.[1] ?? text.trim();
  });
