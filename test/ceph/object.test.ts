import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { outsideOpen } from '../../src/boot/object/outside.ts';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { CheckedLoad } from '../fault/object-load.ts';
import { objectDatabaseSuite } from '../object/database-suite.ts';
import { storeOpen } from '../object/world.ts';
import { cephStart } from '../support/ceph.ts';
import { S3Client, storeProgram } from '../support/object-store.ts';
import { postgresStart } from '../support/postgres.ts';

const ceph = await cephStart();
const postgres = await postgresStart();
after(async () => {
  client.close();
  await postgres[Symbol.asyncDispose]();
  await ceph[Symbol.asyncDispose]();
});

const client = new S3Client(ceph.port, ceph.keys);
const { access, secret } = ceph.keys;

async function bucketMake(name: string): Promise<string> {
  const made = await client.ask({ method: 'PUT', path: `/${name}` });
  assert.equal(made.status, 200, made.body.toString());
  return `http://${access}:${secret}@127.0.0.1:${ceph.port}/${name}`;
}

const outside = outsideOpen(await bucketMake('suite'));
let next = 0;
const engineOpen = () => postgresOpen(postgres.url, `object${++next}`);
objectDatabaseSuite('PostgreSQL, bytes in Ceph', (options) =>
  storeOpen({ ...options, engineOpen, outside }),
);

test('a store moves to Ceph while it is served, though the program that moves it is killed: nothing is lost or refused', async () => {
  const bytes = ['--bytes', await bucketMake('moved')];
  const database = ['--database', postgres.url];
  await using store = await storeProgram({ words: database, workers: 2 });
  const load = new CheckedLoad(store.client);
  await load.begin();
  const running = load.run(8);
  while (load.acknowledged < 300) await wait(100);
  const migrate = [
    'src/main.ts',
    'object',
    'migrate',
    '--data',
    store.folder,
    ...database,
    ...bytes,
  ];
  const moved: string[] = [];
  for (const killed of [true, true, false, false]) {
    const mover = spawn(process.execPath, migrate, { stdio: ['ignore', 'pipe', 'inherit'] });
    mover.stdout.on('data', (text: Buffer) => moved.push(text.toString()));
    const ended = once(mover, 'exit') as Promise<[number | null]>;
    if (killed) {
      await wait(1500 + Math.random() * 1500);
      mover.kill('SIGKILL');
    }
    const [code] = await ended;
    if (!killed) assert.equal(code, 0, moved.join(''));
  }
  load.stop();
  await running;
  await load.verify();
  assert.deepEqual(load.faults.slice(0, 5), []);
  assert.equal(load.unanswered, 0);
  assert.match(moved.at(-1) ?? '', /^moved 0 runs of bytes.*; 0 are damaged/);
});
