/** What imported disks are converted to, and what is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { imageConverter } from '../../src/boot/image-converter.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { imageBytes, imageServe, until } from './world.ts';

const direct = { name: 'glance-direct' };

test('an imported disk is converted to what hosts run, and named so', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'welkin-convert-'));
  const converter = imageConverter('qcow2', { stateDir, log: silentLog });
  await using server = await imageServe({ converter });
  const [raw, vmdk] = [join(stateDir, 'raw'), join(stateDir, 'vmdk')];
  writeFileSync(raw, Buffer.alloc(5 << 20, 'disk'));
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', raw, vmdk]);
  const id = await server.create({ disk_format: 'vmdk' });
  assert.equal((await server.stage(id, readFileSync(vmdk))).status, 204);
  assert.equal((await server.import(id, direct)).status, 202);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'success', task.message);
  assert.equal(image.disk_format, 'qcow2');
  assert.equal(image.virtual_size, 5 << 20);
  const qcow2 = await imageBytes(server, id);
  assert.equal(createHash('sha512').update(qcow2).digest('hex'), image.os_hash_value);
  writeFileSync(join(stateDir, 'back'), qcow2);
  const compare = ['compare', '-f', 'raw', '-F', 'qcow2', raw, join(stateDir, 'back')];
  assert.match(execFileSync('qemu-img', compare).toString(), /identical/);
  await until(() => server.house.stagedFiles().length === 0);

  const iso = await server.create({ disk_format: 'aki', container_format: 'aki' });
  await server.stage(iso, Buffer.alloc(1_000, 'kernel'));
  await server.import(iso, direct);
  assert.equal((await server.settled(iso)).image.disk_format, 'aki');
  rmSync(stateDir, { recursive: true });
});

test('a disk whose inside looks like another format is not converted into one', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'welkin-convert-'));
  const converter = imageConverter('raw', { stateDir, log: silentLog });
  await using server = await imageServe({ converter });
  const [inner, outer] = [join(stateDir, 'inner'), join(stateDir, 'outer')];
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', inner, '1M']);
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', inner, outer]);
  const id = await server.create({ disk_format: 'qcow2' });
  await server.stage(id, readFileSync(outer));
  await server.import(id, direct);
  const { image, task } = await server.settled(id);
  assert.equal(task.status, 'failure');
  assert.match(task.message, /does not match/);
  assert.equal(image.status, 'queued');
  assert.equal(image.disk_format, 'qcow2');
  rmSync(stateDir, { recursive: true });
});

test('a small file that claims a larger disk than images may be is not converted', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'welkin-convert-'));
  const converter = imageConverter('raw', { stateDir, log: silentLog });
  await using server = await imageServe({ converter });
  const file = join(stateDir, 'file');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '900T']);
  const id = await server.create({ disk_format: 'qcow2' });
  await server.stage(id, readFileSync(file));
  await server.import(id, direct);
  const { image, task } = await server.settled(id);
  assert.match(task.message, /too large/);
  assert.equal(image.status, 'queued');
  rmSync(stateDir, { recursive: true });
});
