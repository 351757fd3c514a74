import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { diskBuild } from '../../src/guestimage/disk.ts';

const mib = 1 << 20;

test('the disk has a boot partition at one MiB and the root partition up to its end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-disk-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const part = (name: string, bytes: number, fill: string) => {
    writeFileSync(join(folder, name), Buffer.alloc(bytes, fill));
    return join(folder, name);
  };
  const size = await diskBuild({
    path: join(folder, 'disk'),
    bootPath: part('boot', 2 * mib, 'b'),
    rootPath: part('root', 3 * mib, 'r'),
    bootCode: Buffer.alloc(440, 0x90),
  });
  const disk = readFileSync(join(folder, 'disk'));
  assert.equal(size, 6 * mib);
  assert.equal(disk.length, size);
  assert.equal(disk.readUInt8(0), 0x90);
  assert.equal(disk.readUInt16LE(510), 0xaa55);
  const partition = (index: number) => ({
    active: disk.readUInt8(446 + 16 * index),
    type: disk.readUInt8(446 + 16 * index + 4),
    start: disk.readUInt32LE(446 + 16 * index + 8) * 512,
    bytes: disk.readUInt32LE(446 + 16 * index + 12) * 512,
  });
  assert.deepEqual(partition(0), { active: 0x80, type: 6, start: mib, bytes: 2 * mib });
  assert.deepEqual(partition(1), { active: 0, type: 0x83, start: 3 * mib, bytes: 3 * mib });
  assert.equal(disk.toString('latin1', mib, mib + 1), 'b');
  assert.equal(disk.toString('latin1', 3 * mib - 1, 3 * mib + 1), 'br');
});
