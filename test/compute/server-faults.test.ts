import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strandedRelease } from '../../src/compute/server-stranded.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { computeTasks } from '../../src/compute/compute.tasks.ts';
import { computeHouse, type ComputeHouse, type ServerJson } from '../support/compute.ts';
import { houseCheck } from '../support/compute-check.ts';
import { imageId } from '../support/image-port.ts';
import { networkId } from '../support/network-port.ts';
import { faultsOf, faultText, kindFaulty, kindTwice, type Fault } from '../support/task-faults.ts';

interface Scenario {
  readonly kind: string;
  /** Starts the task. */
  start(house: ComputeHouse, id: string): Promise<unknown>;
  /** What the server looks like when the task was done, and when it was undone. */
  readonly done: (server: ServerJson) => boolean;
  readonly undone: (server: ServerJson) => boolean;
}

const status = (wanted: string) => (server: ServerJson) => server?.status === wanted;
const act = (body: object) => (house: ComputeHouse, id: string) =>
  house.call('POST', `/servers/${id}/action`, { body });

const scenarios: readonly Scenario[] = [
  {
    kind: 'server-create',
    start: async () => {},
    done: status('ACTIVE'),
    undone: status('ERROR'),
  },
  {
    kind: 'server-delete',
    start: (house, id) => house.call('DELETE', `/servers/${id}`),
    done: (server) => server === undefined,
    undone: (server) => server === undefined,
  },
  {
    kind: 'server-power',
    start: act({ 'os-stop': null }),
    done: status('SHUTOFF'),
    undone: status('ACTIVE'),
  },
  {
    kind: 'server-rebuild',
    start: act({ rebuild: { imageRef: imageId } }),
    done: status('ACTIVE'),
    undone: status('ERROR'),
  },
  {
    kind: 'server-snapshot',
    start: act({ createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }),
    done: status('ACTIVE'),
    undone: status('ACTIVE'),
  },
  {
    kind: 'server-nic-attach',
    start: (house, id) => {
      const body = { interfaceAttachment: { net_id: networkId } };
      return house.call('POST', `/servers/${id}/os-interface`, { body });
    },
    done: status('ACTIVE'),
    undone: status('ACTIVE'),
  },
  {
    kind: 'server-nic-detach',
    start: async (house, id) => {
      const path = `/servers/${id}/os-interface`;
      const { json } = await house.call('GET', path);
      await house.call('DELETE', `${path}/${json.interfaceAttachments[0].port_id}`);
    },
    done: status('ACTIVE'),
    undone: status('ACTIVE'),
  },
  {
    kind: 'image-cache',
    start: async (house) => {
      const call = (path: string, body: object) =>
        house.call('POST', `/os-aggregates${path}`, { body, as: 'admin' });
      const { json } = await call('', { aggregate: { name: 'all' } });
      const one = `/${json.aggregate.id}`;
      for (const host of ['host-1', 'host-2']) await call(`${one}/action`, { add_host: { host } });
      await call(`${one}/images`, { cache: [{ id: imageId }] });
    },
    done: status('ACTIVE'),
    undone: status('ACTIVE'),
  },
];

test('every kind of task has its fault test', () => {
  assert.deepEqual(
    computeTasks.map(({ kind }) => kind).toSorted(),
    scenarios.map(({ kind }) => kind).toSorted(),
  );
});

/** Until the task under test is the only one that meets faults, everything goes as it should. */
async function prepared(scenario: Scenario, fault: Fault | null): Promise<Prepared> {
  let isArmed = scenario.kind === 'server-create';
  const whenArmed = (
    plain: (typeof computeTasks)[number],
    faulty: (typeof computeTasks)[number],
  ) => ({
    ...faulty,
    get steps() {
      return isArmed ? faulty.steps : plain.steps;
    },
  });
  const house = await computeHouse({
    hosts: 2,
    tasks: (kinds, control) =>
      kinds.map((kind) =>
        kind.kind === scenario.kind
          ? whenArmed(
              kind,
              kindFaulty(kind, fault, () => control.crash()),
            )
          : kind,
      ),
  });
  const id = await house.create();
  if (scenario.kind !== 'server-create') {
    await house.until(id, status('ACTIVE'));
    isArmed = true;
  }
  return { house, id };
}
interface Prepared {
  readonly house: ComputeHouse;
  readonly id: string;
}

async function seen(house: ComputeHouse, id: string): Promise<ServerJson> {
  return (await house.call('GET', `/servers/${id}`, { as: 'admin' })).json.server;
}

for (const scenario of scenarios) {
  const kind = computeTasks.find((one) => one.kind === scenario.kind);
  for (const fault of kind === undefined ? [] : faultsOf(kind)) {
    test(`${scenario.kind} that ${faultText(fault)} leaves everything whole`, async () => {
      const { house, id } = await prepared(scenario, fault);
      await using _ = house;
      if (fault.how === 'failure') {
        await scenario.start(house, id);
        await house.quiet();
        if (scenario.kind === 'server-delete') {
          // It goes only forward: the reconciler sees that nothing goes on with it.
          await strandedRelease(house.world, {
            clock: systemClock,
            ids: randomIds,
            log: silentLog,
          });
          await house.quiet();
        }
        assert.ok(scenario.undone(await seen(house, id)), 'it is not as after a failure');
        await houseCheck(house);
        return;
      }
      // The process may be gone before it answers.
      scenario.start(house, id).catch(() => {});
      await house.crashed;
      await house.kill();
      await using next = await computeHouse({ after: house });
      await next.quiet();
      assert.ok(scenario.done(await seen(next, id)), 'the next process did not finish it');
      await houseCheck(next);
    });
  }
}

test('each step of every task may run twice', async () => {
  await using house = await computeHouse({ tasks: (kinds) => kinds.map(kindTwice) });
  const id = await house.create();
  await house.until(id, status('ACTIVE'));
  for (const scenario of scenarios.filter((one) => one.kind !== 'server-delete')) {
    const { kind } = scenario;
    await scenario.start(house, id);
    await house.quiet();
    assert.ok(scenario.done(await seen(house, id)), kind);
    await houseCheck(house);
    if (kind === 'server-power') await act({ 'os-start': null })(house, id);
    await house.quiet();
  }
  await house.call('DELETE', `/servers/${id}`);
  await house.quiet();
  await houseCheck(house);
});
