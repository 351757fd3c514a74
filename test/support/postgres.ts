import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const binaries = (): string => {
  const root = '/usr/lib/postgresql';
  const [newest] = existsSync(root) ? readdirSync(root).toSorted().toReversed() : [];
  if (newest === undefined) throw new Error('install the Debian package postgresql');
  return join(root, newest, 'bin');
};

export interface Postgres extends AsyncDisposable {
  readonly url: string;
}

/** A real server of our own on a unix socket in a folder of its own; PostgreSQL refuses to run as root. */
export async function postgresStart(): Promise<Postgres> {
  const bin = binaries();
  const dir = mkdtempSync(join(tmpdir(), 'welkin-pg-'));
  // Programs with accounts of their own reach the socket too.
  chmodSync(dir, 0o711);
  const owner = userInfo().uid === 0 ? { uid: 65534, gid: 65534 } : {};
  if (owner.uid !== undefined) chownSync(dir, owner.uid, owner.gid ?? 0);
  const options = { ...owner, cwd: dir, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } };
  const data = join(dir, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'welkin', '-A', 'trust', '-N'], options);
  const settings = ['listen_addresses=', `unix_socket_directories=${dir}`, 'max_connections=300'];
  const server: ChildProcess = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise<void>((resolve, reject) => {
    server.stderr?.on('data', (text: Buffer) => {
      if (text.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => reject(new Error('postgres ended before it was ready')));
  });
  return {
    url: `postgres://welkin@localhost/postgres?host=${encodeURIComponent(dir)}`,
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT');
      await once(server, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
