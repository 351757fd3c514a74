import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface MariaDb extends AsyncDisposable {
  readonly socket: string;
  readonly dir: string;
}

/** A real server of our own on a unix socket in a folder of its own. */
export async function mariaDbStart(): Promise<MariaDb> {
  const dir = mkdtempSync(join(tmpdir(), 'my-'));
  const socket = join(dir, 'socket');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  const data = `--datadir=${join(dir, 'data')}`;
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', data, '--auth-root-authentication-method=normal', '--skip-test-db', ...user],
    { stdio: 'ignore' },
  );
  const server = spawn(
    '/usr/sbin/mariadbd',
    ['--no-defaults', data, `--socket=${socket}`, '--skip-networking', ...user],
    { stdio: 'ignore' },
  );
  for (let tries = 0; ; tries++) {
    try {
      const words = ['--no-defaults', '-S', socket, '-uroot', '-e', 'CREATE DATABASE keystone'];
      execFileSync('mariadb', words, { stdio: 'ignore' });
      break;
    } catch (error) {
      if (tries === 300) throw new Error('mariadbd does not answer', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  return {
    socket,
    dir,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      await once(server, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
