import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { secretKey, type SecretKey } from '../identity/secret-box.ts';
import type { Engine } from '../kernel/db.ts';
import { kernelMigrations } from '../kernel/tables.ts';
import type { Configuration } from './configuration.ts';
import type { Layout } from './layout.ts';

export interface Databases {
  readonly region: Engine;
  readonly cell: Engine;
}

/** The only place that knows which engine is used; an engine that is not used is not loaded. */
export async function databasesOpen(
  { databaseUrl }: Configuration,
  { regionDatabase, cellDatabase }: Layout,
): Promise<Databases> {
  const databases = await enginesOpen(databaseUrl, regionDatabase, cellDatabase);
  await databases.region.migrate('kernel', kernelMigrations);
  await databases.cell.migrate('kernel', kernelMigrations);
  return databases;
}

async function enginesOpen(url: string | null, region: string, cell: string): Promise<Databases> {
  if (url === null) {
    const { sqliteOpen } = await import('../engines/sqlite/engine.ts');
    return { region: sqliteOpen(region), cell: sqliteOpen(cell) };
  }
  const { postgresOpen } = await import('../engines/postgres/engine.ts');
  return { region: postgresOpen(url, 'region'), cell: postgresOpen(url, 'cell') };
}

/** Numbered files of 32 bytes in base64url; the highest number comes first: it signs, the others still verify. */
export function keysRead(directory: string): SecretKey[] {
  const names = readdirSync(directory).filter((name) => /^\d+$/.test(name));
  return names
    .toSorted((a, b) => Number(b) - Number(a))
    .map((name) =>
      secretKey(Buffer.from(readFileSync(join(directory, name), 'utf8').trim(), 'base64url')),
    );
}
