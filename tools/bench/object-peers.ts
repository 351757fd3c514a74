import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { freemem, userInfo } from 'node:os';
import { join } from 'node:path';
import { cephStart } from '../../test/support/ceph.ts';
import { freePort } from '../../test/support/free-port.ts';
import { S3Client } from '../../test/support/object-store.ts';
import { peerStart, python, type Peer, type PeerPlace, type PeerSetUp } from './peer.ts';

/** A server of objects. */
export interface ObjectPeer extends Peer {
  readonly client: S3Client;
}

async function objectPeerStart(
  client: S3Client,
  setUp: Omit<PeerSetUp, 'answers'>,
): Promise<ObjectPeer> {
  const answers = async (): Promise<boolean> => {
    const { status } = await client.ask({ method: 'GET', path: '/' });
    return status < 500;
  };
  return clientClosed(client, await peerStart({ ...setUp, answers }));
}

/** The client's connections end with the peer. */
const clientClosed = (client: S3Client, peer: Peer): ObjectPeer => ({
  ...peer,
  client,
  async [Symbol.asyncDispose]() {
    client.close();
    await peer[Symbol.asyncDispose]();
  },
});

/** nginx with WebDAV: it does not synchronise what it writes, so it is a bound and no peer. */
export async function nginxStart(): Promise<ObjectPeer> {
  const port = await freePort();
  const configure = ({ folder }: PeerPlace) => {
    for (const part of ['data', 'temp']) mkdirSync(join(folder, part));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/temp/${name};`,
    );
    const [path, log] = [join(folder, 'nginx.conf'), join(folder, 'error.log')];
    writeFileSync(
      path,
      `user ${userInfo().username}; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${log};
    events {}
    http { access_log off; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; root ${folder}/data; client_max_body_size 0;
        location / { dav_methods PUT DELETE; create_full_put_path on; } } }`,
    );
    return [['nginx', '-e', log, '-c', path]];
  };
  return objectPeerStart(new S3Client(port), { packages: ['nginx'], configure });
}

/**
 * Debian's Swift with one replica, as its S3 API: proxy, account, container and object server of one worker each, and
 * memcached.
 */
export async function swiftStart(): Promise<ObjectPeer> {
  const [cache = 0, proxy = 0, ...rest] = await Promise.all(Array.from({ length: 5 }, freePort));
  const configure = ({ folder, env }: PeerPlace) => {
    mkdirSync(join(folder, 'node', 'd1'), { recursive: true });
    writeFileSync(join(folder, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = bench\n');
    const servers: string[] = [];
    for (const [index, kind] of (['account', 'container', 'object'] as const).entries()) {
      const port = rest[index] ?? 0;
      const ring = (...words: readonly string[]): void => {
        const builder = join(folder, `${kind}.builder`);
        execFileSync(python, ['-c', ringBuilder, builder, ...words], { env, stdio: 'pipe' });
      };
      ring('create', '8', '1', '1');
      ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
      ring('rebalance');
      servers.push(swiftServer(folder, kind, backendText(folder, kind, port)));
    }
    servers.push(swiftServer(folder, 'proxy', proxyText(folder, proxy, cache)));
    return [
      ['memcached', '-u', userInfo().username, '-l', '127.0.0.1', '-p', String(cache)],
      ...servers.map((program) => [python, '-W', 'ignore', '-c', program]),
    ];
  };
  const client = new S3Client(proxy, { access: 'test:tester', secret: 'testing' });
  const packages = ['python3-swift', 'python3-memcache', 'memcached'];
  return objectPeerStart(client, { packages, configure });
}

/** One node of Debian's Ceph with its S3 gateway; its packages are installed where they are missing. */
export async function radosgwStart(): Promise<ObjectPeer> {
  if (freemem() < cephBytes) throw new Error('Ceph wants 4 GiB of free memory');
  const ceph = await cephStart();
  return clientClosed(new S3Client(ceph.port, ceph.keys), { ...ceph, pids: () => ceph.pids });
}

/** What its storage daemon takes by itself. */
const cephBytes = 4 * 2 ** 30;

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
