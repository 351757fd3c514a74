import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DiskWanted, SnapshotActual } from '../../../src/agent/api.ts';
import { commandRun } from '../../../src/agent/command.ts';
import { guestDisk } from './guest-program.ts';
import { imagePut, labOpen, until, type Lab } from './lab.ts';

const rootDisk = (lab: Lab, change: Partial<DiskWanted> = {}): DiskWanted => ({
  id: 'root',
  source: { kind: 'image', imageId: lab.imageId },
  sizeMib: 64,
  revision: 1,
  ...change,
});
const diskPath = (lab: Lab, id: string, name: string): string =>
  join(lab.stateDir, 'servers', id, name);

async function snapshotDone(lab: Lab, id: string): Promise<SnapshotActual> {
  return until('the snapshot is over', async () => {
    const snapshot = await lab.agent.snapshotGet(id);
    return snapshot?.state === 'running' ? null : snapshot;
  });
}

async function snapshotRead(lab: Lab, id: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of lab.agent.snapshotRead(id)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** SHA-256 of what a guest sees of a disk. */
async function rawOf(lab: Lab, path: string): Promise<string> {
  const raw = join(lab.stateDir, 'raw');
  await commandRun(['qemu-img', 'convert', '-U', '-O', 'raw', path, raw]);
  const sum = hash('sha256', readFileSync(raw));
  rmSync(raw);
  return sum;
}

test('a new revision makes the disk anew, a new size lets it grow, and nobody shrinks it', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/boot A/);
  await lab.carryOut({ run: { incarnation: 2 }, disks: [rootDisk(lab, { sizeMib: 96 })] });
  await lab.console(/boot B/);
  const { id } = await lab.carryOut({
    run: { incarnation: 3 },
    disks: [rootDisk(lab, { revision: 2 })],
  });
  const text = await lab.console(/boot B[^]*boot A/);
  assert.equal(text.match(/boot/g)?.length, 3);
  const names = readdirSync(join(lab.stateDir, 'servers', id));
  assert.deepEqual(
    names.filter((name) => name.startsWith('disk-')),
    ['disk-root.2.qcow2'],
  );
});

test('blank disks have the file system that was asked for', async (t) => {
  const lab = await labOpen(t);
  const blank = (id: string, fs: 'ext4' | 'swap' | 'none'): DiskWanted => ({
    id,
    source: { kind: 'blank', fs, label: fs === 'none' ? '' : id },
    sizeMib: 32,
    revision: 1,
  });
  const disks = [
    rootDisk(lab),
    blank('ephemeral0', 'ext4'),
    blank('swap', 'swap'),
    blank('scratch', 'none'),
  ];
  const { id, power } = await lab.carryOut({ disks });
  assert.equal(power, 'running');
  const ephemeral = await commandRun(['blkid', '-p', diskPath(lab, id, 'disk-ephemeral0.1.raw')]);
  assert.match(ephemeral, /LABEL="ephemeral0".*TYPE="ext4"/);
  assert.match(
    await commandRun(['blkid', '-p', diskPath(lab, id, 'disk-swap.1.raw')]),
    /TYPE="swap"/,
  );
  const diagnostics = await lab.agent.serverDiagnostics(id);
  assert.deepEqual(
    diagnostics.disks.map((disk) => disk.id),
    ['root', 'ephemeral0', 'swap', 'scratch'],
  );
});

test('a config drive is there, labelled, and belongs to the guest alone', async (t) => {
  const lab = await labOpen(t);
  const guest = { adminPass: 'secret', userData: Buffer.from('hello').toString('base64') };
  const { id, power } = await lab.carryOut({ configDrive: true, guest });
  assert.equal(power, 'running');
  const path = diskPath(lab, id, 'config.iso');
  assert.match(await commandRun(['blkid', '-p', path]), /LABEL="config-2".*TYPE="iso9660"/);
  const stat = await commandRun(['stat', '-c', '%u %a', path]);
  assert.equal(stat.trim(), '64055 400');
});

test('an image that a disk is built on is not deleted', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  assert.equal(await lab.agent.imageDelete(lab.imageId), false);
  await lab.agent.serverDelete(id);
  assert.equal(await lab.agent.imageDelete(lab.imageId), true);
  assert.equal(await lab.agent.imageGet(lab.imageId), null);
});

