import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { imageApi } from '../../src/image/image.api.ts';
import { imageMigrations } from '../../src/image/image.migrations.ts';
import { imagePolicy } from '../../src/image/image.policy.ts';
import type { ImageTables } from '../../src/image/image.tables.ts';
import {
  imageSettingsDefault,
  type HostCopies,
  type ImageWorld,
} from '../../src/image/image.world.ts';
import { importTask } from '../../src/image/import/import.task.ts';
import type { Api } from '../../src/kernel/http/api.ts';
import { fileStore } from '../../src/image/stores/file-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { leaseTake } from '../../src/kernel/lease.ts';
import { Policy } from '../../src/kernel/policy.ts';
import { kernelMigrations } from '../../src/kernel/tables.ts';
import { TaskRunner } from '../../src/kernel/task-runner.ts';
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
  stagedFiles(): string[];
  /** Resolves when nothing is being written or removed any more. */
  settled(): Promise<void>;
}

/**
 * Level-triggered. The limit only ends a test that would hang; it is counted in turns, so that a machine that stands still
 * uses up one of them and not the whole of it.
 */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let turns = 0; !(await condition()); turns++) {
    assert.ok(turns < 10_000, 'waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const copiesNone: HostCopies = {
  list: async () => [],
  queued: async () => [],
  queue: async () => {},
  unqueue: async () => {},
  remove: async () => [],
};

/** A cloud of one region, without hosts, limits, certificates and conversion. */
export const portsNone = {
  settings: imageSettingsDefault,
  limits: { limitsOf: async () => ({}) },
  tasks: { wake: () => {}, cancelled: () => {} },
  copies: copiesNone,
  regions: {
    own: 'here',
    endpoint: async (region: string, face: string) =>
      region === 'here' && face === 'public' ? 'http://here.invalid' : null,
    seal: (token: string) => token,
    open: (sealed: string) => sealed,
  },
  certificates: { get: async () => null },
  converter: null,
};

/** The service over a database in memory and files in a directory of its own. */
export async function imageHouse(
  overrides: Partial<ImageWorld> = {},
  engineOpen: () => Engine = () => sqliteOpen(':memory:'),
  kind: typeof importTask = importTask,
): Promise<ImageHouse> {
  const directory = mkdtempSync(join(tmpdir(), 'welkin-image-'));
  const engine = engineOpen();
  await engine.migrate('kernel', kernelMigrations);
  await engine.migrate('image', imageMigrations);
  let runner: TaskRunner<ImageWorld> | null = null;
  const world: ImageWorld = {
    ...portsNone,
    db: engine.db<ImageTables>(),
    stores: [fileStore({ id: 'file', directory, reserveBytes: 0 })],
    staging: fileStore({ id: 'staging', directory: `${directory}-staging`, reserveBytes: 0 }),
    tasks: {
      wake: () => runner?.wake(),
      cancelled: (subject) => runner?.cancelled(subject),
    },
    policy: new Policy(imagePolicy),
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    sizeLimitBytes: 64 << 20,
    ...overrides,
  };
  const { db, clock, ids, log } = world;
  runner = new TaskRunner({ db, world, kinds: [kind], leaseName: 'images', clock, ids, log });
  const stop = new AbortController();
  const epoch = await db.write((tx) => leaseTake(tx, 'images', 'test', Date.now()));
  const running = runner.run({ epoch: epoch ?? 0, lost: stop.signal });
  return {
    world,
    directory,
    files: () => readdirSync(directory),
    stagedFiles: () =>
      existsSync(`${directory}-staging`) ? readdirSync(`${directory}-staging`) : [],
    settled: () =>
      until(async () => {
        const busy = await world.db.read((tx) =>
          tx.selectFrom('image_blob').select('id').where('state', '<>', 'live').execute(),
        );
        return busy.length === 0;
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
      rmSync(`${directory}-staging`, { recursive: true, force: true });
    },
  };
}

export interface ImageServer extends TestServer {
  readonly house: ImageHouse;
  /** Creates an image as its actor and gives its id. */
  create(body?: object, as?: keyof typeof actors): Promise<string>;
  upload(id: string, bytes: string | Uint8Array, as?: keyof typeof actors): Promise<Answer>;
  stage(id: string, bytes: string | Uint8Array): Promise<Answer>;
  /** Begins an import; `settled` gives the image as it is when its last task has ended. */
  import(id: string, method: object, rest?: object, as?: keyof typeof actors): Promise<Answer>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
  settled(id: string): Promise<{ image: any; task: any }>;
}

export const octets = { 'Content-Type': 'application/octet-stream' };

export async function imageServe(
  overrides: Partial<ImageWorld> = {},
  engineOpen?: () => Engine,
  kind?: typeof importTask,
): Promise<ImageServer> {
  const house = await imageHouse(overrides, engineOpen, kind);
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
    stage: (id, bytes) =>
      server.call('PUT', `/image/v2/images/${id}/stage`, { body: bytes, headers: octets, as: 'a' }),
    import: (id, method, rest = {}, as = 'a') =>
      server.call('POST', `/image/v2/images/${id}/import`, { body: { method, ...rest }, as }),
    async settled(id) {
      const path = `/image/v2/images/${id}`;
      const task = async () =>
        (await server.call('GET', `${path}/tasks`, { as: 'a' })).json.tasks[0];
      await until(async () => ['success', 'failure'].includes((await task()).status));
      return { image: (await server.call('GET', path, { as: 'a' })).json, task: await task() };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
}

export async function imageBytes({ url }: ImageServer, id: string): Promise<Buffer> {
  const answer = await fetch(`${url}/image/v2/images/${id}/file`, {
    headers: { 'X-Auth-Token': 'a' },
  });
  return Buffer.from(await answer.arrayBuffer());
}
