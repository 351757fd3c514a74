/**
 * Files that name other files, which `qemu-img` would open: none of them gets so far. The kernel tells (strace) what
 * the cloud and its `qemu-img` open while they, the corpus and what chance makes of it are imported and converted.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { descriptor } from '../image/format-corpus.ts';
import type { Outcome } from './image-hostile-program.ts';

const seeds = process.env['WELKIN_TEST_ALL'] === undefined ? 5 : 20;
const directory = mkdtempSync(join(tmpdir(), 'welkin-image-hostile-'));
after(() => rmSync(directory, { recursive: true }));
const folder = join(directory, 'files');
const canary = join(directory, 'canary');
for (const name of ['names', 'whole']) mkdirSync(join(folder, name), { recursive: true });
writeFileSync(canary, Buffer.alloc(1 << 20, 'secret'));

const path = (name: string): string => join(folder, 'names', name);
const create = (name: string, ...words: string[]): void =>
  void execFileSync('qemu-img', ['create', '-q', ...words, path(name), '1M']);

/** Each is a file that makes a reader open the canary. */
function namersMake(): void {
  create('backed.qcow2', '-f', 'qcow2', '-b', canary, '-F', 'raw');
  create('backed-old.qcow2', '-f', 'qcow2', '-o', 'compat=0.10', '-b', canary, '-F', 'raw');
  create('backed.qed', '-f', 'qed', '-b', canary, '-F', 'raw');
  create('backed.qcow', '-f', 'qcow', '-b', canary, '-F', 'raw');
  // qemu-img makes the data file new: the canary gets its content back.
  create('outside.qcow2', '-f', 'qcow2', '-o', `data_file=${canary},data_file_raw=on`);
  writeFileSync(canary, Buffer.alloc(1 << 20, 'secret'));
  const flat = `RW 2048 FLAT "${canary}" 0`;
  writeFileSync(path('flat.vmdk'), descriptor('monolithicFlat', flat));
  writeFileSync(path('split.vmdk'), descriptor('twoGbMaxExtentFlat', flat));
  const parent = join(directory, 'parent.vmdk');
  execFileSync('qemu-img', ['convert', '-O', 'vmdk', '-f', 'raw', canary, parent]);
  create('child.vmdk', '-f', 'vmdk', '-b', parent, '-F', 'vmdk');
}

/** Disks that are as they should be. */
function wholeMake(): void {
  for (const [name, format, ...options] of [
    ['disk.qcow2', 'qcow2'],
    ['packed.qcow2', 'qcow2', '-c'],
    ['disk.vmdk', 'vmdk'],
    ['stream.vmdk', 'vmdk', '-o', 'subformat=streamOptimized'],
    ['disk.vhd', 'vpc', '-o', 'force_size=on'],
    ['disk.vhdx', 'vhdx'],
    ['disk.vdi', 'vdi'],
    ['disk.raw', 'raw'],
  ] as const) {
    const to = join(folder, 'whole', name);
    execFileSync('qemu-img', ['convert', '-O', format, ...options, '-f', 'raw', canary, to]);
  }
}

/** Runs a program; all that it and its children open, by the name of the program. */
function opensOf(argv: readonly string[]): {
  stdout: string;
  opens: ReadonlyMap<string, string[]>;
} {
  const log = join(directory, 'trace');
  const words = ['-f', '--seccomp-bpf', '-qq', '-s', '4096', '-e', 'trace=execve,open,openat'];
  const run = spawnSync('strace', [...words, '-o', log, ...argv], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, TMPDIR: directory },
  });
  const names = new Map<string, string>();
  const opens = new Map<string, string[]>();
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, pid = '', call = '', opened = ''] =
      /^(\d+) +(\w+)\((?:AT_FDCWD, |\d+, )?"([^"]*)"/.exec(line) ?? [];
    if (call === 'execve' && line.endsWith(' = 0')) names.set(pid, opened.replace(/^.*\//, ''));
    else if (call !== '')
      opens.set(names.get(pid) ?? '', [...(opens.get(names.get(pid) ?? '') ?? []), opened]);
  }
  return { stdout: run.stdout, opens };
}

const isForeign = (one: string): boolean => one === canary || one.endsWith('/parent.vmdk');

test('no file makes the cloud or qemu-img open another', (t) => {
  namersMake();
  wholeMake();
  const names = readdirSync(join(folder, 'names'));
  for (const name of names) {
    const convert = ['qemu-img', 'convert', '-O', 'raw', path(name), '/dev/null'];
    const opened = opensOf(convert).opens.get('qemu-img') ?? [];
    assert.ok(opened.some(isForeign), `${name} would not make qemu-img open anything`);
  }
  const program = join(import.meta.dirname, 'image-hostile-program.ts');
  const { stdout, opens } = opensOf([process.execPath, program, folder, String(seeds)]);
  const outcomes = JSON.parse(stdout) as Outcome[];
  const left = outcomes.filter(({ kind, status }) =>
    kind === 'whole' ? status !== 'active' : kind !== 'broken' && status === 'active',
  );
  assert.deepEqual(left, []);
  assert.ok(outcomes.every(({ status, message }) => status === 'active' || message.length > 10));
  const refused = outcomes.filter(({ status }) => status !== 'active').length;
  t.diagnostic(`${outcomes.length} imports, ${refused} refused`);

  for (const opened of opens.values()) assert.ok(!opened.some(isForeign));
  const byConverter = new Set(opens.get('qemu-img') ?? []);
  assert.ok(byConverter.has('/dev/fd/3'), 'what is whole was converted');
  const isOwn = (one: string): boolean =>
    /^\/(dev\/(fd\/[34]|null|urandom)$|lib|usr|proc|sys|etc\/ld)/.test(one);
  assert.deepEqual(
    [...byConverter].filter((one) => !isOwn(one)),
    [],
  );
});
