import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouterWanted } from '../../src/agent/api.ts';
import type { SimAgent } from '../../src/agent/sim/sim-agent.ts';
import { networkSync } from '../../src/network/network-sync.ts';
import { networkServe, type NetworkServe } from './network-serve.ts';
import { tenantMake } from './topology.ts';

const route = { destination: '10.9.0.0/16', nexthop: '10.1.0.7' };

const put = async (one: NetworkServe, id: string, verb: string, body: object): Promise<void> => {
  const answer = await one.call('ada', 'PUT', `routers/${id}/${verb}`, body);
  assert.equal(answer.status, 200, answer.text);
};

/** Resolves when what the mirror shows is as is wanted; asked again at every change. */
async function seen(one: NetworkServe, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      const end = one.world.mirror.onChange(() => {
        end();
        resolve();
      });
    });
  }
}

const digestSeen = (one: NetworkServe, id: string): string | null =>
  one.world.mirror.host('host-1')?.document('router', id)?.digest ?? null;

/** A router that is in force on the only host, as the host has told. */
async function routerInForce(one: NetworkServe): Promise<{ id: string; agent: SimAgent }> {
  const [agent] = one.agents;
  assert.ok(agent);
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const { id } = await one.make('ada', 'routers', { router: {} });
  await put(one, id, 'add_router_interface', { subnet_id: inside.subnet.id });
  await one.sync();
  await seen(one, () => digestSeen(one, id) !== null);
  return { id, agent };
}

/** From now on what the host reports arrives when `release` is called. */
async function reportsHold(one: NetworkServe, agent: SimAgent): Promise<() => void> {
  const released = Promise.withResolvers<void>();
  const watch = agent.watch.bind(agent);
  agent.watch = async function* (signal) {
    let isSynced = false;
    for await (const report of watch(signal)) {
      if (isSynced) await released.promise;
      isSynced ||= report.kind === 'synced';
      yield report;
    }
  };
  await reconnect(one, agent);
  await one.sync();
  return released.resolve;
}

async function reconnect(one: NetworkServe, agent: SimAgent): Promise<void> {
  const isCurrent = (): boolean => one.world.mirror.host('host-1')?.isCurrent === true;
  agent.disconnect();
  await seen(one, () => !isCurrent());
  agent.connect();
  await seen(one, isCurrent);
}

test('a change that is taken back before the host told of it is taken back on the host', async () => {
  await using one = await networkServe();
  const { id, agent } = await routerInForce(one);
  const release = await reportsHold(one, agent);
  await put(one, id, 'add_extraroutes', { router: { routes: [route] } });
  await one.sync();
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, [route]);
  await put(one, id, 'remove_extraroutes', { router: { routes: [route] } });
  await one.sync();
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, []);
  release();
});

test('what goes before the host told of it leaves the host', async () => {
  await using one = await networkServe();
  const { agent } = await routerInForce(one);
  const release = await reportsHold(one, agent);
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const { id } = await one.make('ada', 'routers', { router: {} });
  await put(one, id, 'add_router_interface', { subnet_id: inside.subnet.id });
  await one.sync();
  assert.ok(one.document('network', inside.network.id));
  await put(one, id, 'remove_router_interface', { subnet_id: inside.subnet.id });
  assert.equal((await one.call('ada', 'DELETE', `routers/${id}`)).status, 204);
  await one.sync();
  assert.equal(one.document('router', id), undefined);
  assert.equal(one.document('network', inside.network.id), undefined);
  release();
});

test('what was removed and comes back before the host told of it is put again', async () => {
  await using one = await networkServe();
  const { id, agent } = await routerInForce(one);
  const release = await reportsHold(one, agent);
  const { host } = await one.world.db.read((tx) =>
    tx.selectFrom('router').select('host').where('id', '=', id).executeTakeFirstOrThrow(),
  );
  for (const to of ['', host]) {
    await one.world.db.write((tx) =>
      tx.updateTable('router').set({ host: to }).where('id', '=', id).execute(),
    );
    await one.world.documents.push(one.world, one.world.hosts.list()[0]!, 'router', id);
    assert.equal(one.document('router', id) !== undefined, to !== '');
  }
  release();
});

test('what another put on a host late is mended when the host tells of it', async () => {
  await using one = await networkServe();
  const { id, agent } = await routerInForce(one);
  const wanted = one.document<RouterWanted>('router', id);
  assert.ok(wanted);
  const woken = Promise.withResolvers<void>();
  const sync = networkSync(one.world);
  sync.onWake(() => woken.resolve());
  const { signal } = new AbortController();
  await sync.run(signal);
  await agent.routerPut({ ...wanted, routes: [route] }, 'older');
  await woken.promise;
  await sync.run(signal);
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, []);
});

test('a host that went and came back between two looks gets what it lost', async () => {
  await using one = await networkServe();
  const { id, agent } = await routerInForce(one);
  agent.disconnect();
  (agent.documents as Map<string, unknown>).clear();
  await seen(one, () => one.world.mirror.host('host-1')?.isCurrent !== true);
  agent.connect();
  await seen(one, () => one.world.mirror.host('host-1')?.isCurrent === true);
  assert.equal(one.document('router', id), undefined);
  await one.sync();
  assert.ok(one.document('router', id));
});

test('what a look that was stopped had not come to is looked at by the next', async () => {
  await using one = await networkServe();
  const { id } = await routerInForce(one);
  const sync = networkSync(one.world);
  await sync.run(new AbortController().signal);
  await put(one, id, 'add_extraroutes', { router: { routes: [route] } });
  const stopped = new AbortController();
  const read = one.world.db.read.bind(one.world.db);
  const db = one.world.db as { read: typeof read };
  db.read = async (work) => {
    stopped.abort();
    return read(work);
  };
  await sync.run(stopped.signal);
  db.read = read;
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, []);
  await sync.run(new AbortController().signal);
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, [route]);
});
