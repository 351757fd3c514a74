/** Many servers at once, and an agent that is killed all the time. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { NetworkWanted, ServerWanted } from '../../../src/agent/api.ts';
import { commandRun } from '../../../src/agent/command.ts';
import { Failure } from '../../../src/kernel/errors.ts';
import { labOpen, until, type Lab } from './lab.ts';

const networkId = '01930000-0000-7000-a000-000000000001';
const serverCount = 6;
const killCount = process.env['WELKIN_TEST_ALL'] === '1' ? 200 : 20;
const numbers = Array.from({ length: serverCount }, (_, number) => number);
const idOf = (number: number): string => `01930000-0000-7000-b000-00000000000${number}`;
const portOf = (number: number): string => `01930000-0000-7000-c00${number}-00000000000${number}`;
const macOf = (number: number): string => `fa:16:3e:00:00:0${number}`;

const network: NetworkWanted = {
  id: networkId,
  vni: 7,
  mtu: 1450,
  dnsDomain: '',
  subnets: [],
  ports: numbers.map((number) => ({
    id: portOf(number),
    mac: macOf(number),
    fixedIps: [],
    hostname: `server${number}`,
    location: 'local',
    kind: 'server',
    adminUp: true,
    portSecurity: true,
    allowedPairs: [],
    securityGroupIds: [],
    serverId: idOf(number),
    dhcpOptions: [],
  })),
  securityGroups: [],
  fabric: null,
};

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** Calls meet an agent that is not there, or that dies while it answers. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  return until('the agent answers', async () => {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Failure && error.type === 'unreachable') return null;
      throw error;
    }
  });
}

function documentNext(
  lab: Lab,
  number: number,
  before: ServerWanted | null,
  roll: number,
): ServerWanted {
  const states = ['running', 'running', 'paused', 'suspended', 'stopped'] as const;
  const incarnation = (before?.run.incarnation ?? 0) + (roll % 2);
  return lab.wanted({
    id: idOf(number),
    ramMib: 32,
    nics:
      roll % 3 === 0 ? [] : [{ portId: portOf(number), networkId, mac: macOf(number), mtu: 1450 }],
    run: {
      state: states[roll % states.length] ?? 'running',
      incarnation: Math.max(1, incarnation),
    },
  });
}

const processesOf = (stateDir: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return line.startsWith('qemu') && line.includes(stateDir);
    } catch {
      return false;
    }
  });

test('whenever the agent is killed, servers become what was last acknowledged and nothing is left', async (t) => {
  const seed = Number(process.env['WELKIN_TEST_SEED'] ?? randomInt(1_000_000));
  t.diagnostic(`WELKIN_TEST_SEED=${seed}`);
  const roll = dice(seed);
  const lab = await labOpen(t, { network: 'linux' });
  await lab.agent.networkPut(network, 'd1');
  const wanted = new Map<number, ServerWanted>();
  const change = async (number: number): Promise<void> => {
    const before = wanted.get(number) ?? null;
    if (before !== null && roll(5) === 0) {
      await insist(() => lab.agent.serverDelete(before.id));
      wanted.delete(number);
      return;
    }
    const next = documentNext(lab, number, before, roll(30));
    await insist(() => lab.agent.serverPut(next));
    wanted.set(number, next);
  };
  for (let kills = 0; kills < killCount; kills++) {
    const changes = Promise.all(numbers.map((number) => change(number)));
    await new Promise((resolve) => setTimeout(resolve, roll(400)));
    await lab.kill();
    await lab.start();
    await changes;
  }
  for (const number of numbers) {
    const document = wanted.get(number);
    const actual = await until(`server ${number} settles`, async () => {
      const seen = await lab.agent.serverGet(idOf(number));
      if (document === undefined) return seen === null ? { seen } : null;
      return seen?.generation === document.generation ? { seen } : null;
    });
    if (document === undefined) continue;
    assert.equal(actual.seen?.error, null);
    const isNeverStarted = document.run.state === 'suspended' && actual.seen?.power === 'stopped';
    if (!isNeverStarted) assert.equal(actual.seen?.power, document.run.state);
  }
  const running = [...wanted.values()].filter(({ run }) =>
    ['running', 'paused'].includes(run.state),
  );
  assert.equal(processesOf(lab.stateDir).length, running.length);
  await Promise.all(numbers.map((number) => lab.agent.serverDelete(idOf(number))));
  assert.deepEqual(processesOf(lab.stateDir), []);
  assert.deepEqual(readdirSync(join(lab.stateDir, 'servers')), []);
  await lab.agent.networkDelete(networkId);
  assert.equal(await commandRun(['ip', 'netns', 'list']), '');
  assert.doesNotMatch(await commandRun(['ip', '-o', 'link']), /: t[0-9a-z]/);
});
