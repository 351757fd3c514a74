import { chmodSync, existsSync, statSync } from 'node:fs';
import { commandRun } from '../agent/command.ts';

const modules = ['bridge', 'veth', 'vxlan', 'tun', 'br_netfilter', 'nf_conntrack'];
const tun = '/dev/net/tun';

/**
 * What a machine with udev has anyway: the kernel's network modules, and a tap device that everyone may open (to make
 * an interface with it still takes the right to do so). A module that is built in cannot be loaded, so failing is no
 * error here; `doctor` tries what counts.
 */
export async function hostPrepare(): Promise<void> {
  await commandRun(['modprobe', '--all', '--quiet', ...modules]).catch(() => '');
  if (existsSync(tun) && (statSync(tun).mode & 0o006) !== 0o006) chmodSync(tun, 0o666);
}
