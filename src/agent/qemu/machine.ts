/**
 * The virtual hardware of a server and the command line that makes it. Every device has a fixed address, so that a
 * saved memory finds the same machine again: disks are on the root bus, what is plugged in and out has a root port.
 */
import { join } from 'node:path';

export interface Machine {
  readonly id: string;
  readonly vcpus: number;
  readonly ramMib: number;
  /** `pc-q35-7.2`: a later QEMU makes the same machine of it. */
  readonly type: string;
  readonly accel: 'kvm' | 'tcg';
  readonly cpuModel: string;
  /** Memory for translated code; without a limit QEMU takes a GiB for it. */
  readonly tbSizeMib: number;
  readonly disks: readonly MachineDisk[];
  readonly nics: readonly MachineNic[];
}

export interface MachineDisk {
  readonly id: string;
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly isReadOnly: boolean;
}

export interface MachineNic {
  readonly portId: string;
  readonly networkId: string;
  readonly mac: string;
  readonly mtu: number;
  /** Number of its root port. */
  readonly slot: number;
}

/** Each costs a guest under TCG a twentieth of a second. */
export const slotCount = 12;
const diskCountMax = 16;

export const diskNode = (diskId: string): string => `disk-${diskId}`;
export const nicDevice = (portId: string): string => `nic-${portId}`;
const nicNetdev = (portId: string): string => `net-${portId}`;
const slotBus = (slot: number): string => `slot-${slot}`;

/** Files that QEMU makes; the directory belongs to the guests' uid. */
export const runPaths = (runDir: string) => ({
  qmp: join(runDir, 'qmp.sock'),
  serial: join(runDir, 'serial.sock'),
  vnc: join(runDir, 'vnc.sock'),
  guestAgent: join(runDir, 'qga.sock'),
  console: join(runDir, 'console.log'),
  pid: join(runDir, 'qemu.pid'),
  log: join(runDir, 'qemu.log'),
  incoming: join(runDir, 'incoming.sock'),
});

export interface Launch {
  readonly machine: Machine;
  readonly runDir: string;
  /** Names of taps by port id. */
  readonly taps: ReadonlyMap<string, string>;
  /** `incoming`: waits for a saved memory; `paused`: waits for `cont`. */
  readonly start: 'run' | 'paused' | 'incoming';
}

export function machineArgs({ machine, runDir, taps, start }: Launch): string[] {
  const { id, vcpus, ramMib, type, accel, cpuModel, tbSizeMib } = machine;
  const paths = runPaths(runDir);
  const acceleration = accel === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${tbSizeMib}`;
  return [
    ...['-name', `guest=${id},process=welkin-${id.slice(-9)}`, '-uuid', id],
    ...[
      '-machine',
      `${type},usb=off,memory-backend=ram0,smm=off,dump-guest-core=off`,
      '-accel',
      acceleration,
    ],
    ...['-cpu', cpuModel, '-smp', String(vcpus), '-m', String(ramMib)],
    ...['-object', `memory-backend-memfd,id=ram0,size=${ramMib}M,share=on`],
    ...['-nodefaults', '-no-user-config', '-boot', 'strict=on', '-rtc', 'base=utc,driftfix=slew'],
    '-sandbox',
    'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ...['-pidfile', paths.pid],
    ...['-chardev', socketServer('monitor', paths.qmp), '-mon', 'chardev=monitor,mode=control'],
    ...['-display', 'none', '-vnc', `unix:${paths.vnc}`],
    ...device('VGA', { id: 'video', vgamem_mb: 2, addr: '0x1' }),
    ...device('virtio-rng-pci', { id: 'rng', addr: '0x2' }),
    ...device('virtio-balloon-pci', { id: 'balloon', addr: '0x3' }),
    ...device('virtio-serial-pci', { id: 'virtio-serial', addr: '0x4' }),
    ...['-chardev', socketServer('guest-agent', paths.guestAgent)],
    ...device('virtserialport', { chardev: 'guest-agent', name: 'org.qemu.guest_agent.0' }),
    '-chardev',
    `${socketServer('serial', paths.serial)},logfile=${paths.console},logappend=on`,
    ...device('isa-serial', { chardev: 'serial' }),
    ...Array.from({ length: slotCount }, (_, slot) => slotArgs(slot)).flat(),
    ...machine.disks.flatMap(diskArgs),
    ...machine.nics.flatMap((nic) => nicArgs(nic, taps)),
    ...(start === 'paused' ? ['-S'] : []),
    ...(start === 'incoming' ? ['-incoming', 'defer'] : []),
  ];
}

const socketServer = (id: string, path: string): string =>
  `socket,id=${id},path=${path},server=on,wait=off`;

const device = (
  driver: string,
  properties: Readonly<Record<string, string | number | boolean>>,
): string[] => ['-device', JSON.stringify({ driver, ...properties })];

/** Eight root ports share one address as its functions. */
const slotArgs = (slot: number): string[] =>
  device('pcie-root-port', {
    id: slotBus(slot),
    chassis: slot + 1,
    port: slot + 1,
    addr: `0x${(5 + Math.floor(slot / 8)).toString(16)}.${slot % 8}`,
    multifunction: true,
  });

function diskArgs(disk: MachineDisk, index: number): string[] {
  if (index >= diskCountMax) throw new RangeError(`a server has at most ${diskCountMax} disks`);
  const file = { driver: 'file', filename: disk.path, aio: 'threads', discard: 'unmap' };
  const node = {
    'node-name': diskNode(disk.id),
    driver: disk.format,
    discard: 'unmap',
    'read-only': disk.isReadOnly,
    file,
  };
  return [
    ...['-blockdev', JSON.stringify(node)],
    ...device('virtio-blk-pci', {
      id: `${diskNode(disk.id)}-device`,
      drive: diskNode(disk.id),
      serial: disk.id,
      bootindex: index + 1,
      addr: `0x${(8 + index).toString(16)}`,
    }),
  ];
}

function nicArgs(nic: MachineNic, taps: ReadonlyMap<string, string>): string[] {
  const ifname = taps.get(nic.portId);
  if (ifname === undefined) throw new Error(`there is no tap for port ${nic.portId}`);
  return [
    ...['-netdev', JSON.stringify(netdevProperties(nic, ifname))],
    ...['-device', JSON.stringify(nicProperties(nic))],
  ];
}

export const netdevProperties = (nic: MachineNic, ifname: string) => ({
  type: 'tap',
  id: nicNetdev(nic.portId),
  ifname,
  script: 'no',
  downscript: 'no',
});

export const netdevId = (nic: MachineNic): string => nicNetdev(nic.portId);

export const nicProperties = (nic: MachineNic) => ({
  driver: 'virtio-net-pci',
  id: nicDevice(nic.portId),
  netdev: nicNetdev(nic.portId),
  bus: slotBus(nic.slot),
  mac: nic.mac,
  host_mtu: nic.mtu,
  romfile: '',
});

/** The lowest root port without a device; null when all are taken. */
export function slotFree(nics: readonly MachineNic[]): number | null {
  const taken = new Set(nics.map(({ slot }) => slot));
  for (let slot = 0; slot < slotCount; slot++) if (!taken.has(slot)) return slot;
  return null;
}