test('a server without its image says so and starts once it is there', async (t) => {
  const lab = await labOpen(t);
  const image = readFileSync(join(lab.stateDir, 'images', `${lab.imageId}.raw`));
  assert.equal(await lab.agent.imageDelete(lab.imageId), true);
  const failed = await lab.carryOut();
  assert.deepEqual([failed.power, failed.error?.code], ['stopped', 'no_image']);
  await imagePut(lab.agent, lab.imageId, image);
  assert.equal((await lab.carryOut()).power, 'running');
});

test('a snapshot of a running guest is its disk at that moment, and a server boots from it', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 01/);
  const snapshotId = '01930000-0000-7000-9000-000000000001';
  await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  const snapshot = await snapshotDone(lab, snapshotId);
  assert.deepEqual([snapshot.state, snapshot.error], ['done', null]);
  assert.equal(snapshot.virtualSizeBytes, 64 * 2 ** 20);
  const bytes = await snapshotRead(lab, snapshotId);
  assert.equal(bytes.length, snapshot.sizeBytes);
  await lab.console(/tick 06/);
  await lab.agent.serverDelete(id);
  await lab.agent.snapshotDelete(snapshotId);
  assert.deepEqual(readdirSync(join(lab.stateDir, 'snapshots')), []);
  const imageId = '01930000-0000-7000-9000-000000000002';
  await imagePut(lab.agent, imageId, bytes);
  await lab.carryOut({ disks: [rootDisk(lab, { source: { kind: 'image', imageId } })] });
  await lab.console(/boot B/);
});

test('a stopped and a suspended server are copied too', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 01/);
  for (const [index, state] of (['suspended', 'stopped'] as const).entries()) {
    await lab.carryOut({ run: { state } });
    const snapshotId = `01930000-0000-7000-9000-00000000001${index}`;
    await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
    // A start waits until the disk may change again.
    assert.equal((await lab.carryOut()).power, 'running');
    assert.equal((await snapshotDone(lab, snapshotId)).state, 'done');
    const bytes = await snapshotRead(lab, snapshotId);
    const path = join(lab.stateDir, `copy-${index}.qcow2`);
    writeFileSync(path, bytes);
    assert.match(await commandRun(['qemu-img', 'check', '-q', path, '-f', 'qcow2']), /^$/);
    const image = await commandRun(['qemu-img', 'info', '--output=json', path]);
    assert.doesNotMatch(image, /backing/);
    rmSync(path);
  }
});

test('a suspend waits for a copy that goes on, a stop ends it', async (t) => {
  const image = guestDisk(64);
  // Nothing to compress and nothing to leave out: the copy takes a while.
  randomBytes(60 << 20).copy(image, 1 << 20);
  const lab = await labOpen(t, { image });
  const { id } = await lab.carryOut();
  const snapshotId = '01930000-0000-7000-9000-000000000041';
  await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  const suspended = await lab.carryOut({ run: { state: 'suspended' } });
  assert.deepEqual([suspended.power, suspended.error], ['suspended', null]);
  assert.equal((await snapshotDone(lab, snapshotId)).state, 'done');
  await lab.agent.snapshotDelete(snapshotId);
  await lab.carryOut();
  await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  const stopped = await lab.carryOut({ run: { state: 'stopped' } });
  assert.deepEqual([stopped.power, stopped.error], ['stopped', null]);
  const snapshot = await snapshotDone(lab, snapshotId);
  assert.deepEqual([snapshot.state, snapshot.error?.code], ['failed', 'internal']);
  assert.deepEqual(readdirSync(join(lab.stateDir, 'snapshots')), [`${snapshotId}.json`]);
});

test('a copy that a process makes goes on when the agent is killed', async (t) => {
  const lab = await labOpen(t);
  // Nothing of it is zeroes, and the disk of the test machine may be fast: the copy takes a while.
  const { id } = await lab.carryOut({ disks: [rootDisk(lab, { sizeMib: 512 })] });
  await lab.console(/tick 01/);
  const snapshotId = '01930000-0000-7000-9000-000000000021';
  await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  await lab.kill();
  await lab.start();
  const snapshot = await snapshotDone(lab, snapshotId);
  assert.deepEqual([snapshot.state, snapshot.error], ['done', null]);
});

