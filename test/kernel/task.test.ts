import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Db } from '../../src/kernel/db.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { leaseHold } from '../../src/kernel/lease.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { KernelTables } from '../../src/kernel/tables.ts';
import { taskCancel, taskInsert, taskPending, type TaskKind } from '../../src/kernel/task.ts';
import { TaskRunner } from '../../src/kernel/task-runner.ts';
import { enqueue, journalOpen } from './task-journal.ts';

interface World {
  readonly effects: string[];
}

const kindOf = (
  names: readonly string[],
  fault: (step: string) => void,
): TaskKind<World, null> => ({
  kind: 'build',
  steps: names.map((name) => ({
    name,
    run: async ({ world }) => {
      fault(`before ${name}`);
      if (!world.effects.includes(name)) world.effects.push(name);
      fault(`after ${name}`);
    },
    undo: async ({ world }) => {
      const at = world.effects.indexOf(name);
      if (at !== -1) world.effects.splice(at, 1);
    },
  })),
});

/** Runs until the subject has no unfinished task, or until `stop` is aborted from inside (a crash). */
async function runUntilQuiet(
  db: Db<KernelTables>,
  world: World,
  kind: TaskKind<World, null>,
  stop = new AbortController(),
  holder = 'one',
): Promise<void> {
  const runner = new TaskRunner({
    db,
    world,
    kinds: [kind],
    leaseName: 'tasks',
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const options = { db, clock: systemClock, log: silentLog, name: 'tasks', holder };
  const held = leaseHold(options, stop.signal, (lease) => runner.run(lease));
  while (!stop.signal.aborted && (await db.read((tx) => taskPending(tx, 's')))) {
    await systemClock.sleep(1, stop.signal);
  }
  stop.abort();
  await held;
}

const states = async (db: Db<KernelTables>): Promise<string[]> => {
  const rows = await db.read((tx) => tx.selectFrom('task').select('state').orderBy('id').execute());
  return rows.map(({ state }) => state);
};

const names = ['claim', 'port', 'boot'];

test('a task runs its steps in order', async () => {
  const db = await journalOpen();
  const world: World = { effects: [] };
  await enqueue(db);
  await runUntilQuiet(
    db,
    world,
    kindOf(names, () => {}),
  );
  assert.deepEqual(world.effects, names);
  assert.deepEqual(await states(db), ['done']);
});

for (const moment of names.flatMap((name) => [`before ${name}`, `after ${name}`])) {
  test(`a step that fails ${moment} its effect leaves nothing behind`, async () => {
    const db = await journalOpen();
    const world: World = { effects: [] };
    await enqueue(db);
    await runUntilQuiet(
      db,
      world,
      kindOf(names, (at) => {
        if (at === moment) throw new Error('injected');
      }),
    );
    assert.deepEqual(world.effects, []);
    assert.deepEqual(await states(db), ['failed']);
  });

  test(`a crash ${moment} is resumed by the next holder, each effect once`, async () => {
    const db = await journalOpen();
    const world: World = { effects: [] };
    await enqueue(db);
    const crash = new AbortController();
    const crashing = kindOf(names, (at) => {
      if (at !== moment) return;
      crash.abort();
      throw new Error('the process is gone');
    });
    await runUntilQuiet(db, world, crashing, crash);
    assert.notDeepEqual(await states(db), ['done']);
    await runUntilQuiet(
      db,
      world,
      kindOf(names, () => {}),
      new AbortController(),
      'two',
    );
    assert.deepEqual(world.effects, names);
    assert.deepEqual(await states(db), ['done']);
  });
}

test('a step that waits for what is not available is tried again', async () => {
  const db = await journalOpen();
  const world: World = { effects: [] };
  await enqueue(db);
  let tries = 0;
  await runUntilQuiet(
    db,
    world,
    kindOf(names, (at) => {
      if (at === 'before port' && ++tries < 2) throw new Failure('unavailable', 'no answer');
    }),
  );
  assert.deepEqual(world.effects, names);
});

test('a cancelled task is undone', async () => {
  const db = await journalOpen();
  const world: World = { effects: [] };
  await enqueue(db);
  await db.write((tx) => taskCancel(tx, 's', 1));
  await runUntilQuiet(
    db,
    world,
    kindOf(names, () => {}),
  );
  assert.deepEqual(world.effects, []);
  assert.deepEqual(await states(db), ['failed']);
});

test('a task that nobody cancelled goes on when its subject is said to be cancelled', async () => {
  const db = await journalOpen();
  const world: World = { effects: [] };
  await enqueue(db);
  const runner = new TaskRunner({
    db,
    world,
    kinds: [
      kindOf(names, (at) => {
        if (at === 'before port') runner.cancelled('s');
      }),
    ],
    leaseName: 'tasks',
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const stop = new AbortController();
  const options = { db, clock: systemClock, log: silentLog, name: 'tasks', holder: 'one' };
  const held = leaseHold(options, stop.signal, (lease) => runner.run(lease));
  while (await db.read((tx) => taskPending(tx, 's'))) await systemClock.sleep(1);
  stop.abort();
  await held;
  assert.deepEqual(world.effects, names);
  assert.deepEqual(await states(db), ['done']);
});

test('a late holder of a lease cannot record any more', async () => {
  const db = await journalOpen();
  const world: World = { effects: [] };
  await enqueue(db);
  const stop = new AbortController();
  await runUntilQuiet(
    db,
    world,
    {
      kind: 'build',
      steps: [
        {
          name: 'slow',
          run: async () => {
            await db.write(async (tx) => {
              await tx.updateTable('lease').set({ holder: 'other', epoch: 99 }).execute();
            });
            setImmediate(() => stop.abort());
          },
        },
      ],
    },
    stop,
  );
  assert.deepEqual(await states(db), ['queued']);
});

test('tasks that only wait leave their place to others', async () => {
  const db = await journalOpen();
  const released = Promise.withResolvers<void>();
  const done: string[] = [];
  const kind: TaskKind<World, string> = {
    kind: 'build',
    steps: [
      {
        name: 'only',
        run: async ({ input, wait }) => {
          if (input === 'last') released.resolve();
          else await wait(released.promise);
          done.push(input);
        },
      },
    ],
  };
  await db.write(async (tx) => {
    for (let n = 0; n <= 200; n++) {
      const input = n === 200 ? 'last' : 'waits';
      const task = { id: randomIds.uuid(), kind: 'build', subject: `s${n}`, input, now: 0 };
      await taskInsert(tx, { ...task, requestId: 'req-1' });
    }
  });
  const runner = new TaskRunner({
    db,
    world: { effects: [] },
    kinds: [kind],
    leaseName: 'tasks',
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const stop = new AbortController();
  const options = { db, clock: systemClock, log: silentLog, name: 'tasks', holder: 'one' };
  const held = leaseHold(options, stop.signal, (lease) => runner.run(lease));
  await released.promise;
  while (done.length < 201) await systemClock.sleep(1);
  stop.abort();
  await held;
});
