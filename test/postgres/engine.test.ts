import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { engineSuite } from '../support/engine-suite.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
test('while nobody listens for a watch it says that nothing is known, and listens again', async () => {
  const engine = postgresOpen(postgres.url, 'watched');
  await engine.migrate('t', {
    '1': { up: (db) => db.schema.createTable('t').addColumn('a', 'text').execute() },
  });
  const watch = await engine.watch('t');
  const isQuiet = async (): Promise<boolean> => {
    const before = watch.version();
    await sleep(20);
    return watch.version() === before;
  };
  const until = async (wanted: boolean): Promise<void> => {
    for (let turn = 0; turn < 1_000; turn++) if ((await isQuiet()) === wanted) return;
    assert.fail(`never ${wanted ? 'quiet' : 'in doubt'}`);
  };
  await until(true);
  const before = watch.version();
  const other = new pg.Client({ connectionString: postgres.url });
  await other.connect();
  const ended = await other.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'",
  );
  assert(ended.rows.length > 0);
  // It is told of its end when the network tells it.
  for (let turn = 0; watch.version() === before && turn < 3_000; turn++) await sleep(10);
  await until(true);
  assert.notEqual(watch.version(), before, 'what was missed meanwhile is looked for');
  await other.end();
  await engine.close();
});

engineSuite('PostgreSQL', async () => postgresOpen(postgres.url, `t${++next}`));
