import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { imageConverter } from '../../src/boot/image-converter.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { silentLog } from '../../src/kernel/log.ts';

const directory = mkdtempSync(join(tmpdir(), 'welkin-converter-'));
after(() => rmSync(directory, { recursive: true }));
const at = (name: string): string => join(directory, name);
const raw = Buffer.alloc(3 << 20, 'disk');
writeFileSync(at('disk.raw'), raw);
const never = new AbortController().signal;

const converterOf = (format: 'qcow2' | 'raw') =>
  imageConverter(format, { stateDir: directory, log: silentLog });

for (const [format, words] of [
  ['qcow2', []],
  ['vmdk', ['-o', 'subformat=streamOptimized']],
  ['vhdx', []],
  ['vhd', []],
  ['vdi', []],
] as const) {
  test(`a ${format} becomes the disk that is in it`, async () => {
    const name = format === 'vhd' ? 'vpc' : format;
    const make = [
      'convert',
      '-f',
      'raw',
      '-O',
      name,
      ...words,
      at('disk.raw'),
      at(`disk.${format}`),
    ];
    execFileSync('qemu-img', make);
    const percents: number[] = [];
    await converterOf('raw').convert(
      {
        sourcePath: at(`disk.${format}`),
        sourceFormat: format,
        targetPath: at(`out.${format}`),
        virtualSizeBytes: raw.length,
      },
      never,
      (percent) => percents.push(percent),
    );
    assert.ok(
      readFileSync(at(`out.${format}`))
        .subarray(0, raw.length)
        .equals(raw),
    );
    assert.equal(percents.at(-1), 100);
  });
}

test('a raw disk becomes qcow2', async () => {
  const conversion = {
    sourcePath: at('disk.raw'),
    sourceFormat: 'raw',
    targetPath: at('out.qcow2'),
  };
  await converterOf('qcow2').convert(
    { ...conversion, virtualSizeBytes: raw.length },
    never,
    () => {},
  );
  const info = execFileSync('qemu-img', ['info', '--output=json', at('out.qcow2')]);
  assert.equal(JSON.parse(info.toString()).format, 'qcow2');
  assert.equal(statSync(at('out.qcow2')).mode & 0o777, 0o600);
});

test('a file of the cloud that an image names is not there for the converter', async () => {
  mkdirSync(at('secrets'), { recursive: true });
  writeFileSync(at('secrets/key'), Buffer.alloc(1 << 20, 'secret'));
  const make = ['create', '-f', 'qcow2', '-F', 'raw', '-b', at('secrets/key'), at('thief.qcow2')];
  execFileSync('qemu-img', make);
  const conversion = {
    sourcePath: at('thief.qcow2'),
    sourceFormat: 'qcow2',
    targetPath: at('loot'),
  };
  await assert.rejects(
    converterOf('raw').convert({ ...conversion, virtualSizeBytes: 1 << 20 }, never, () => {}),
    (error) => error instanceof Failure && error.kind === 'invalid',
  );
  assert.ok(!readFileSync(at('loot')).includes('secret'));
});

test('an image that grows beyond what it may is given up, and one of another format refused', async () => {
  writeFileSync(at('big.raw'), Buffer.alloc(80 << 20, 1));
  const big = { sourcePath: at('big.raw'), sourceFormat: 'raw', targetPath: at('big.qcow2') };
  await assert.rejects(
    converterOf('qcow2').convert({ ...big, virtualSizeBytes: 1 }, never, () => {}),
    /could not be converted/,
  );
  const odd = { sourcePath: at('disk.raw'), sourceFormat: 'qcow2', targetPath: at('odd') };
  await assert.rejects(
    converterOf('raw').convert({ ...odd, virtualSizeBytes: raw.length }, never, () => {}),
    /could not be converted/,
  );
  const stop = AbortSignal.abort();
  await assert.rejects(
    converterOf('raw').convert({ ...odd, virtualSizeBytes: raw.length }, stop, () => {}),
    /interrupted/,
  );
});
