import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { UniqueViolation, type Engine, type Migrations } from '../../src/kernel/db.ts';

interface NoteTables {
  note: { id: string; body: string; count: number; at: number };
}

const migrations: Migrations = {
  '0001-note': {
    async up(db) {
      await db.schema
        .createTable('note')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('body', 'text', (c) => c.notNull().unique())
        .addColumn('count', 'integer', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
};

const broken: Migrations = {
  ...migrations,
  '0002-half': {
    async up(db) {
      await db.schema.createTable('half').addColumn('id', 'text').execute();
      throw new Error('injected');
    },
  },
};

/** What every engine must do alike; each runs it on databases of its own. */
export function engineSuite(name: string, open: () => Promise<Engine>): void {
  const opened = async (): Promise<Engine> => {
    const engine = await open();
    await engine.migrate('note', migrations);
    return engine;
  };
  const noteAdd = (engine: Engine, id: string, body = id): Promise<unknown> =>
    engine.db<NoteTables>().write((tx) =>
      tx
        .insertInto('note')
        .values({ id, body, count: 0, at: 2 ** 41 })
        .execute(),
    );
  const notes = (engine: Engine): Promise<{ id: string; count: number; at: number }[]> =>
    engine.db<NoteTables>().read((tx) => tx.selectFrom('note').selectAll().orderBy('id').execute());

  describe(name, () => {
    test('what was written is read back, large times as numbers', async () => {
      const engine = await opened();
      await noteAdd(engine, 'a');
      assert.deepEqual(
        (await notes(engine)).map(({ id, at }) => [id, at]),
        [['a', 2 ** 41]],
      );
      await engine.close();
    });

    test('a second row of one unique value is a UniqueViolation and leaves no trace', async () => {
      const engine = await opened();
      await noteAdd(engine, 'a', 'same');
      await assert.rejects(noteAdd(engine, 'b', 'same'), UniqueViolation);
      assert.equal((await notes(engine)).length, 1);
      await engine.close();
    });

    test('a work that throws takes nothing of its neighbours in the group with it', async () => {
      const engine = await opened();
      const failing = engine.db<NoteTables>().write(async (tx) => {
        await tx.insertInto('note').values({ id: 'x', body: 'x', count: 0, at: 0 }).execute();
        throw new Error('injected');
      });
      const results = await Promise.allSettled([
        noteAdd(engine, 'a'),
        failing,
        noteAdd(engine, 'b'),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual(
        (await notes(engine)).map(({ id }) => id),
        ['a', 'b'],
      );
      await engine.close();
    });

    test('fifty writers that read and then write lose no update', async () => {
      const engine = await opened();
      await noteAdd(engine, 'a');
      const raise = (): Promise<void> =>
        engine.db<NoteTables>().write(async (tx) => {
          const { count } = await tx
            .selectFrom('note')
            .select('count')
            .where('id', '=', 'a')
            .executeTakeFirstOrThrow();
          await tx
            .updateTable('note')
            .set({ count: count + 1 })
            .where('id', '=', 'a')
            .execute();
        });
      await Promise.all(Array.from({ length: 50 }, raise));
      assert.equal((await notes(engine))[0]?.count, 50);
      await engine.close();
    });

    test('a migration that throws leaves nothing, and the next start can repeat it', async () => {
      const engine = await opened();
      await assert.rejects(engine.migrate('note', broken), /0002-half/);
      await engine.migrate('note', {
        ...migrations,
        '0002-half': {
          up: async (db) => {
            await db.schema.createTable('half').addColumn('id', 'text').execute();
          },
        },
      });
      await engine.close();
    });

    test('a program that is older than the database is told so', async () => {
      const engine = await opened();
      await engine.migrate('note', { ...migrations, '0002-later': { up: async () => {} } });
      await assert.rejects(engine.migrate('note', migrations), { name: 'Error', message: /note/ });
      await engine.close();
    });

    test('a watch moves when something is committed, and rests when nothing is', async () => {
      const engine = await opened();
      const watch = await engine.watch('note');
      const settled = async (): Promise<number> => {
        for (let seen = watch.version(); ;) {
          await sleep(20);
          const next = watch.version();
          if (next === seen) return next;
          seen = next;
        }
      };
      const before = await settled();
      await noteAdd(engine, 'a');
      for (let turn = 0; watch.version() === before && turn < 3_000; turn++) await sleep(5);
      assert.notEqual(watch.version(), before);
      // What another server tells may come late: a read that moves nothing leaves it at rest in the end.
      for (let turn = 0, isAtRest = false; !isAtRest; turn++) {
        assert.ok(turn < 100, 'each read moves it');
        const after = await settled();
        await notes(engine);
        isAtRest = (await settled()) === after;
      }
      await engine.close();
    });

    test('a read cannot write', async () => {
      const engine = await opened();
      await assert.rejects(
        engine
          .db<NoteTables>()
          .read((tx) =>
            tx.insertInto('note').values({ id: 'a', body: 'a', count: 0, at: 0 }).execute(),
          ),
      );
      await engine.close();
    });
  });
}
