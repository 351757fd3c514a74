import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  computeCellMigrations,
  computeRegionMigrations,
} from '../../src/compute/compute.migrations.ts';
import type { ComputeCellTables, ComputeRegionTables } from '../../src/compute/compute.tables.ts';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';

test('the tables of compute are made in a region and in a cell', async () => {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('compute_region', computeRegionMigrations);
  await engine.migrate('compute_cell', computeCellMigrations);
  const region = engine.db<ComputeRegionTables>();
  assert.deepEqual(await region.read((tx) => tx.selectFrom('flavor').selectAll().execute()), []);
  const cell = engine.db<ComputeCellTables>();
  assert.deepEqual(await cell.read((tx) => tx.selectFrom('server').selectAll().execute()), []);
  await engine.close();
});
