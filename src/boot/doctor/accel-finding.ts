import { bootIdRead } from '../../agent/host-facts.ts';
import { accelPath } from '../../agent/host-agent.ts';
import { accelKnown, accelTry } from '../../agent/qemu/accel.ts';
import type { Cloud } from '../cloud.ts';
import { guestUid } from '../layout.ts';
import { failed, ok, warning, type Finding } from './finding.ts';

const name = 'accelerator of guests';
const emulated = 'guests are emulated (TCG), which is slow';
const remedy =
  'switch virtualization on in the BIOS; on a virtual machine: nested virtualization in its host';

/** Runs a guest as the agent does, and says what the cloud's guests will use. */
export async function accelFinding({ layout, configuration }: Cloud): Promise<Finding> {
  const { accel: wanted } = configuration.hypervisor;
  if (wanted === 'tcg') return ok(name, `${emulated}: hypervisor.accel says so`);
  const { accel, reason } = await accelTry({
    binary: 'qemu-system-x86_64',
    uid: guestUid,
    gid: guestUid,
  });
  if (wanted === 'kvm' && accel === 'tcg') {
    return failed(name, `hypervisor.accel asks for KVM, but ${reason}`, remedy);
  }
  const known = await accelKnown({ path: accelPath(layout.agentDir), bootId: await bootIdRead() });
  if (known !== null && known.accel !== accel) {
    const now = accel === 'kvm' ? 'KVM works now' : `KVM does not work now: ${reason}`;
    const then = known.reason ?? 'KVM worked';
    return warning(
      name,
      `${now}; when the agent tried, ${then}`,
      'boot the machine: the agent tries once per boot',
    );
  }
  return accel === 'kvm'
    ? ok(name, 'KVM: a guest of the test ran')
    : warning(name, `${emulated}: ${reason}`, remedy);
}
