import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processFacts } from '../../src/boot/proc.ts';
import { S3Client, storeProgram, type S3Ask } from '../../test/support/object-store.ts';
import { measure, type Bench, type Measure } from './bench.ts';

/** A server of objects and the processes that spend CPU for it. */
interface Peer {
  readonly client: S3Client;
  readonly pids: () => readonly number[];
}

interface Work {
  readonly what: string;
  readonly count: number;
  readonly clients: number;
  readonly ask: (n: number) => S3Ask;
  /** CPU milliseconds of an operation that are at most to be spent. */
  readonly target: number | null;
}

const small = Buffer.alloc(4096, 'welkin');
const large = Buffer.alloc(64 << 20, 'welkin');
const listed = 100_000;
/** Of them, those that are put while measured; the others only make the listing long. */
const counts = { small: 3000, alone: 300, large: 4, list: 30 };

const works: readonly Work[] = [
  work('4 KiB PUT, 16 at once', 1, counts.small, 16, (n) => put(`/bench/s/${n}`, small)),
  work('4 KiB PUT, one by one', null, counts.alone, 1, (n) => put(`/bench/a/${n}`, small)),
  work('4 KiB GET, 16 at once', 0.4, counts.small, 16, (n) => get(`/bench/s/${n}`)),
  work('4 KiB GET, one by one', null, counts.alone, 1, (n) => get(`/bench/a/${n}`)),
  work('DELETE, 16 at once', 1, counts.small, 16, (n) => ({
    method: 'DELETE',
    path: `/bench/s/${n}`,
  })),
  // 6 CPU seconds for a GiB are 375 ms for 64 MiB; 1.5 are 94.
  work('64 MiB PUT', 375, counts.large, 1, (n) => put(`/bench/l/${n}`, large)),
  work('64 MiB GET', 94, counts.large, 1, (n) => get(`/bench/l/${n}`)),
];

const put = (path: string, body: Buffer): S3Ask => ({ method: 'PUT', path, body });
const get = (path: string): S3Ask => ({ method: 'GET', path });

function work(
  what: string,
  target: number | null,
  count: number,
  clients: number,
  ask: (n: number) => S3Ask,
): Work {
  return { what, target, count, clients, ask };
}

/** Milliseconds of CPU of the server for each operation. */
async function worked(
  { client, pids }: Peer,
  { what, count, clients, ask }: Work,
): Promise<number> {
  const before = cpuSec(pids());
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const { status, body } = await client.ask(ask(next++));
      if (status >= 300) throw new Error(`${what}: ${status} ${body.toString().slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, one));
  return ((cpuSec(pids()) - before) * 1000) / count;
}

const cpuSec = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (processFacts(pid)?.cpuSec ?? 0), 0);

/** nginx with WebDAV: it does not synchronise what it writes, so it is a bound and no peer. Null: not installed. */
async function nginxStart(): Promise<(Peer & Disposable) | null> {
  const module = '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so';
  if (!existsSync('/usr/sbin/nginx') || !existsSync(module)) return null;
  const folder = mkdtempSync(join(tmpdir(), 'welkin-nginx-'));
  const port = await freePort();
  for (const part of ['data', 'temp']) mkdirSync(join(folder, part));
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user root; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http { access_log off; server { listen 127.0.0.1:${port}; root ${folder}/data; client_max_body_size 0;
      client_body_temp_path ${folder}/temp;
      location / { dav_methods PUT DELETE; create_full_put_path on; } } }`,
  );
  const child = spawn('/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const client = new S3Client(port);
  for (let tries = 0; ; tries++) {
    const answer = await client.ask({ method: 'GET', path: '/' }).catch(() => null);
    if (answer !== null) break;
    if (tries > 100) throw new Error('nginx did not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const workers = (): number[] =>
    execFileSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => (line.trim() === '' ? [] : [Number(line)]));
  return {
    client,
    pids: workers,
    [Symbol.dispose]() {
      client.close();
      child.kill('SIGTERM');
      rmSync(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const bench: Bench = {
  name: 'object',
  about: 'CPU of the object store for each operation, through S3',
  async run({ print }) {
    await using store = await storeProgram();
    using nginx = await nginxStart();
    const peer: Peer = store;
    await store.client.ask({ method: 'PUT', path: '/bench' });
    const warm = { count: 2000, clients: 16, target: null, what: 'warm-up' };
    await worked(peer, { ...warm, ask: (n) => put(`/bench/w/${n}`, small) });
    await worked(peer, { ...warm, ask: (n) => get(`/bench/w/${n}`) });
    const measures: Measure[] = [];
    for (const each of works) {
      const value = await worked(peer, each);
      const bound = nginx === null ? null : await worked(nginx, each);
      measures.push(
        measure(each.what, value, 'ms of CPU', {
          ...(each.target !== null && { target: { atMost: each.target } }),
          ...(bound !== null && { reference: { what: 'nginx, not durable', value: bound } }),
        }),
      );
    }
    const names = Number(process.env['WELKIN_BENCH_LISTED'] ?? listed);
    print(`object: ${names} names to list`);
    const fill = { what: 'filling', count: names, clients: 32, target: null };
    await worked(peer, { ...fill, ask: (n) => put(`/bench/n/${n}`, Buffer.alloc(1)) });
    const query = { 'list-type': '2', prefix: 'n/5' };
    const list = work('listing 1,000 names', 8, counts.list, 1, () => ({
      ...get('/bench'),
      query,
    }));
    measures.push(
      measure(list.what, await worked(peer, list), 'ms of CPU', { target: { atMost: 8 } }),
    );
    const memory = store.pids().reduce((sum, pid) => sum + (processFacts(pid)?.pssMib ?? 0), 0);
    measures.push(measure('memory after all this', memory, 'MiB'));
    return measures;
  },
};
