import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** One node of Ceph with its S3 gateway, in a folder of its own. */
export interface Ceph extends AsyncDisposable {
  readonly port: number;
  readonly keys: { readonly access: string; readonly secret: string };
  /** Monitor, manager, storage daemon and gateway. */
  readonly pids: readonly number[];
}

const packages = ['ceph-mon', 'ceph-mgr', 'ceph-osd', 'radosgw'];
const keys = { access: 'CEPHACCESS', secret: 'cephsecret' };
const startLimitMs = 180_000;

/** Debian's Ceph, on loopback; its packages are installed where they are missing. Needs root. */
export async function cephStart(): Promise<Ceph> {
  packagesInstall();
  const folder = mkdtempSync(join(tmpdir(), 'ceph-'));
  const [v2, v1, port, osd] = await portsFree();
  const children: ChildProcess[] = [];
  const run = (file: string, ...words: string[]): string =>
    execFileSync(file, ['-c', 'ceph.conf', ...words], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: startLimitMs,
    });
  const start = (file: string, ...words: string[]): void => {
    const out = openSync(join(folder, `${file}.out`), 'a');
    const argv = ['-c', 'ceph.conf', ...words, '-f'];
    children.push(spawn(file, argv, { cwd: folder, stdio: ['ignore', out, out] }));
  };
  const dispose = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const [fsid, monitor] = [randomUUID(), `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`];
    for (const name of ['mon', 'mgr', 'osd', 'rgw', 'log']) mkdirSync(join(folder, name));
    writeFileSync(
      join(folder, 'ceph.conf'),
      configurationText({ fsid, monitor, folder, port, osd }),
    );
    execFileSync('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monitor, 'monmap'], {
      cwd: folder,
      stdio: 'pipe',
    });
    run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', 'monmap');
    start('ceph-mon', '-i', 'a');
    const uuid = randomUUID();
    run('ceph', 'osd', 'new', uuid);
    start('ceph-mgr', '-i', 'x');
    run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', uuid);
    start('ceph-osd', '-i', '0');
    execFileSync(
      'ceph-authtool',
      ['--create-keyring', 'rgw/keyring', '-n', 'client.rgw', '--gen-key'],
      {
        cwd: folder,
        stdio: 'pipe',
      },
    );
    start('radosgw', '-n', 'client.rgw');
    await answered(port, children);
    const owner = ['--uid', 'welkin', '--display-name', 'welkin'];
    const pair = ['--access-key', keys.access, '--secret-key', keys.secret];
    run('radosgw-admin', '-n', 'client.rgw', 'user', 'create', ...owner, ...pair);
    const pids = children.map(({ pid = 0 }) => pid);
    return { port, keys, pids, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function packagesInstall(): void {
  const isThere = (name: string): boolean => {
    try {
      execFileSync('dpkg-query', ['-W', '-f', '${Status}', name], { stdio: 'pipe' });
      return true;
    } catch {
      return false;
    }
  };
  const missing = packages.filter((name) => !isThere(name));
  if (missing.length === 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update', '-q'], { stdio: 'pipe', env });
  const words = ['install', '-q', '-y', '--no-install-recommends', ...missing];
  execFileSync('apt-get', words, { stdio: 'pipe', env });
}

interface Places {
  readonly fsid: string;
  readonly monitor: string;
  readonly folder: string;
  readonly port: number;
  readonly osd: number;
}

/** Nobody but this machine reaches it, so nobody has to say who he is. */
const configurationText = ({ fsid, monitor, folder, port, osd }: Places): string => `[global]
fsid = ${fsid}
mon initial members = a
mon host = ${monitor}
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms bind port min = ${osd}
ms bind port max = ${osd + 60}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
osd objectstore = bluestore
bluestore block size = ${8 * 2 ** 30}
mon data = ${folder}/mon/a
mgr data = ${folder}/mgr/x
osd data = ${folder}/osd
run dir = ${folder}
admin socket =
pid file =
log file = ${folder}/log/$name.log
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port}
`;

async function answered(port: number, children: readonly ChildProcess[]): Promise<void> {
  const limit = performance.now() + startLimitMs;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    if (answer?.ok === true) return;
    const ended = children.find(({ exitCode }) => exitCode !== null);
    if (ended !== undefined) throw new Error(`${ended.spawnfile} ended with ${ended.exitCode}`);
    if (performance.now() > limit) throw new Error('the gateway does not answer');
    await wait(500);
  }
}

async function portsFree(): Promise<[number, number, number, number]> {
  const servers = Array.from({ length: 4 }, () => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  const [v2 = 0, v1 = 0, port = 0, osd = 0] = ports;
  return [v2, v1, port, Math.min(osd, 65_000)];
}
