import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ExternalWanted } from '../../../src/agent/api.ts';
import { AgentFailure } from '../../../src/agent/failure.ts';
import type { DocumentActual } from '../../../src/agent/network/host-network.ts';
import { keeperOpen, type Keeper } from '../../../src/agent/network/keeper.ts';
import type { Clock } from '../../../src/kernel/clock.ts';
import { silentLog } from '../../../src/kernel/log.ts';

const external: ExternalWanted = {
  id: '01930000-0000-7000-8000-0000000000f1',
  mtu: 1500,
  hostAddresses: [],
};

interface Bench {
  readonly directory: string;
  readonly applied: ExternalWanted[];
  readonly reports: DocumentActual[];
  /** Thrown by the next applications. */
  fault: Error | null;
  /** Lets whoever sleeps go on. */
  readonly wake: () => void;
  open(): Promise<Keeper<ExternalWanted>>;
}

async function benchOpen(t: TestContext): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'welkin-keeper-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const sleepers: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        sleepers.push(resolve);
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const bench: Bench = {
    directory,
    applied: [],
    reports: [],
    fault: null,
    wake: () => {
      for (const resolve of sleepers.splice(0)) resolve();
    },
    open: () =>
      keeperOpen<ExternalWanted>({
        of: 'external',
        directory,
        apply: async (wanted) => {
          if (bench.fault !== null) throw bench.fault;
          bench.applied.push(wanted);
        },
        remove: async () => {
          if (bench.fault !== null) throw bench.fault;
        },
        report: (document) => bench.reports.push(document),
        clock,
        log: silentLog,
      }),
  };
  return bench;
}

test('a document is on disk before it is put in force, and in force again after a start', async (t) => {
  const bench = await benchOpen(t);
  const first = await bench.open();
  bench.fault = new AgentFailure('no_network', 'not now');
  await assert.rejects(first.put(external.id, { wanted: external, digest: 'a' }), /not now/);
  await first.stop();
  bench.fault = null;
  const second = await bench.open();
  await second.start();
  assert.deepEqual(bench.applied, [external]);
  assert.deepEqual(second.documents(), [
    { of: 'external', id: external.id, digest: 'a', error: null },
  ]);
});

test('what is in force is not put in force again, what differs is', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  for (const digest of ['a', 'a', 'b', 'a'])
    await keeper.put(external.id, { wanted: { ...external, mtu: digest.charCodeAt(0) }, digest });
  assert.deepEqual(
    bench.applied.map(({ mtu }) => mtu),
    [97, 98, 97],
  );
});

test('a failure is reported with the digest that was in force, and tried again until it works', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  await keeper.put(external.id, { wanted: external, digest: 'a' });
  bench.fault = new AgentFailure('no_network', 'not now');
  await assert.rejects(keeper.put(external.id, { wanted: external, digest: 'b' }));
  const failed = {
    of: 'external',
    id: external.id,
    digest: 'a',
    error: { code: 'no_network', message: 'not now' },
  };
  assert.deepEqual(bench.reports.at(-1), failed);
  bench.fault = null;
  while (bench.reports.at(-1)?.error !== null) {
    bench.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(bench.reports.at(-1), { ...failed, digest: 'b', error: null });
  await keeper.stop();
});

test('a write that was cut short is as if it had never begun', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  await keeper.put(external.id, { wanted: external, digest: 'a' });
  const path = join(bench.directory, `${external.id}.json`);
  const whole = await readFile(path, 'utf8');
  await writeFile(`${path}.part`, whole.slice(0, 20));
  const next = await bench.open();
  assert.deepEqual(next.get(external.id), external);
  assert.deepEqual(await readdir(bench.directory), [`${external.id}.json`]);
});

test('a deleted document is gone from the disk and reported so', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  await keeper.put(external.id, { wanted: external, digest: 'a' });
  await keeper.delete(external.id);
  await keeper.delete(external.id);
  assert.equal(keeper.get(external.id), null);
  assert.deepEqual(await readdir(bench.directory), []);
  assert.deepEqual(bench.reports.at(-1), {
    of: 'external',
    id: external.id,
    digest: null,
    error: null,
  });
});

test('a document that was half removed is put in force anew when it is wanted again', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  await keeper.put(external.id, { wanted: external, digest: 'a' });
  bench.fault = new AgentFailure('internal', 'not now');
  await assert.rejects(keeper.delete(external.id), /not now/);
  const { digest, error } = bench.reports.at(-1) ?? assert.fail();
  assert.deepEqual([digest, error?.message], ['a', 'not now']);
  bench.fault = null;
  await keeper.put(external.id, { wanted: external, digest: 'a' });
  assert.equal(bench.applied.length, 2);
  assert.equal(bench.reports.at(-1)?.error, null);
  await keeper.delete(external.id);
  assert.deepEqual(keeper.documents(), []);
});

test('an id that is none never becomes a path', async (t) => {
  const bench = await benchOpen(t);
  const keeper = await bench.open();
  await assert.rejects(
    keeper.put('../../etc/passwd', { wanted: external, digest: 'a' }),
    TypeError,
  );
});

test('a document that fails at the moment when the last other one is in force again is tried again', async (t) => {
  const [one, other] = [external.id, external.id.replace(/1$/, '2')];
  // At one of these distances, in turns of the queue of promises, nobody is awake any more.
  for (let distance = 0; distance < 40; distance++) {
    const directory = await mkdtemp(join(tmpdir(), 'welkin-keeper-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const sleepers: (() => void)[] = [];
    const clock: Clock = {
      now: () => 0,
      sleep: () => new Promise((resolve) => sleepers.push(resolve)),
    };
    const failing = new Set([one]);
    let isBack = false;
    const keeper = await keeperOpen<ExternalWanted>({
      of: 'external',
      directory,
      apply: async ({ id }) => {
        if (failing.has(id)) throw new AgentFailure('no_network', 'not now');
        if (id !== one || isBack) return;
        isBack = true;
        void otherFail();
      },
      remove: async () => {},
      report: () => {},
      clock,
      log: silentLog,
    });
    const otherFail = async (): Promise<void> => {
      for (let n = 0; n < distance; n++) await Promise.resolve();
      failing.add(other);
      keeper.renew(other);
    };
    const turn = async (): Promise<void> => {
      for (const resolve of sleepers.splice(0)) resolve();
      await new Promise((resolve) => setImmediate(resolve));
    };
    await keeper.put(other, { wanted: { ...external, id: other }, digest: 'a' });
    await assert.rejects(keeper.put(one, { wanted: external, digest: 'a' }), /not now/);
    failing.clear();
    await turn();
    failing.clear();
    for (let n = 0; n < 3; n++) await turn();
    const errors = keeper.documents().map(({ error }) => error);
    assert.deepEqual(errors, [null, null], `at a distance of ${distance}`);
    await keeper.stop();
  }
});
