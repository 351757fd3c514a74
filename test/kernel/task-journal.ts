/** What tests of the task runner begin with: a journal of tasks in memory. */
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Db } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { kernelMigrations, type KernelTables } from '../../src/kernel/tables.ts';
import { taskInsert } from '../../src/kernel/task.ts';

export async function journalOpen(): Promise<Db<KernelTables>> {
  const engine = sqliteOpen(':memory:');
  await engine.migrate('kernel', kernelMigrations);
  return engine.db<KernelTables>();
}

/** One task of the kind `build` for the subject `s`. */
export const enqueue = (db: Db<KernelTables>): Promise<void> =>
  db.write((tx) =>
    taskInsert(tx, {
      id: randomIds.uuid(),
      kind: 'build',
      subject: 's',
      input: null,
      requestId: 'req-1',
      now: 0,
    }),
  );