test('a copy of a stopped disk is made anew when the agent is killed, before a start may change the disk', async (t) => {
  const image = guestDisk(64);
  // Nothing to compress and nothing to leave out: the copy takes a while.
  randomBytes(60 << 20).copy(image, 1 << 20);
  const lab = await labOpen(t, { image });
  const { id } = await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.carryOut({ run: { state: 'stopped' } });
  const raw = await rawOf(lab, diskPath(lab, id, 'disk-root.1.qcow2'));
  const snapshotId = '01930000-0000-7000-9000-000000000051';
  const begun = await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  assert.equal(begun.state, 'running');
  await lab.kill();
  const record = join(lab.stateDir, 'snapshots', `${snapshotId}.json`);
  assert.equal(JSON.parse(readFileSync(record, 'utf8')).state, 'running');
  await lab.start();
  assert.equal((await lab.carryOut({ run: { incarnation: 2 } })).power, 'running');
  const snapshot = await snapshotDone(lab, snapshotId);
  assert.deepEqual([snapshot.state, snapshot.error], ['done', null]);
  const path = join(lab.stateDir, 'copy.qcow2');
  writeFileSync(path, await snapshotRead(lab, snapshotId));
  assert.equal(await rawOf(lab, path), raw);
});

test('a copy that was whole when the agent was killed is not lost', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 01/);
  const snapshotId = '01930000-0000-7000-9000-000000000061';
  await lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  const before = await snapshotDone(lab, snapshotId);
  const bytes = await snapshotRead(lab, snapshotId);
  await lab.kill();
  const path = join(lab.stateDir, 'snapshots', `${snapshotId}.json`);
  const record = JSON.parse(readFileSync(path, 'utf8')) as object;
  // As it lies there until the end of the copy is written down.
  writeFileSync(path, JSON.stringify({ ...record, state: 'running', sizeBytes: 0 }));
  await lab.start();
  assert.deepEqual(await snapshotDone(lab, snapshotId), before);
  assert.deepEqual(await snapshotRead(lab, snapshotId), bytes);
});

test('a copy whose process dies fails and leaves no file', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  const snapshotId = '01930000-0000-7000-9000-000000000031';
  await lab.kill();
  await lab.start();
  await lab.actual(({ power }) => power === 'running');
  await lab.carryOut({ run: { state: 'paused' } });
  const put = lab.agent.snapshotPut(snapshotId, { serverId: id, diskId: 'root' });
  process.kill(lab.pid(), 'SIGKILL');
  await put.catch(() => {});
  const snapshot = await until('the snapshot is over', async () => {
    const known = await lab.agent.snapshotGet(snapshotId);
    return known === null || known.state !== 'running' ? { known } : null;
  });
  if (snapshot.known?.state === 'failed') {
    assert.deepEqual(readdirSync(join(lab.stateDir, 'snapshots')), [`${snapshotId}.json`]);
  }
});

test('a full disk fails the start of a server with its code and leaves nothing half made', async (t) => {
  const lab = await labOpen(t, { tmpfsMib: 8 });
  const filler = join(lab.stateDir, 'filler');
  const { bavail, bsize } = statfsSync(lab.stateDir);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 100 * 1024));
  const failed = await lab.carryOut();
  assert.deepEqual([failed.power, failed.error?.code], ['stopped', 'no_space']);
  assert.deepEqual(lab.pids(), []);
  const names = readdirSync(join(lab.stateDir, 'servers', failed.id));
  assert.deepEqual(
    names.filter((name) => /disk|tmp/.test(name)),
    [],
  );
  rmSync(filler);
  assert.equal((await lab.carryOut()).power, 'running');
});

test('no document is acknowledged that the full disk cannot keep', async (t) => {
  const lab = await labOpen(t, { tmpfsMib: 8 });
  const { bavail, bsize } = statfsSync(lab.stateDir);
  writeFileSync(join(lab.stateDir, 'filler'), Buffer.alloc(bavail * bsize));
  await assert.rejects(
    lab.agent.serverPut(lab.wanted()),
    (error) => error instanceof Error && 'type' in error && error.type === 'no_space',
  );
  assert.deepEqual(readdirSync(join(lab.stateDir, 'servers')), []);
});

test('a guest whose write meets the full disk waits, says so, and goes on when there is room', async (t) => {
  const lab = await labOpen(t, { tmpfsMib: 8 });
  await lab.carryOut({ run: { state: 'stopped' } });
  const filler = join(lab.stateDir, 'filler');
  const { bavail, bsize } = statfsSync(lab.stateDir);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 48 * 1024));
  await lab.agent.serverPut(lab.wanted());
  const waiting = await lab.actual(({ error }) => error !== null);
  assert.deepEqual([waiting.error?.code, waiting.power], ['no_space', 'paused']);
  rmSync(filler);
  const running = await lab.actual(({ error, power }) => error === null && power === 'running');
  assert.equal(running.ended, null);
  await lab.console(/boot A/);
});
