import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { imageApi } from '../../src/image/image.api.ts';
import { imageMigrations } from '../../src/image/image.migrations.ts';
import { imagePolicy } from '../../src/image/image.policy.ts';
import type { ImageTables } from '../../src/image/image.tables.ts';
import type { ImageWorld } from '../../src/image/image.world.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Policy } from '../../src/kernel/policy.ts';
import { actorOf, apiServe, memberOf, type Answer, type TestServer } from '../support/api.ts';

export const actors = {
  a: memberOf('a'),
  b: memberOf('b'),
  reader: memberOf('a', ['reader']),
  admin: actorOf(),
};

export interface ImageHouse extends AsyncDisposable {
  readonly world: ImageWorld;
  readonly directory: string;
  /** Names of the files in the store. */
  files(): string[];
  /** Resolves when nothing is being written or removed any more. */
  settled(): Promise<void>;
}

/** Level-triggered; the limit only ends a test that would hang. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const endsAt = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < endsAt, 'waited in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The service over a database in memory and files in a directory of its own. */
export async function imageHouse(
  overrides: Partial<ImageWorld> = {},
  engineOpen: () => Engine = () => sqliteOpen(':memory:'),
): Promise<ImageHouse> {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-image-'));
  const engine = engineOpen();
  await engine.migrate('image', imageMigrations);
  const world: ImageWorld = {
    db: engine.db<ImageTables>(),
    stores: [fileStore({ id: 'file', directory, reserveBytes: 0 })],
    policy: new Policy(imagePolicy),
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    sizeLimitBytes: 64 << 20,
    ...overrides,
  };
  return {
    world,
    directory,
    files: () => readdirSync(directory),
    settled: () =>
      until(async () => {
        const busy = await world.db.read((tx) =>
          tx.selectFrom('image_blob').select('id').where('state', '<>', 'live').execute(),
        );
        return busy.length === 0;
      }),
    async [Symbol.asyncDispose]() {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface ImageServer extends TestServer {
  readonly house: ImageHouse;
  /** Creates an image as its actor and gives its id. */
  create(body?: object, as?: keyof typeof actors): Promise<string>;
  upload(id: string, bytes: string | Uint8Array, as?: keyof typeof actors): Promise<Answer>;
}

export const octets = { 'Content-Type': 'application/octet-stream' };

export async function imageServe(
  overrides: Partial<ImageWorld> = {},
  engineOpen?: () => Engine,
): Promise<ImageServer> {
  const house = await imageHouse(overrides, engineOpen);
  const server = await apiServe(
    [imageApi(house.world) as unknown as Api<never>],
    imagePolicy,
    actors,
  );
  return {
    ...server,
    house,
    async create(body = {}, as = 'a') {
      const answer = await server.call('POST', '/image/v2/images', {
        body: { name: 'one', disk_format: 'raw', container_format: 'bare', ...body },
        as,
      });
      if (answer.status !== 201) throw new Error(`create: ${answer.status} ${answer.text}`);
      return answer.json.id;
    },
    upload: (id, bytes, as = 'a') =>
      server.call('PUT', `/image/v2/images/${id}/file`, { body: bytes, headers: octets, as }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
}
