import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { DiskBlobs } from '../../src/object/blob/disk-blobs.ts';
import { OutsideBlobs, type OutsideStore } from '../../src/object/blob/outside-blobs.ts';
import { OutsideKeys } from '../../src/object/blob/outside-keys.ts';
import type { Container } from '../../src/object/container.model.ts';
import { containerCreate } from '../../src/object/container.ts';
import { objectPut, type ObjectPut } from '../../src/object/object-put.ts';
import { noFacts, type StoredObject } from '../../src/object/object.model.ts';
import {
  objectMigrate,
  objectSettingsDefault,
  objectWorldOpen,
  type ObjectSettings,
  type ObjectWorld,
} from '../../src/object/object.world.ts';

export interface TestStore extends AsyncDisposable {
  readonly world: ObjectWorld;
  readonly disk: DiskBlobs;
  readonly blobs: OutsideBlobs;
  readonly folder: string;
  /** Moves the clock. */
  pass(ms: number): void;
}

export interface StoreOptions {
  readonly settings?: Partial<ObjectSettings>;
  readonly shardCount?: number;
  /** A new, empty database. */
  readonly engineOpen?: () => Engine;
  /** Names of further folders that hold the same bytes. */
  readonly mirrors?: readonly string[];
  readonly identity?: ObjectWorld['identity'];
  readonly outside?: OutsideStore;
}

const noIdentity: ObjectWorld['identity'] = {
  tokenActor: async () => null,
  accessKeyFind: async () => null,
  projectNames: async () => new Map(),
};

/** A store in a folder of its own, with a clock that only moves when told. */
export async function storeOpen(options: StoreOptions = {}): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-object-'));
  let nowMs = 1_790_000_000_000;
  const clock = { now: () => nowMs, sleep: async () => {} };
  const engines: Engine[] = [];
  const engine = (): Engine => {
    const opened = options.engineOpen?.() ?? sqliteOpen(':memory:');
    engines.push(opened);
    return opened;
  };
  const shardNumbers = Array.from({ length: options.shardCount ?? 2 }, (_, n) => n);
  const databases = {
    root: engine(),
    shards: shardNumbers.map(engine),
  };
  await objectMigrate(databases);
  const folders = [join(folder, 'blobs'), ...(options.mirrors ?? []).map((m) => join(folder, m))];
  const disk = new DiskBlobs({
    folders: folders as [string, ...string[]],
    clock,
    ids: randomIds,
    log: silentLog,
  });
  const secret = Buffer.alloc(32, 7);
  const blobs = new OutsideBlobs(options.outside ?? null, disk, new OutsideKeys(secret, randomIds));
  const world = objectWorldOpen({
    ...databases,
    blobs: options.outside === undefined ? disk : blobs,
    identity: options.identity ?? noIdentity,
    clock,
    ids: randomIds,
    log: silentLog,
    settings: { ...objectSettingsDefault, secret, ...options.settings },
  });
  return {
    world,
    disk,
    blobs,
    folder,
    pass: (ms) => void (nowMs += ms),
    async [Symbol.asyncDispose]() {
      await disk.close();
      for (const each of engines) await each.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export async function containerMake(
  world: ObjectWorld,
  name: string,
  versioning: Container['versioning'] = 'off',
): Promise<Container> {
  const made = await containerCreate(world, { account: 'AUTH_a', name, documents: {}, versioning });
  return made.container;
}

export const put = (
  world: ObjectWorld,
  container: Container,
  name: string,
  body: string | Buffer,
  more: Partial<ObjectPut> = {},
): Promise<StoredObject> =>
  objectPut(world, container, {
    name,
    body: Buffer.from(body),
    sizeBytes: null,
    contentType: 'text/plain',
    facts: noFacts,
    ...more,
  });
