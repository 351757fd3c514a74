import { cloudStarted, stateDirOf } from '../cloud.ts';
import { exitCodes, isSet, type Command } from '../command.ts';
import { rootCheck } from '../root-check.ts';
import { statusRead, type Health, type Status } from '../status.ts';

const codes: Readonly<Record<Health, number>> = {
  running: exitCodes.ok,
  stopped: exitCodes.notRunning,
  degraded: exitCodes.degraded,
};

export const statusCommand: Command = {
  name: 'status',
  usage: `welkin status - how the cloud of this machine is

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)
  --json              print everything as JSON

The exit code is 0 when all is well, 3 when the cloud is stopped, 4 when something of it does not work.

examples:
  welkin status
  welkin status --json | jq .programs`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    json: { type: 'boolean' },
  },
  async run(input) {
    rootCheck();
    const stateDir = stateDirOf(input);
    const cloud = cloudStarted(stateDir);
    if (cloud === null) {
      const none = { health: 'stopped', problems: [`there is no cloud in ${stateDir}`] };
      console.log(
        isSet(input, 'json') ? JSON.stringify(none) : `There is no cloud in ${stateDir}.`,
      );
      return exitCodes.notRunning;
    }
    const status = await statusRead(cloud);
    console.log(isSet(input, 'json') ? JSON.stringify(status, null, 2) : statusText(status));
    return codes[status.health];
  },
};

function statusText(status: Status): string {
  const { guests, programs, apis, host, counts } = status;
  const memory = sum(guests.map(({ pssMib }) => pssMib ?? 0));
  const own = sum(programs.map(({ pssMib }) => pssMib ?? 0));
  const guestLine = `guests      ${guests.length} running, ${memory.toFixed(0)} MiB`;
  const state = { running: 'is running', stopped: 'is stopped', degraded: 'runs, but not well' };
  const lines = [
    `The cloud in ${status.stateDir} ${state[status.health]} (welkin ${status.version}).`,
    '',
  ];
  for (const { name, pid, pssMib, uptimeSec } of programs)
    lines.push(
      `${name.padEnd(12)}pid ${pid}, ${(pssMib ?? 0).toFixed(0)} MiB, up ${duration(uptimeSec)}`,
    );
  if (programs.length > 0) lines.push(`${'together'.padEnd(12)}${own.toFixed(0)} MiB`);
  lines.push(guestLine);
  if (counts !== null)
    lines.push(
      `servers     ${counts.servers}`,
      `agents      ${counts.agentsUp} of ${counts.agents} up`,
    );
  if (host !== null)
    lines.push(
      `host        ${host.vcpus} CPUs, ${host.memoryMib} MiB, ${host.diskFreeGib} of ${host.diskGib} GiB free, ` +
        `${host.accel === 'kvm' ? 'KVM' : 'emulation (no KVM)'}, QEMU ${host.qemuVersion}`,
    );
  for (const { service, url, isUp, reason } of apis)
    lines.push(`${service.padEnd(14)}${isUp ? url : `DOES NOT ANSWER (${reason})`}`);
  if (status.problems.length > 0)
    lines.push('', ...status.problems.map((problem) => `! ${problem}`));
  return lines.join('\n');
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}
