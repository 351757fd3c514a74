import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claimSync } from '../../src/compute/claim-sync.ts';
import { strandedRelease } from '../../src/compute/server-stranded.ts';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';
import { houseCheck } from '../support/compute-check.ts';
import { imageId } from '../support/image-port.ts';
import { postgresStart, type Postgres } from '../support/postgres.ts';

let postgres: Postgres;
before(async () => {
  postgres = await postgresStart();
});
after(() => postgres[Symbol.asyncDispose]());

let schemas = 0;
async function house(options: Parameters<typeof computeHouse>[0] = {}): Promise<ComputeHouse> {
  const n = ++schemas;
  const engines = {
    region: postgresOpen(postgres.url, `region${n}`),
    cell: postgresOpen(postgres.url, `cell${n}`),
  };
  const made = await computeHouse({ ...options, engines });
  return {
    ...made,
    async [Symbol.asyncDispose]() {
      await made[Symbol.asyncDispose]();
      await engines.region.close();
      await engines.cell.close();
    },
  };
}

const active = ({ status }: ServerJson) => status === 'ACTIVE';

test('the life of a server', async () => {
  await using home = await house();
  const id = await home.create({ tags: ['red'], metadata: { k: 'v' } });
  await home.until(id, active);
  for (const body of [
    { 'os-stop': null },
    { 'os-start': null },
    { rebuild: { imageRef: imageId } },
    { createImage: { name: 'snap' } },
  ]) {
    const answer = await home.call('POST', `/servers/${id}/action`, { body });
    assert.equal(answer.status, 202, answer.text);
    await home.quiet();
  }
  const attach = { body: { interfaceAttachment: {} } };
  const attached = await home.call('POST', `/servers/${id}/os-interface`, attach);
  assert.equal(attached.status, 200, attached.text);
  await houseCheck(home);
  const parts = { clock: systemClock, ids: randomIds, log: silentLog };
  await claimSync(home.world, parts).run(new AbortController().signal);
  await strandedRelease(home.world, parts);
  await home.call('DELETE', `/servers/${id}`);
  await home.untilGone(id);
  await houseCheck(home);
});

test('every filter and every order of lists is SQL that this engine takes', async () => {
  await using home = await house();
  await home.create({ name: 'a', tags: ['red'] });
  await home.create({ name: 'b', description: 'd' });
  await home.quiet();
  const names = async (query: string): Promise<string[]> => {
    const { status, json, text } = await home.call('GET', `/servers?${query}`);
    assert.equal(status, 200, text);
    return json.servers.map(({ name }: ServerJson) => name);
  };
  assert.deepEqual(await names('tags=red'), ['a']);
  assert.deepEqual(await names('not-tags-any=red,blue'), ['b']);
  assert.deepEqual(await names('availability_zone=nova&status=ACTIVE&ip=10.0'), ['b', 'a']);
  assert.deepEqual(await names('changes-since=2020-01-01T00:00:00Z&config_drive=false'), [
    'b',
    'a',
  ]);
  for (const key of [
    ...['access_ip_v4', 'created_at', 'display_name', 'launched_at', 'locked_by', 'task_state'],
    ...['availability_zone', 'vm_state', 'updated_at', 'uuid', 'image_ref', 'terminated_at'],
  ]) {
    const [first] = await names(`sort_key=${key}&sort_dir=asc&limit=1`);
    const { json } = await home.call('GET', `/servers?sort_key=${key}&sort_dir=asc&limit=1`);
    const marker = json.servers[0].id;
    const [second] = await names(`sort_key=${key}&sort_dir=asc&marker=${marker}`);
    assert.deepEqual([`${first}`, `${second}`].toSorted(), ['a', 'b'], key);
  }
});

test('thirty creates at the edge of capacity and quota: nothing is oversold', async () => {
  await using home = await house({
    hosts: 2,
    sim: { host: { vcpus: 4, memoryMib: 4096, diskGib: 100 } },
    settings: { vcpuRatio: 1 },
  });
  const answers = await Promise.all(
    Array.from({ length: 30 }, () =>
      home.call('POST', '/servers', {
        body: { server: { name: 'x', imageRef: imageId, flavorRef: 'small', networks: 'none' } },
      }),
    ),
  );
  assert.deepEqual(
    [202, 403].map((status) => answers.filter((answer) => answer.status === status).length),
    [10, 20],
  );
  await home.quiet();
  const { json } = await home.call('GET', '/servers/detail');
  assert.equal(json.servers.filter(active).length, 8);
  await houseCheck(home);
});
