/**
 * A machine that a test can pull the plug of: processes, mounts and a boot id of its own. Its network is that of the test,
 * which must be in one of its own (`in-namespaces`) and loses what the kernel held of it, as with a power cut.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface MachineOptions {
  /** Words of a shell, run at every boot as an operator's /etc/fstab is. */
  readonly mounts?: string;
}

export interface Machine extends AsyncDisposable {
  /** What a program that shall run on the machine begins with. */
  readonly within: () => readonly string[];
  run(...argv: string[]): string;
  powerCut(): Promise<void>;
  boot(): Promise<void>;
}

/** The shell stays: the first process has to bury those whose parents are gone. */
const init = (mounts: string): string => `
mount -t tmpfs none /run
mkdir /run/netns
echo ${randomUUID()} > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
${mounts}
echo booted
cat`;

export async function machineBoot({ mounts = '' }: MachineOptions = {}): Promise<Machine> {
  assert.equal(process.env['WELKIN_OWN_NAMESPACES'], '1', 'run by `welkin test fault`');
  let shell: ChildProcess | null = null;
  const machine: Machine = {
    within: () => {
      const pid = String(shell?.pid);
      const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
      return ['nsenter', '--mount', '--pid', '--target', first];
    },
    run(...argv) {
      const [file = '', ...words] = [...machine.within(), ...argv];
      return execFileSync(file, words, { encoding: 'utf8' });
    },
    async powerCut() {
      if (shell === null) return;
      const exit = once(shell, 'exit');
      // Its child, the first process of the machine, dies with it, and all others with that.
      shell.kill('SIGKILL');
      await exit;
      shell = null;
      networkClear();
    },
    async boot() {
      const words = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
      shell = spawn('unshare', [...words, 'sh', '-e', '-c', init(mounts)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      assert(shell.stdout !== null);
      const [said] = await Promise.race([once(shell.stdout, 'data'), once(shell, 'exit')]);
      assert.equal(String(said), 'booted\n', 'the machine does not boot');
    },
    [Symbol.asyncDispose]: () => machine.powerCut(),
  };
  await machine.boot();
  return machine;
}

/** What a kernel that starts anew does not have. Namespaces went with the mounts and processes that held them. */
function networkClear(): void {
  const links = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as {
    ifname: string;
  }[];
  for (const { ifname } of links) {
    // The other end of a pair may have gone with the first.
    if (ifname !== 'lo') execFileSync('sh', ['-c', `ip link delete ${ifname} 2>/dev/null || true`]);
  }
  execFileSync('nft', ['flush', 'ruleset']);
}
