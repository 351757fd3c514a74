import type { NicWanted, ServerWanted } from '../api.ts';
import type { Machine, MachineDisk, MachineNic } from '../qemu/machine.ts';
import type { DiskBuilt } from '../storage/disks.ts';
import type { ServerHost } from './host.ts';
import type { ServerPaths } from './record.ts';

/** The hardware of the next process, from the document and the disks that were built for it. */
export function machineOf(
  { machineType, accel, cpuModel, tbSizeMib }: ServerHost,
  {
    wanted,
    disks,
    paths,
  }: { wanted: ServerWanted; disks: readonly DiskBuilt[]; paths: ServerPaths },
): Machine {
  const drives: MachineDisk[] = disks.map(({ id, path, format }) => ({
    id,
    path,
    format,
    isReadOnly: false,
  }));
  if (wanted.configDrive) {
    drives.push({ id: 'config', path: paths.configDrive, format: 'raw', isReadOnly: true });
  }
  return {
    id: wanted.id,
    vcpus: wanted.vcpus,
    ramMib: wanted.ramMib,
    type: machineType,
    accel,
    cpuModel,
    tbSizeMib,
    disks: drives,
    nics: wanted.nics.map((nic, slot) => ({ ...nic, slot })),
  };
}

const isSame = (a: NicWanted, b: NicWanted): boolean =>
  a.portId === b.portId && a.networkId === b.networkId && a.mac === b.mac;

export const nicsToUnplug = ({ nics }: ServerWanted, machine: Machine): readonly MachineNic[] =>
  machine.nics.filter((plugged) => !nics.some((nic) => isSame(nic, plugged)));

export const nicsToPlug = ({ nics }: ServerWanted, machine: Machine): readonly NicWanted[] =>
  nics.filter((nic) => !machine.nics.some((plugged) => isSame(nic, plugged)));

export const nicsMatch = (wanted: ServerWanted, machine: Machine): boolean =>
  nicsToUnplug(wanted, machine).length === 0 && nicsToPlug(wanted, machine).length === 0;
