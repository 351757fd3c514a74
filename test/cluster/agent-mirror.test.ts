import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simAgentOpen } from '../../src/agent/sim/sim-agent.ts';
import {
  agentMirrorOpen,
  type AgentMirror,
  type MirrorChange,
} from '../../src/cluster/agent-mirror.ts';
import type { Host } from '../../src/cluster/port.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';

const external = (id: string) => ({ id, mtu: 1500, hostAddresses: [] });

async function cloud(...before: readonly string[]) {
  const agent = simAgentOpen();
  for (const id of before) await agent.externalPut(external(id), 'd1');
  const members: Host[] = [{ name: 'one', agent, vtep: null }];
  const stop = new AbortController();
  const hosts = {
    list: () => members,
    get: (name: string) => members.find((host) => host.name === name) ?? null,
  };
  const mirror = agentMirrorOpen({
    hosts,
    clock: systemClock,
    log: silentLog,
    stop: stop.signal,
  });
  return { agent, members, mirror, [Symbol.dispose]: () => stop.abort() };
}

/** Resolves when the condition holds; asked again at every change. */
async function until(mirror: AgentMirror, holds: () => boolean): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve) => {
    const end = mirror.onChange(() => {
      if (!holds()) return;
      end();
      resolve();
    });
  });
}

test('the mirror shows what an agent had before and what it gets afterwards', async () => {
  using one = await cloud('before');
  await until(one.mirror, () => one.mirror.host('one')?.isCurrent === true);
  assert.equal(one.mirror.host('one')?.document('external', 'before')?.digest, 'd1');

  const changes: MirrorChange[] = [];
  one.mirror.onChange((change) => void changes.push(change));
  await one.agent.externalPut(external('after'), 'd2');
  await until(
    one.mirror,
    () => one.mirror.host('one')?.document('external', 'after')?.digest === 'd2',
  );
  assert.deepEqual(changes, [{ kind: 'document', host: 'one', of: 'external', id: 'after' }]);

  await one.agent.externalDelete('before');
  await until(one.mirror, () => one.mirror.host('one')?.document('external', 'before') === null);
});

test('a lost host keeps its last state, and what it missed is there once it is back', async () => {
  using one = await cloud('kept', 'lost');
  await until(one.mirror, () => one.mirror.host('one')?.isCurrent === true);

  one.agent.disconnect();
  await until(one.mirror, () => one.mirror.host('one')?.isCurrent === false);
  assert.notEqual(one.mirror.host('one')?.lostAt, null);
  assert.notEqual(one.mirror.host('one')?.document('external', 'lost'), null);

  one.agent.connect();
  await one.agent.externalDelete('lost');
  await until(one.mirror, () => one.mirror.host('one')?.isCurrent === true);
  assert.equal(one.mirror.host('one')?.document('external', 'lost'), null);
  assert.notEqual(one.mirror.host('one')?.document('external', 'kept'), null);
});

test('hosts that join are watched, hosts that leave are forgotten', async () => {
  using one = await cloud();
  one.members.push({ name: 'two', agent: simAgentOpen(), vtep: null });
  one.mirror.refresh();
  await until(one.mirror, () => one.mirror.host('two')?.isCurrent === true);
  one.members.shift();
  one.mirror.refresh();
  assert.equal(one.mirror.host('one'), null);
  assert.deepEqual(
    one.mirror.hosts().map(({ host }) => host),
    ['two'],
  );
});
