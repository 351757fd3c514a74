import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, type Clock } from '../../src/kernel/clock.ts';
import type { Db, Tx } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { leaseHold, type Lease } from '../../src/kernel/lease.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { KernelTables } from '../../src/kernel/tables.ts';
import { taskCancel, type TaskKind } from '../../src/kernel/task.ts';
import { TaskRunner } from '../../src/kernel/task-runner.ts';
import { enqueue, journalOpen } from './task-journal.ts';

type Steps = TaskKind<null, null>['steps'];

const stateOf = async (db: Db<KernelTables>): Promise<string | undefined> =>
  (await db.read((tx) => tx.selectFrom('task').select('state').executeTakeFirst()))?.state;

/** Nobody is woken by the timer: whoever sleeps for long sleeps for ever. */
const timerless: Clock = {
  now: () => systemClock.now(),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs >= 5_000 ? 2 ** 30 : delayMs, signal),
};

const hasty: Clock = {
  now: () => systemClock.now(),
  sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 1), signal),
};

const runnerOf = (db: Db<KernelTables>, steps: Steps, clock = timerless): TaskRunner<null> =>
  new TaskRunner({
    db,
    world: null,
    kinds: [{ kind: 'build', steps }],
    leaseName: 'tasks',
    clock,
    ids: randomIds,
    log: silentLog,
  });

async function underLease(
  db: Db<KernelTables>,
  work: (lease: Lease) => Promise<void>,
  body: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const options = { db, clock: systemClock, log: silentLog, name: 'tasks', holder: 'one' };
  const held = leaseHold(options, stop.signal, work);
  try {
    await body();
  } finally {
    stop.abort();
    await held;
  }
}

async function until(db: Db<KernelTables>, state: string): Promise<void> {
  while ((await stateOf(db)) !== state) await systemClock.sleep(1);
}

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
};

test('a task that fails while the runner looks for work is not begun again', async () => {
  const db = await journalOpen();
  await enqueue(db);
  const begun = Promise.withResolvers<void>();
  const fail = Promise.withResolvers<void>();
  let runs = 0;
  let isHeld = false;
  const late: Db<KernelTables> = {
    write: (work) => db.write(work),
    read: async <T>(work: (tx: Tx<KernelTables>) => Promise<T>): Promise<T> => {
      const value = await db.read(work);
      if (isHeld && Array.isArray(value)) {
        isHeld = false;
        fail.resolve();
        await until(db, 'failed');
        // Nobody works on the task any more when what was read of it arrives.
        await turns(50);
      }
      return value;
    },
  };
  const runner = runnerOf(late, [
    {
      name: 'only',
      run: async () => {
        runs++;
        begun.resolve();
        await fail.promise;
        throw new Error('injected');
      },
    },
  ]);
  await underLease(
    db,
    (lease) => runner.run(lease),
    async () => {
      await begun.promise;
      isHeld = true;
      runner.wake();
      await until(db, 'failed');
      await turns(200);
    },
  );
  assert.equal(isHeld, false);
  assert.equal(runs, 1);
});

test('a task that waits learns of a cancellation by another process', async () => {
  const db = await journalOpen();
  await enqueue(db);
  const begun = Promise.withResolvers<void>();
  const runner = runnerOf(db, [
    {
      name: 'only',
      run: async ({ signal, wait }) => {
        begun.resolve();
        await wait(systemClock.sleep(2 ** 30, signal));
        throw new Error('interrupted');
      },
    },
  ]);
  await underLease(
    db,
    (lease) => runner.run(lease),
    async () => {
      await begun.promise;
      await db.write((tx) => taskCancel(tx, 's', 1));
      // As the timer does.
      runner.wake();
      await until(db, 'failed');
    },
  );
});

test('who gets a lease back looks at once for what came meanwhile', async () => {
  const db = await journalOpen();
  const runner = runnerOf(db, [{ name: 'only', run: async () => {} }]);
  const asleep = Promise.withResolvers<void>();
  const looked = new AbortController();
  const first = runner.run({ epoch: 1, lost: looked.signal });
  void turns(50).then(asleep.resolve);
  await asleep.promise;
  looked.abort();
  await first;
  await enqueue(db);
  await underLease(
    db,
    (lease) => runner.run(lease),
    () => until(db, 'done'),
  );
});

test('a journal that cannot be written for a moment fails no task', async () => {
  const db = await journalOpen();
  await enqueue(db);
  const effects: string[] = [];
  let isCut = false;
  const cut: Db<KernelTables> = {
    read: (work) => db.read(work),
    write: async (work) => {
      if (!isCut) return db.write(work);
      isCut = false;
      throw new Error('the connection was cut');
    },
  };
  const step = {
    name: 'only',
    run: async () => {
      isCut = effects.length === 0;
      effects.push('done');
    },
    undo: async () => void effects.push('undone'),
  };
  const runner = runnerOf(cut, [step], hasty);
  await underLease(
    db,
    (lease) => runner.run(lease),
    () => until(db, 'done'),
  );
  assert.deepEqual(effects, ['done', 'done']);
});
