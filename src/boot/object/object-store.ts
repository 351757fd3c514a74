import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import type { Engine } from '../../kernel/db.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Log } from '../../kernel/log.ts';
import { DiskBlobs } from '../../object/blob/disk-blobs.ts';
import { OutsideBlobs, type OutsideStore } from '../../object/blob/outside-blobs.ts';
import { OutsideKeys } from '../../object/blob/outside-keys.ts';
import {
  objectMigrate,
  objectWorldOpen,
  type ObjectSettings,
  type ObjectWorld,
} from '../../object/object.world.ts';
import { UserError } from '../command.ts';
import { bytesFileRead, type Followed } from './bytes-file.ts';
import { outsideStore } from './outside.ts';
import { fileWrite } from '../files.ts';

/** Opens a database of the store by its name: `root`, `shard-00`. */
export type StoreEngines = (name: string) => Engine;

/** SQLite in the store's own folder, or schemas of a PostgreSQL server. What is not used is not loaded. */
export async function storeEnginesLoad(
  url: string | null,
): Promise<(dataDir: string) => StoreEngines> {
  if (url === null) {
    const { sqliteOpen } = await import('../../engines/sqlite/engine.ts');
    return (dataDir) => (name) => sqliteOpen(join(dataDir, 'meta', `${name}.db`));
  }
  const { postgresOpen } = await import('../../engines/postgres/engine.ts');
  return () => (name) => postgresOpen(url, `object_${name.replace('-', '_')}`);
}

export const storeEngines = async (dataDir: string, url: string | null): Promise<StoreEngines> =>
  (await storeEnginesLoad(url))(dataDir);

/** What one store is made of. */
export interface StoreParts {
  readonly dataDir: string;
  /** Folders on other disks that hold all bytes too. */
  readonly mirrors: readonly string[];
  /** Another store that takes the bytes. */
  readonly outside?: OutsideStore | null;
  readonly engineOpen: StoreEngines;
  readonly settings: Omit<ObjectSettings, 'secret'>;
  readonly identity: ObjectWorld['identity'];
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

export interface OpenStore extends Followed {
  readonly world: ObjectWorld;
  readonly disk: DiskBlobs;
  readonly blobs: OutsideBlobs;
  close(): Promise<void>;
}

const shardCountDefault = 4;

interface StoreFile {
  readonly format: 1;
  /** For the life of the store: a container is found by it. */
  readonly shards: number;
}

/** Makes what is missing, and brings the databases up to date. */
export async function storePrepare({
  dataDir,
  engineOpen,
}: Pick<StoreParts, 'dataDir' | 'engineOpen'>): Promise<void> {
  mkdirSync(join(dataDir, 'meta'), { recursive: true, mode: 0o700 });
  const store: StoreFile = { format: 1, shards: shardCountDefault };
  fileWriteOnce(join(dataDir, 'store.json'), `${JSON.stringify(store)}\n`);
  fileWriteOnce(join(dataDir, 'secret.key'), `${randomBytes(32).toString('base64url')}\n`);
  const engines = enginesOpen(dataDir, engineOpen);
  await objectMigrate(engines);
  await enginesClose(engines);
}

/** Of several workers that start together, one makes the file and all use it. */
function fileWriteOnce(path: string, text: string): void {
  if (existsSync(path)) return;
  const own = `${path}.${process.pid}`;
  fileWrite(own, text, { mode: 0o600 });
  try {
    linkSync(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  rmSync(own);
}

/** One process's view of a store that was prepared. */
export async function storeOpen(parts: StoreParts): Promise<OpenStore> {
  const { dataDir, mirrors, outside, engineOpen, settings, ...rest } = parts;
  const engines = enginesOpen(dataDir, engineOpen);
  const secret = Buffer.from(readFileSync(join(dataDir, 'secret.key'), 'utf8').trim(), 'base64url');
  const { clock, ids, log } = rest;
  const disk = new DiskBlobs({ folders: [dataDir, ...mirrors], clock, ids, log });
  const placed = bytesFileRead(dataDir);
  const first = outside ?? (placed === null ? null : outsideStore(placed));
  const blobs = new OutsideBlobs(first, disk, new OutsideKeys(secret, ids));
  const world = objectWorldOpen({
    ...rest,
    ...engines,
    settings: { ...settings, secret },
    blobs,
  });
  return {
    world,
    disk,
    blobs,
    dataDir,
    outsideUse: (place) => {
      if ((outside ?? null) === null && place !== null) blobs.outsideUse(outsideStore(place));
    },
    close: async () => {
      await disk.close();
      await enginesClose(engines);
    },
  };
}

interface Engines {
  readonly root: Engine;
  readonly shards: readonly Engine[];
}

function enginesOpen(dataDir: string, engineOpen: StoreEngines): Engines {
  const { format, shards } = JSON.parse(
    readFileSync(join(dataDir, 'store.json'), 'utf8'),
  ) as StoreFile;
  if (format !== 1) throw new UserError(`${dataDir} was made by a newer welkin`);
  const names = Array.from({ length: shards }, (_, n) => `shard-${String(n).padStart(2, '0')}`);
  return { root: engineOpen('root'), shards: names.map(engineOpen) };
}

async function enginesClose({ root, shards }: Engines): Promise<void> {
  for (const engine of [root, ...shards]) await engine.close();
}
