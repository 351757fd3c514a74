import { readFile, statfs } from 'node:fs/promises';
import { arch, cpus, hostname, loadavg, release, totalmem, uptime } from 'node:os';
import type { HostFacts } from './api.ts';
import { commandRun } from './command.ts';
import { AgentFailure } from './failure.ts';

export async function bootIdRead(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** `7.2.22` */
export async function qemuVersionRead(binary: string): Promise<string> {
  const text = await commandRun([binary, '--version']);
  const [, version] = /version (\d+\.\d+\.\d+)/.exec(text) ?? [];
  if (version === undefined) throw new AgentFailure('qemu', `${binary} does not tell its version`);
  return version;
}

export async function hostFactsRead(
  stateDir: string,
  known: Pick<HostFacts, 'accel' | 'cpuModel' | 'qemuVersion' | 'bootId'>,
): Promise<HostFacts> {
  const { bsize, blocks, bavail } = await statfs(stateDir);
  const gib = (count: number): number => Math.floor((count * bsize) / 2 ** 30);
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    hostname: hostname(),
    vcpus: cpus().length,
    memoryMib: Math.floor(totalmem() / 2 ** 20),
    diskGib: gib(blocks),
    diskFreeGib: gib(bavail),
    ...known,
    cpuArch: arch() === 'x64' ? 'x86_64' : arch(),
    kernel: release(),
    uptimeSec: Math.floor(uptime()),
    loadAverage: [one, five, fifteen],
  };
}
