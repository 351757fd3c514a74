/**
 * Whether this machine runs guests with KVM: `/dev/kvm` may be there and still hang a guest, so a guest is run. What it
 * found holds until the machine boots again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { access, chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, jsonRead, jsonWrite } from '../storage/files.ts';

export interface Accel {
  readonly accel: 'kvm' | 'tcg';
  /** Why not KVM; null with it. */
  readonly reason: string | null;
  /** Group of the guests' processes: that of `/dev/kvm`, where it lets its group in. */
  readonly gid: number;
}

export interface AccelTrial {
  readonly binary: string;
  readonly uid: number;
  readonly gid: number;
}

export interface AccelProbe extends AccelTrial {
  readonly bootId: string;
  /** Remembers the answer. */
  readonly path: string;
}

const probeLimitMs = 15_000;
const sign = 'KVM works';

export async function accelProbe(probe: AccelProbe): Promise<Accel> {
  const known = await accelKnown(probe);
  if (known !== null) return known;
  const accel = await accelTry(probe);
  await jsonWrite(probe.path, { ...accel, bootId: probe.bootId });
  return accel;
}

/** What was found since the machine booted; null: nothing yet. */
export async function accelKnown({
  path,
  bootId,
}: Pick<AccelProbe, 'path' | 'bootId'>): Promise<Accel | null> {
  const known = await jsonRead<Accel & { bootId: string }>(path).catch(() => null);
  return known?.bootId === bootId ? known : null;
}

/** Runs a guest, whatever is known. */
export async function accelTry(probe: AccelTrial): Promise<Accel> {
  const without = (reason: string): Accel => ({ accel: 'tcg', reason, gid: probe.gid });
  const cpuInfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(cpuInfo)) {
    return without('the processor shows no virtualization (vmx or svm)');
  }
  try {
    await access('/dev/kvm');
    const { mode, gid: owner } = await stat('/dev/kvm');
    const gid = (mode & 0o006) === 0o006 ? probe.gid : owner;
    const failure = await guestProbe({ ...probe, gid });
    return failure === null ? { accel: 'kvm', reason: null, gid } : without(failure);
  } catch (error) {
    return without(`/dev/kvm cannot be used: ${errnoOf(error) ?? String(error)}`);
  }
}

/** Null: a guest ran. */
async function guestProbe({ binary, uid, gid }: AccelTrial): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), 'welkin-kvm-'));
  const disk = join(directory, 'boot.img');
  try {
    await chmod(directory, 0o755);
    await writeFile(disk, bootDisk());
    const child = spawn(
      binary,
      [
        ...['-machine', 'q35,usb=off', '-accel', 'kvm', '-cpu', 'host', '-m', '32'],
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio'],
        ...[
          '-blockdev',
          `driver=raw,node-name=boot,read-only=on,file.driver=file,file.filename=${disk}`,
        ],
        ...['-device', 'virtio-blk-pci,drive=boot,bootindex=1'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], uid, gid },
    );
    return await signWait(child);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function signWait(child: ChildProcess): Promise<string | null> {
  let output = '';
  let complaint = '';
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const isSeen = await new Promise<boolean>((resolve) => {
    const limit = setTimeout(() => resolve(false), probeLimitMs);
    child.once('error', (error) => {
      complaint = error.message;
      resolve(false);
    });
    child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString().slice(0, 500)));
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('latin1')).slice(-200);
      if (output.includes(sign)) resolve(true);
    });
    void ended.then(() => {
      clearTimeout(limit);
      resolve(output.includes(sign));
    });
  });
  child.kill('SIGKILL');
  await ended;
  if (isSeen) return null;
  return complaint.trim() || `a guest under KVM said nothing within ${probeLimitMs / 1000} s`;
}

/** Writes a sign to the serial port and halts, in the 16-bit code that a BIOS starts. */
function bootDisk(): Buffer {
  const origin = 0x7c00;
  const code = [
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8], // cli; xor ax, ax; mov ds, ax
    ...[0xbe, 0, 0], // mov si, text
    ...[0xba, 0xf8, 0x03], // mov dx, 0x3f8
    ...[0xac, 0x84, 0xc0], // next: lodsb; test al, al
    ...[0x74, 0x03], // jz end
    ...[0xee, 0xeb, 0xf8], // out dx, al; jmp next
    ...[0xf4, 0xeb, 0xfd], // end: hlt; jmp end
  ];
  // A disk of one sector is none to SeaBIOS.
  const disk = Buffer.alloc(1 << 20);
  disk.set(code);
  disk.writeUInt16LE(origin + code.length, 6);
  disk.write(`${sign}\0`, code.length, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
