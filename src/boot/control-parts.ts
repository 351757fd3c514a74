import type { Engine } from '../kernel/db.ts';
import { kernelMigrations } from '../kernel/tables.ts';
import type { Configuration } from './configuration.model.ts';
import type { Layout } from './layout.ts';

export interface Databases {
  readonly region: Engine;
  readonly cell: Engine;
}

export type EnginesOpen = (layout: Layout) => Databases;

/**
 * The only place that knows which engine is used; an engine that is not used is not loaded. Loaded before it is
 * opened: by then this process may not be able to read its own program any more.
 */
export async function enginesLoad({ databaseUrl: url }: Configuration): Promise<EnginesOpen> {
  if (url === null) {
    const { sqliteOpen } = await import('../engines/sqlite/engine.ts');
    return ({ regionDatabase, cellDatabase }) => ({
      region: sqliteOpen(regionDatabase),
      cell: sqliteOpen(cellDatabase),
    });
  }
  const { postgresOpen } = await import('../engines/postgres/engine.ts');
  return () => ({ region: postgresOpen(url, 'region'), cell: postgresOpen(url, 'cell') });
}

export async function databasesOpen(open: EnginesOpen, layout: Layout): Promise<Databases> {
  const databases = open(layout);
  await databases.region.migrate('kernel', kernelMigrations);
  await databases.cell.migrate('kernel', kernelMigrations);
  return databases;
}
