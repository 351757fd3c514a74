import type { Clock } from '../../kernel/clock.ts';
import { AgentFailure } from '../failure.ts';
import {
  netdevId,
  netdevProperties,
  nicDevice,
  nicProperties,
  type MachineNic,
} from './machine.ts';
import { QmpError, type Qmp } from './qmp.ts';

/** How long a guest, which may still be booting, gets to let go of an interface. */
const unplugLimitMs = 90_000;
/**
 * QEMU refuses to ask the guest again earlier. To ask is to press a button, and to press it again while the guest still
 * counts its five seconds takes the first press back (PCI Express, attention button): a slow guest gets longer each time.
 */
const unplugFirstMs = 6000;

/** Ports whose interfaces the machine has, by the ids we gave them. */
export async function nicsPlugged(qmp: Qmp): Promise<ReadonlySet<string>> {
  const devices = await qmp.execute<readonly { name: string }[]>('qom-list', {
    path: '/machine/peripheral',
  });
  const prefix = nicDevice('');
  const nics = devices.filter(({ name }) => name.startsWith(prefix));
  return new Set(nics.map(({ name }) => name.slice(prefix.length)));
}

export async function nicPlug(qmp: Qmp, nic: MachineNic, ifname: string): Promise<void> {
  // What an earlier try left of the host's side would stand in the way.
  await qmp.execute('netdev_del', { id: netdevId(nic) }).catch(ignoreRefusal);
  await qmp.execute('netdev_add', netdevProperties(nic, ifname));
  try {
    await qmp.execute('device_add', nicProperties(nic));
  } catch (error) {
    await qmp.execute('netdev_del', { id: netdevId(nic) }).catch(ignoreRefusal);
    throw new AgentFailure('qemu', `interface ${nic.portId} cannot be plugged in`, error);
  }
}

/** Asks the guest to let go and waits until it did; false: interrupted. */
export async function nicUnplug(
  qmp: Qmp,
  nic: MachineNic,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<boolean> {
  const device = nicDevice(nic.portId);
  const deadline = clock.now() + unplugLimitMs;
  for (let timeoutMs = unplugFirstMs; ; timeoutMs *= 2) {
    // The event also comes for the inner device, without its id.
    const deleted = qmp.eventWait(
      ({ event, data }) => event === 'DEVICE_DELETED' && data['device'] === device,
      { timeoutMs, signal },
    );
    deleted.catch(() => {});
    try {
      await qmp.execute('device_del', { id: device });
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      if (error.kind === 'DeviceNotFound') break;
    }
    if ((await deleted) !== null) break;
    if (signal.aborted) return false;
    if (clock.now() > deadline) {
      throw new AgentFailure('qemu', `the guest does not let go of interface ${nic.mac}`);
    }
  }
  await qmp.execute('netdev_del', { id: netdevId(nic) }).catch(ignoreRefusal);
  return true;
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof QmpError)) throw error;
}
