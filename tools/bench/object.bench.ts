import { processFacts } from '../../src/boot/proc.ts';
import { storeProgram, type S3Ask } from '../../test/support/object-store.ts';
import { measure, type Bench, type Measure, type Reference } from './bench.ts';
import { nginxStart, swiftStart, type Peer } from './object-peers.ts';

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

/** The same by others, if they are here. Swift is slow enough to be measured by a tenth of the work. */
async function referencesOf(
  { nginx, swift }: { readonly nginx: Peer | null; readonly swift: Peer | null },
  each: Work,
): Promise<Reference[]> {
  const found: Reference[] = [];
  if (swift !== null) {
    const count = Math.max(2, each.count / 10);
    found.push({ what: 'Swift', value: await worked(swift, { ...each, count }) });
  }
  if (nginx !== null) {
    found.push({ what: 'nginx, not durable', value: await worked(nginx, each) });
  }
  return found;
}

/** Names to list are put first; Swift gets as many as one answer tells. */
async function listingMeasure(
  store: Peer,
  swift: Peer | null,
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
  if (swift !== null) {
    const count = 1100;
    await worked(swift, { ...fill, count, ask: (n) => put(`/bench/n/5${n}`, byte) });
    await worked(swift, { ...list, count: 5 });
    references.push({ what: `Swift of ${count}`, value: await worked(swift, list) });
  }
  return measure(list.what, value, 'ms of CPU', { target: { atMost: 8 }, references });
}

export const bench: Bench = {
  name: 'object',
  about: 'CPU of the object store for each operation, through S3',
  async run({ print }) {
    await using store = await storeProgram();
    await using nginx = await nginxStart();
    await using swift = await swiftStart();
    const warm = { clients: 16, target: null, what: 'warm-up' };
    for (const peer of [store, swift]) {
      if (peer === null) continue;
      // So many until what a request runs through has been compiled: it is the steady state that is of interest.
      const count = peer === store ? 8000 : 100;
      await peer.client.ask({ method: 'PUT', path: '/bench' });
      await worked(peer, { ...warm, count, ask: (n) => put(`/bench/w/${n}`, small) });
      await worked(peer, { ...warm, count, ask: (n) => get(`/bench/w/${n}`) });
    }
    const measures: Measure[] = [];
    for (const each of works) {
      const value = await worked(store, each);
      const references = await referencesOf({ nginx, swift }, each);
      measures.push(
        measure(each.what, value, 'ms of CPU', {
          ...(each.target !== null && { target: { atMost: each.target } }),
          references,
        }),
      );
    }
    measures.push(await listingMeasure(store, swift, print));
    const memory = store.pids().reduce((sum, pid) => sum + (processFacts(pid)?.pssMib ?? 0), 0);
    measures.push(measure('memory after all this', memory, 'MiB'));
    return measures;
  },
};
