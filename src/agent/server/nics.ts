/** Interfaces of a running guest follow its document: out with what is not wanted, in with what is missing. */
import type { ServerWanted } from '../api.ts';
import { AgentFailure } from '../failure.ts';
import { nicPlug, nicsPlugged, nicUnplug } from '../qemu/hotplug.ts';
import { slotFree, type Machine, type MachineNic } from '../qemu/machine.ts';
import type { Qmp } from '../qemu/qmp.ts';
import { nicsToPlug, nicsToUnplug } from './hardware.ts';
import type { ServerHost } from './host.ts';

export interface RunningMachine {
  readonly qmp: Qmp;
  readonly machine: Machine;
  /** Keeps it for the next agent. */
  machineSet(machine: Machine): Promise<void>;
}

export async function nicsEnsure(
  host: ServerHost,
  running: RunningMachine,
  { wanted, signal }: { wanted: ServerWanted; signal: AbortSignal },
): Promise<void> {
  let nics = running.machine.nics;
  const nicsSet = async (next: readonly MachineNic[]): Promise<void> => {
    nics = next;
    await running.machineSet({ ...running.machine, nics });
  };
  for (const nic of nicsToUnplug(wanted, running.machine)) {
    if (!(await nicUnplug(running.qmp, nic, { clock: host.clock, signal }))) return;
    await host.network.tapRemove(nic.portId);
    await nicsSet(nics.filter(({ portId }) => portId !== nic.portId));
  }
  for (const wantedNic of nicsToPlug(wanted, { ...running.machine, nics })) {
    networkOrThrow(host, wantedNic.networkId);
    const slot = slotFree(nics);
    if (slot === null) throw new AgentFailure('qemu', 'the server has no slot for an interface');
    const nic: MachineNic = { ...wantedNic, slot };
    const before = nics;
    // First written, then done: what is plugged in is always known.
    await nicsSet([...nics, nic]);
    try {
      await nicAdd(host, running.qmp, nic);
    } catch (error) {
      const plugged = await nicsPlugged(running.qmp);
      if (!plugged.has(nic.portId)) {
        await host.network.tapRemove(nic.portId);
        await nicsSet(before);
      }
      throw error;
    }
  }
}

async function nicAdd({ network }: ServerHost, qmp: Qmp, nic: MachineNic): Promise<void> {
  // A tap that an earlier try left may be in the tenant's namespace already, out of QEMU's reach.
  await network.tapRemove(nic.portId);
  await nicPlug(qmp, nic, await network.tapEnsure(nic.portId, nic.mtu));
  await network.tapPlug(nic.portId, nic.networkId);
}

export function networkOrThrow({ network }: ServerHost, id: string) {
  const found = network.network(id);
  if (found === null) throw new AgentFailure('no_network', `network ${id} is not on this host`);
  return found;
}
