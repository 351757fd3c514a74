import { readFile } from 'node:fs/promises';
import { conflict } from '../../kernel/errors.ts';
import type { ServerDiagnostics } from '../api.ts';
import { diskNode, type Machine } from '../qemu/machine.ts';
import type { ServerHost } from './host.ts';
import type { Server } from './server.ts';

/** The kernel counts a thread's time in hundredths of a second, wherever Debian runs. */
const tickNs = 10_000_000;

interface BlockStats {
  readonly qdev?: string;
  readonly stats: {
    readonly rd_bytes: number;
    readonly rd_operations: number;
    readonly wr_bytes: number;
    readonly wr_operations: number;
    readonly failed_rd_operations: number;
    readonly failed_wr_operations: number;
  };
}

export async function serverDiagnostics(
  host: ServerHost,
  server: Server,
): Promise<ServerDiagnostics> {
  const { process, machine } = server;
  if (process === null || machine === null) throw conflict(`Server ${server.id} has no process.`);
  const { qmp, pid } = process;
  const [cpus, balloon, blocks, nics] = await Promise.all([
    qmp.execute<readonly { 'cpu-index': number; 'thread-id': number }[]>('query-cpus-fast'),
    qmp.execute<{ actual: number }>('query-balloon'),
    qmp.execute<readonly BlockStats[]>('query-blockstats'),
    Promise.all(
      machine.nics.map(({ portId, networkId }) => host.network.nicCounters(portId, networkId)),
    ),
  ]);
  return {
    state: process.state,
    uptimeSec: Math.floor((host.clock.now() - server.startedAt) / 1000),
    cpus: await Promise.all(
      cpus.map(async (cpu) => ({
        id: cpu['cpu-index'],
        timeNs: await threadTimeNs(pid, cpu['thread-id']),
      })),
    ),
    memory: { maximumMib: machine.ramMib, usedMib: Math.round(balloon.actual / 2 ** 20) },
    disks: disksOf(machine, blocks),
    nics,
  };
}

async function threadTimeNs(pid: number, tid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/task/${tid}/stat`, 'latin1').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickNs;
}

const disksOf = (machine: Machine, blocks: readonly BlockStats[]): ServerDiagnostics['disks'] =>
  machine.disks.flatMap(({ id }) => {
    const name = `${diskNode(id)}-device`;
    const found = blocks.find(({ qdev }) => qdev?.includes(`/${name}/`) === true || qdev === name);
    if (found === undefined) return [];
    const { stats } = found;
    return {
      id,
      readBytes: stats.rd_bytes,
      readRequests: stats.rd_operations,
      writeBytes: stats.wr_bytes,
      writeRequests: stats.wr_operations,
      errors: stats.failed_rd_operations + stats.failed_wr_operations,
    };
  });
