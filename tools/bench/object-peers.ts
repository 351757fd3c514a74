import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { S3Client } from '../../test/support/object-store.ts';
import { freePort } from '../../test/support/free-port.ts';

/** A server of objects and the processes that spend CPU for it. */
export interface Peer {
  readonly client: S3Client;
  readonly pids: () => readonly number[];
}

/**
 * nginx with WebDAV: it does not synchronise what it writes, so it is a bound and no peer. Debian's program without its
 * package: nothing is set up on this machine. Null: it cannot be had.
 */
export async function nginxStart(): Promise<(Peer & AsyncDisposable) | null> {
  const program = programFind('nginx', 'usr/sbin/nginx');
  if (program === null) return null;
  const folder = mkdtempSync(join(tmpdir(), 'welkin-nginx-'));
  const port = await freePort();
  for (const part of ['data', 'temp']) mkdirSync(join(folder, part));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/temp/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user ${userInfo().username}; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http { access_log off; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; root ${folder}/data; client_max_body_size 0;
        location / { dav_methods PUT DELETE; create_full_put_path on; } } }`,
  );
  const log = join(folder, 'error.log');
  const child = spawn(program, ['-e', log, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  return started({ folder, children: [child], client: new S3Client(port) });
}

/**
 * Debian's Swift with one replica, as its S3 API: proxy, account, container and object server of one worker each, and
 * memcached. Null: python3-swift or memcached cannot be had.
 */
export async function swiftStart(): Promise<(Peer & AsyncDisposable) | null> {
  const memcached = programFind('memcached', 'usr/bin/memcached');
  const probe = spawnSync(python, ['-c', 'import swift, memcache'], { stdio: 'ignore' });
  if (memcached === null || probe.status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'welkin-swift-'));
  mkdirSync(join(folder, 'node', 'd1'), { recursive: true });
  writeFileSync(join(folder, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = bench\n');
  const [cache = 0, proxy = 0, ...rest] = await Promise.all(Array.from({ length: 5 }, freePort));
  const configured: string[] = [];
  for (const [index, kind] of (['account', 'container', 'object'] as const).entries()) {
    const port = rest[index] ?? 0;
    const ring = (...words: readonly string[]): unknown =>
      execFileSync(python, ['-c', ringBuilder, join(folder, `${kind}.builder`), ...words]);
    ring('create', '8', '1', '1');
    ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
    ring('rebalance');
    configured.push(swiftServer(folder, kind, backendText(folder, kind, port)));
  }
  configured.push(swiftServer(folder, 'proxy', proxyText(folder, proxy, cache)));
  const words = ['-u', userInfo().username, '-l', '127.0.0.1', '-p', String(cache)];
  const children = [spawn(memcached, words, { stdio: 'ignore' })];
  for (const program of configured) {
    children.push(spawn(python, ['-W', 'ignore', '-c', program], { stdio: 'ignore' }));
  }
  const keys = { access: 'test:tester', secret: 'testing' };
  return started({ folder, children, client: new S3Client(proxy, keys) });
}

const python = '/usr/bin/python3';

const ringBuilder =
  "import sys; sys.argv[0] = 'swift-ring-builder'; from swift.cli.ringbuilder import main; main()";

/** Its configuration is written; the program that serves by it. */
function swiftServer(folder: string, kind: string, configuration: string): string {
  const path = join(folder, `${kind}-server.conf`);
  writeFileSync(path, configuration);
  return `import sys
from swift.common.utils import set_swift_dir
from swift.common.wsgi import run_wsgi
set_swift_dir('${folder}')
sys.exit(run_wsgi('${path}', '${kind}-server'))`;
}

/** Waits are long: on a busy machine Swift's own would make errors of slowness. */
const common = (folder: string, port: number): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 1
user = ${userInfo().username}
swift_dir = ${folder}
devices = ${folder}/node
mount_check = false
log_level = ERROR
conn_timeout = 10
node_timeout = 60
`;

const backendText = (folder: string, kind: string, port: number): string => `${common(folder, port)}
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;

const filters: Readonly<Record<string, string>> = {
  s3api: 's3_acl = false\nlocation = us-east-1',
  tempauth: 'user_test_tester = testing .admin',
};

function proxyText(folder: string, port: number, cachePort: number): string {
  // Those of Debian's own configuration, less what an S3 request passes without a look.
  const names = 'catch_errors gatekeeper proxy-logging cache listing_formats s3api tempauth copy';
  const later = 'container-quotas account-quotas slo dlo versioned_writes symlink';
  const sections = `${names} ${later}`.split(' ').map((name) => {
    const egg = name.replace('-', '_').replace('cache', 'memcache');
    const more =
      name === 'cache'
        ? `memcache_servers = 127.0.0.1:${cachePort}\nconnect_timeout = 10\nio_timeout = 30`
        : (filters[name] ?? '');
    return `[filter:${name}]\nuse = egg:swift#${egg}\n${more}\n`;
  });
  return `${common(folder, port)}
[pipeline:main]
pipeline = ${names} ${later} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
node_timeout = 60
recoverable_node_timeout = 60
${sections.join('')}`;
}

/** Answers; ends with all that it started. */
async function started(parts: {
  readonly folder: string;
  readonly children: readonly ChildProcess[];
  readonly client: S3Client;
}): Promise<Peer & AsyncDisposable> {
  const { folder, children, client } = parts;
  const peer = {
    client,
    pids: () => children.flatMap(({ pid = 0 }) => pidsOf(pid)),
    async [Symbol.asyncDispose]() {
      client.close();
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (let tries = 0; ; tries++) {
    const answer = await client.ask({ method: 'GET', path: '/' }).catch(() => null);
    if (answer !== null && answer.status < 500) return peer;
    if (tries < 300) await new Promise((done) => setTimeout(done, 200));
    else {
      await peer[Symbol.asyncDispose]();
      throw new Error(`what is in ${folder} did not start`);
    }
  }
}

/** It and all below it. */
function pidsOf(pid: number): number[] {
  try {
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(below === '' ? [] : below.split(' ').flatMap((one) => pidsOf(Number(one))))];
  } catch {
    return [];
  }
}

/** Where it is installed, else from the package, unpacked below `.state` once. Null: there is no such package here. */
function programFind(name: string, path: string): string | null {
  const folder = resolve('.state', 'peers');
  const found = ['/', folder].map((root) => join(root, path)).find((one) => existsSync(one));
  if (found !== undefined) return found;
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, stdio: 'ignore' } as const;
  if (spawnSync('apt-get', ['download', name], options).status !== 0) return null;
  for (const deb of readdirSync(folder).filter((one) => one.endsWith('.deb'))) {
    execFileSync('dpkg', ['-x', deb, '.'], options);
    rmSync(join(folder, deb));
  }
  return existsSync(join(folder, path)) ? join(folder, path) : null;
}
