import { processFacts, type ProcessFacts } from '../../src/boot/proc.ts';
import type { Cloud } from '../../test/support/cloud.ts';

/** A token of the administrator, by the stock client. */
export async function adminToken(cloud: Cloud): Promise<string> {
  const issued = await cloud.openstack('welkin', 'token', 'issue', '-f', 'json');
  return (issued as { id: string }).id;
}

/** Tells the processor time of control, in seconds since it was started. */
export async function controlCpuSec(cloud: Cloud): Promise<() => number> {
  const { programs } = JSON.parse(await cloud.welkin('status', '--json')) as {
    programs: (ProcessFacts & { readonly name: string })[];
  };
  const control = programs.find(({ name }) => name === 'control');
  if (control === undefined) throw new Error('control is not running');
  return () => processFacts(control.pid)?.cpuSec ?? Number.NaN;
}
