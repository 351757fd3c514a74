import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { ServerActual } from '../api.ts';
import type { Gate } from '../../kernel/gate.ts';
import type { HostNetwork } from '../network/host-network.ts';
import type { QemuHost } from '../qemu/process.ts';
import type { DiskBuilder } from '../storage/disks.ts';

/** What the servers of a host share. */
export interface ServerHost {
  readonly qemu: QemuHost;
  readonly machineType: string;
  readonly accel: 'kvm' | 'tcg';
  readonly cpuModel: string;
  readonly tbSizeMib: number;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly network: HostNetwork;
  readonly disks: DiskBuilder;
  /** Bounds how many servers are built and started at a time. */
  readonly startGate: Gate;
  report(actual: ServerActual): void;
  /** Resolves when no disk of this server is copied any more, or none that has to stand still for it. */
  copiesEnd(serverId: string, which: 'all' | 'at-rest', signal: AbortSignal): Promise<void>;
}
