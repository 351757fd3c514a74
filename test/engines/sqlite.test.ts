import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { engineSuite } from '../support/engine-suite.ts';

const dir = mkdtempSync(join(tmpdir(), 'welkin-sqlite-'));
after(() => rmSync(dir, { recursive: true }));
let next = 0;
engineSuite('SQLite', async () => sqliteOpen(join(dir, `${++next}.db`)));

test('a database in memory serves reads and writes', async () => {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('t', {
    '1': { up: (db) => db.schema.createTable('t').addColumn('a', 'text').execute() },
  });
  const db = engine.db<{ t: { a: string } }>();
  await db.write((tx) => tx.insertInto('t').values({ a: 'x' }).execute());
  const rows = await db.read((tx) => tx.selectFrom('t').selectAll().execute());
  assert.equal(rows[0]?.a, 'x');
});
