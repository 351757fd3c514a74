/** Disks as qemu-img makes them: what people really bring. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { formatJudge } from '../../src/image/format/format-judge.ts';
import { noise, qcow2, sourceOf } from './format-corpus.ts';

const directory = mkdtempSync(join(tmpdir(), 'welkin-format-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const qemuImg = (...argv: string[]): string => {
  const { status, stdout, stderr } = spawnSync('qemu-img', argv, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
};
const skip = spawnSync('qemu-img', ['--version']).error === undefined ? false : 'no qemu-img here';

const raw = join(directory, 'disk.raw');
const rawBytes = Buffer.concat([noise(300_000), Buffer.alloc(2 << 20), noise(70_000)]);
writeFileSync(raw, Buffer.concat([rawBytes, Buffer.alloc(512 - (rawBytes.length % 512))]));
const rawLength = readFileSync(raw).length;

const convert = (format: string, options: readonly string[]): Buffer => {
  const to = join(directory, `converted.${format}`);
  qemuImg('convert', '-O', format, ...options, raw, to);
  return readFileSync(to);
};

for (const [diskFormat, format, options] of [
  ['qcow2', 'qcow2', []],
  ['qcow2', 'qcow2', ['-c']],
  ['qcow2', 'qcow2', ['-c', '-o', 'compression_type=zstd']],
  ['qcow2', 'qcow2', ['-o', 'compat=0.10']],
  ['qcow2', 'qcow2', ['-o', 'cluster_size=512']],
  ['qcow2', 'qcow2', ['-o', 'cluster_size=2M']],
  ['qcow2', 'qcow2', ['-o', 'extended_l2=on,cluster_size=128k']],
  ['qcow2', 'qcow2', ['-o', 'lazy_refcounts=on,preallocation=metadata']],
  ['vmdk', 'vmdk', []],
  ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
  ['vhd', 'vpc', ['-o', 'force_size=on']],
  ['vhd', 'vpc', ['-o', 'subformat=fixed,force_size=on']],
  ['vhdx', 'vhdx', []],
  ['vdi', 'vdi', []],
  ['vdi', 'vdi', ['-o', 'static=on']],
  ['raw', 'raw', []],
] as const) {
  test(`${format} ${options.join(' ')} of qemu-img is let in`, { skip }, async () => {
    const claim = { diskFormat, containerFormat: 'bare' };
    const { virtualSizeBytes } = await formatJudge(claim, sourceOf(convert(format, options)));
    assert.ok(virtualSizeBytes !== null && virtualSizeBytes >= rawLength, `${virtualSizeBytes}`);
    assert.ok(virtualSizeBytes < rawLength + (2 << 20));
  });
}

for (const [diskFormat, argv, message] of [
  ['qcow2', ['-f', 'qcow2', '-b', raw, '-F', 'raw'], /backing/],
  ['qcow2', ['-f', 'qcow2', '-o', `data_file=${join(directory, 'data')}`], /data file/],
  ['vmdk', ['-f', 'vmdk', '-o', 'subformat=monolithicFlat'], /descriptor of other files/],
  ['vmdk', ['-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse'], /descriptor of other files/],
] as const) {
  test(`${argv.slice(1).join(' ')} of qemu-img is refused`, { skip }, async () => {
    const path = join(directory, 'hostile');
    qemuImg('create', ...argv, path, ...(argv.includes('-b' as never) ? [] : ['10M']));
    const claim = { diskFormat, containerFormat: 'bare' };
    await assert.rejects(formatJudge(claim, sourceOf(readFileSync(path))), message);
  });
}

test('a qcow2 with a snapshot of qemu-img is let in', { skip }, async () => {
  const path = join(directory, 'snapshot.qcow2');
  writeFileSync(path, convert('qcow2', []));
  qemuImg('snapshot', '-c', 'one', path);
  const claim = { diskFormat: 'qcow2', containerFormat: 'bare' };
  await formatJudge(claim, sourceOf(readFileSync(path)));
});

test('the qcow2 that other tests break is whole in the eyes of qemu-img', { skip }, () => {
  const path = join(directory, 'corpus.qcow2');
  writeFileSync(path, qcow2());
  assert.match(qemuImg('info', path), /virtual size: 10 MiB/);
});
