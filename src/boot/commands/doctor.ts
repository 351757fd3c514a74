import { cloudWanted } from '../cloud-wanted.ts';
import { cloudOptions, cloudOptionsHelp, exitCodes, isSet, type Command } from '../command.ts';
import { accelFinding } from '../doctor/accel-finding.ts';
import type { Finding } from '../doctor/finding.ts';
import { hostFindings } from '../doctor/host-findings.ts';
import { networkFindings } from '../doctor/network-findings.ts';
import { hostPrepare } from '../host-prepare.ts';
import { rootCheck } from '../root-check.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  usage: `welkin doctor - try on this machine what a cloud needs, and say what to do about what fails

${cloudOptionsHelp}
  --json              print the findings as JSON

Like up it first loads the kernel's network modules and opens /dev/net/tun to guests. Then it makes a small network in
namespaces of its own and removes it again, and runs a guest under KVM where the processor has it; running clouds are
not touched.
The exit code is 0 when nothing failed.

example:
  welkin doctor`,
  options: { ...cloudOptions, json: { type: 'boolean' } },
  async run(input) {
    rootCheck();
    const cloud = cloudWanted(input);
    await hostPrepare();
    const findings = [
      ...(await hostFindings(cloud)),
      await accelFinding(cloud),
      ...(await networkFindings()),
    ];
    if (isSet(input, 'json')) console.log(JSON.stringify(findings, null, 2));
    else console.log(findings.map(findingText).join('\n'));
    const isWell = findings.every(({ verdict }) => verdict !== 'failed');
    if (!isSet(input, 'json'))
      console.log(
        isWell ? '\nThis machine can run a cloud.' : '\nThis machine cannot run a cloud yet.',
      );
    return isWell ? exitCodes.ok : exitCodes.failed;
  },
};

const marks = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ', skipped: 'skipped ' };

function findingText({ name, verdict, detail, remedy }: Finding): string {
  const line = `${marks[verdict]} ${name.padEnd(34)} ${detail}`;
  return remedy === '' ? line : `${line}\n         -> ${remedy}`;
}
