import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  headersSigned,
  storeKeys,
  storeProgram,
  type StoreProgram,
} from '../support/object-store.ts';

/** The kernel keeps 2.5 MiB of every answer that nobody takes: a thousand are for the long run. */
const clients = process.env['WELKIN_TEST_ALL'] ? 1000 : 300;
const mib = 2 ** 20;
/** More than what is small. */
const sentBytes = mib / 2;
const bodyBytes = 10 * mib;
/** What bodies may hold in all, and what a connection costs with one slice of an answer. */
const duringMib = 150 + clients * 0.13;
const afterMib = 100;

const pssMib = (store: StoreProgram): number => {
  const text = readFileSync(`/proc/${store.child().pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) / 1024;
};

interface Queues {
  /** Connections of the server, and what they have not taken or not got rid of. */
  readonly count: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

function queuesOf({ port }: StoreProgram): Queues {
  const own = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  const queues = lines.flatMap((line) => {
    const [, local = '', , state, sizes = ''] = line.trim().split(/\s+/);
    return local.endsWith(own) && state === '01' ? [sizes.split(':')] : [];
  });
  const sum = (index: number): number =>
    queues.reduce((total, sizes) => total + parseInt(sizes[index] ?? '0', 16), 0);
  return { count: queues.length, outBytes: sum(0), inBytes: sum(1) };
}

/** Each sends its request, and no more than `sent` of its body; none reads. */
async function stalledClients(
  store: StoreProgram,
  { method, path, sent }: { method: string; path: (n: number) => string; sent: Buffer },
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let n = 0; n < clients; n++) {
    const socket = connect(store.port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    const asked = { method, path: path(n) };
    const lines = Object.entries({
      ...headersSigned(store.port, storeKeys, asked),
      ...(sent.length > 0 && { 'content-length': String(bodyBytes) }),
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.pause();
    socket.write(`${method} ${asked.path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    if (sent.length > 0) socket.write(sent);
  }
  return sockets;
}

/** The most that the store had until nothing moved any more. */
async function mostUntilStill(store: StoreProgram, sockets: readonly Socket[]): Promise<number> {
  let most = 0;
  for (let before = ''; ; await wait(500)) {
    most = Math.max(most, pssMib(store));
    const { count, ...queues } = queuesOf(store);
    assert.ok(count > clients / 2, `${clients - count} were not served`);
    // Those that came first have stalled for so long that they were sent away.
    if (count < clients) return most;
    const unsent = sockets.reduce((sum, { writableLength }) => sum + writableLength, 0);
    const now = JSON.stringify(queues);
    if (unsent === 0 && queues.inBytes === 0 && now === before) return most;
    before = now;
  }
}

async function leave(store: StoreProgram, sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  while (queuesOf(store).count > 0) await wait(100);
}

test(`${clients} clients that stall in uploads, then in downloads, cost little, and nothing once they have left`, async (t) => {
  await using store = await storeProgram();
  await store.client.ask({ method: 'PUT', path: '/bucket' });
  const body = Buffer.alloc(bodyBytes, 'x');
  const put = await store.client.ask({ method: 'PUT', path: '/bucket/big', body });
  assert.equal(put.status, 200);
  const before = pssMib(store);
  const said: string[] = [`before ${before.toFixed()} MiB`];
  for (const round of [1, 2]) {
    for (const [method, path, sent] of [
      ['PUT', (n: number) => `/bucket/${n}`, Buffer.alloc(sentBytes)],
      ['GET', () => '/bucket/big', Buffer.alloc(0)],
    ] as const) {
      const sockets = await stalledClients(store, { method, path, sent });
      const most = await mostUntilStill(store, sockets);
      said.push(`${method} ${round}: ${most.toFixed()} MiB`);
      assert.ok(most < before + duringMib, said.join(', '));
      await leave(store, sockets);
    }
  }
  let after = pssMib(store);
  // It collects when it has been idle for a while.
  while (after >= before + afterMib) {
    await wait(1000);
    after = pssMib(store);
  }
  t.diagnostic([...said, `after ${after.toFixed()} MiB`].join(', '));
});
