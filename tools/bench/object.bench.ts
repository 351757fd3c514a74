import { processFacts } from '../../src/boot/proc.ts';
import { storeProgram, type S3Ask } from '../../test/support/object-store.ts';
import { measure, type Bench, type Measure, type Reference } from './bench.ts';
import { nginxStart, radosgwStart, swiftStart, type ObjectPeer } from './object-peers.ts';
import { cpuSecOf } from './peer.ts';

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

type Measured = Pick<ObjectPeer, 'client' | 'pids'>;

/** Milliseconds of CPU of the server for each operation. */
async function worked(
  { client, pids }: Measured,
  { what, count, clients, ask }: Work,
): Promise<number> {
  const before = cpuSecOf(pids());
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const { status, body } = await client.ask(ask(next++));
      if (status >= 300) throw new Error(`${what}: ${status} ${body.toString().slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, one));
  return ((cpuSecOf(pids()) - before) * 1000) / count;
}

/** Another store, measured beside ours. */
interface Other {
  readonly what: string;
  readonly start: () => Promise<ObjectPeer>;
  /** Of the work; who is slow is measured by less. */
  readonly part: number;
  /** Names that it gets to list; null: it lists none. */
  readonly listed: number | null;
}

const others: readonly Other[] = [
  { what: 'Swift', start: swiftStart, part: 0.1, listed: 1100 },
  { what: 'radosgw', start: radosgwStart, part: 0.5, listed: 10_000 },
  { what: 'nginx, not durable', start: nginxStart, part: 1, listed: null },
];

type OtherPeer = Other & { readonly peer: ObjectPeer };

/** Those that can be had here; of the rest it is said why not. */
async function othersStart(
  stack: AsyncDisposableStack,
  print: (line: string) => void,
): Promise<OtherPeer[]> {
  const started: OtherPeer[] = [];
  for (const other of others) {
    try {
      started.push({ ...other, peer: stack.use(await other.start()) });
    } catch (error) {
      print(`object: without ${other.what}: ${String(error)}`);
    }
  }
  return started;
}

async function referencesOf(beside: readonly OtherPeer[], each: Work): Promise<Reference[]> {
  const found: Reference[] = [];
  for (const { what, part, peer } of beside) {
    const count = Math.max(2, each.count * part);
    found.push({ what, value: await worked(peer, { ...each, count }) });
  }
  return found;
}

/** Names to list are put first; others get as many as they take in about the time. */
async function listingMeasure(
  store: Measured,
  beside: readonly OtherPeer[],
  print: (line: string) => void,
): Promise<Measure> {
  const names = Number(process.env['WELKIN_BENCH_LISTED'] ?? listed);
  print(`object: ${names} names to list`);
  const byte = Buffer.alloc(1);
  const fill = { what: 'filling', clients: 32, target: null };
  await worked(store, { ...fill, count: names, ask: (n) => put(`/bench/n/${n}`, byte) });
  const query = { 'list-type': '2', prefix: 'n/5' };
  const ask = (): S3Ask => ({ ...get('/bench'), query });
  const list = work('listing 1,000 names', 8, counts.list, 1, ask);
  await worked(store, list);
  const value = await worked(store, list);
  const references: Reference[] = [];
  for (const { what, listed: count, peer } of beside) {
    if (count === null) continue;
    await worked(peer, { ...fill, count, ask: (n) => put(`/bench/n/5${n}`, byte) });
    await worked(peer, { ...list, count: 5 });
    references.push({ what: `${what} of ${count}`, value: await worked(peer, list) });
  }
  return measure(list.what, value, 'ms of CPU', { target: { atMost: 8 }, references });
}

export const bench: Bench = {
  name: 'object',
  about: 'CPU of the object store for each operation, through S3',
  async run({ print }) {
    await using store = await storeProgram();
    await using stack = new AsyncDisposableStack();
    const beside = await othersStart(stack, print);
    const warmed = beside.filter(({ listed }) => listed !== null).map(({ peer }) => peer);
    for (const peer of [store, ...warmed]) {
      // So many until what a request runs through has been compiled: it is the steady state that is of interest.
      const count = peer === store ? 8000 : 100;
      const warm = { what: 'warm-up', target: null, clients: 16, count };
      const once = { ...warm, clients: 1, count: counts.large };
      await peer.client.ask({ method: 'PUT', path: '/bench' });
      await worked(peer, { ...warm, ask: (n) => put(`/bench/w/${n}`, small) });
      await worked(peer, { ...warm, ask: (n) => get(`/bench/w/${n}`) });
      await worked(peer, { ...once, ask: (n) => put(`/bench/w/${n}`, large) });
      await worked(peer, { ...once, ask: (n) => get(`/bench/w/${n}`) });
    }
    const measures: Measure[] = [];
    for (const each of works) {
      const value = await worked(store, each);
      const references = await referencesOf(beside, each);
      measures.push(
        measure(each.what, value, 'ms of CPU', {
          ...(each.target !== null && { target: { atMost: each.target } }),
          references,
        }),
      );
    }
    measures.push(await listingMeasure(store, beside, print));
    const memory = store.pids().reduce((sum, pid) => sum + (processFacts(pid)?.pssMib ?? 0), 0);
    measures.push(measure('memory after all this', memory, 'MiB'));
    return measures;
  },
};
