import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { kernelModules, modulesDep } from '../../src/guestimage/kernel-modules.ts';

/** A folder as the kernel package has it; the only part of a module that is read is its list of strings. */
function modulesFolder(t: TestContext, modules: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-modules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'kernel/drivers'), { recursive: true });
  for (const [file, needs] of Object.entries(modules)) {
    const strings = `ELF\0license=GPL\0depends=${needs}\0name=x\0`;
    writeFileSync(join(folder, 'kernel/drivers', file), strings);
  }
  return folder;
}

test('modules come in the order in which they load, each once', async (t) => {
  const folder = modulesFolder(t, {
    'blk.ko': 'pci,ring',
    'pci.ko': 'ring,core',
    'ring.ko': 'core',
    'core.ko': '',
    'unused.ko': '',
  });
  const modules = await kernelModules(folder, ['blk', 'pci']);
  assert.deepEqual(
    modules.map(({ name }) => name),
    ['core', 'ring', 'pci', 'blk'],
  );
  // modprobe loads the needs of a line from last to first.
  assert.match(modulesDep(modules), /^blk\.ko: pci\.ko ring\.ko core\.ko$/m);
  assert.match(modulesDep(modules), /^core\.ko:$/m);
});

test('a module is found whichever of - and _ its file and its users write', async (t) => {
  const folder = modulesFolder(t, { 'virtio-rng.ko': '', 'user.ko': 'virtio_rng' });
  const modules = await kernelModules(folder, ['user']);
  assert.deepEqual(
    modules.map(({ name }) => name),
    ['virtio_rng', 'user'],
  );
});

test('a module carries the names that the kernel may ask for', async (t) => {
  const folder = modulesFolder(t, {});
  const strings = 'ELF\0alias=fs-iso9660\0depends=\0alias=iso9660\0description=alias=no\0';
  writeFileSync(join(folder, 'kernel/drivers/isofs.ko'), strings);
  const [isofs] = await kernelModules(folder, ['isofs']);
  assert.deepEqual(isofs?.aliases, ['fs-iso9660', 'iso9660']);
});

test('the signature of a module is cut off, and nothing else', async (t) => {
  const folder = modulesFolder(t, { 'plain.ko': '' });
  const body = Buffer.from('ELF\0depends=\0rest');
  const trailer = Buffer.alloc(12);
  trailer.writeUInt32BE(7, 8);
  const mark = Buffer.from('~Module signature appended~\n');
  const signed = Buffer.concat([body, Buffer.from('SIGNED!'), trailer, mark]);
  writeFileSync(join(folder, 'kernel/drivers/signed.ko'), signed);
  const [first] = await kernelModules(folder, ['signed']);
  assert.deepEqual(Buffer.from(first?.content ?? []), body);
  const [plain] = await kernelModules(folder, ['plain']);
  assert.match(Buffer.from(plain?.content ?? []).toString('latin1'), /name=x\0$/);
});

test('a module that the kernel does not have is named', async (t) => {
  const folder = modulesFolder(t, { 'a.ko': 'missing' });
  await assert.rejects(kernelModules(folder, ['a']), /no module missing/);
});
