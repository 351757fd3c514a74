import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { AgentClient, Report, ServerActual, ServerWanted } from '../../src/agent/api.ts';
import { simAgentOpen } from '../../src/agent/sim/sim-agent.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { serverDocument } from './server-documents.ts';

/** Puts the document and waits until its generation is carried out. */
async function carryOut(agent: AgentClient, wanted: ServerWanted): Promise<ServerActual> {
  const stop = new AbortController();
  const reports = agent.watch(stop.signal);
  await agent.serverPut(wanted);
  for await (const report of reports) {
    if (report.kind !== 'server' || report.server.id !== wanted.id) continue;
    if (report.server.generation === wanted.generation) return report.server;
  }
  throw new Error('the watch ended');
}

const kind =
  (expected: Failure['kind']) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.kind === expected;

test('a server runs, pauses, suspends, resumes and stops as its documents say', async () => {
  const agent = simAgentOpen();
  const states = ['running', 'paused', 'running', 'suspended', 'running', 'stopped'] as const;
  for (const [index, state] of states.entries()) {
    const actual = await carryOut(agent, serverDocument({ generation: index + 1, run: { state } }));
    assert.equal(actual.power, state);
    assert.equal(actual.incarnation, 1);
  }
});

test('an older generation is a conflict and changes nothing', async () => {
  const agent = simAgentOpen();
  await carryOut(agent, serverDocument({ generation: 2 }));
  await assert.rejects(
    agent.serverPut(serverDocument({ run: { state: 'stopped' } })),
    kind('conflict'),
  );
  assert.equal((await agent.serverGet(serverDocument().id))?.power, 'running');
});

test('a process that ended by itself is reported and starts only in a new incarnation', async () => {
  const agent = simAgentOpen();
  const { id } = await carryOut(agent, serverDocument());
  agent.processEnd(id, 'crashed');
  assert.equal((await agent.serverGet(id))?.ended?.reason, 'crashed');
  const same = await carryOut(agent, serverDocument({ generation: 2 }));
  assert.equal(same.power, 'stopped');
  const next = await carryOut(agent, serverDocument({ generation: 3, run: { incarnation: 2 } }));
  assert.deepEqual([next.power, next.incarnation, next.ended], ['running', 2, null]);
});

test('a boot of the machine is no end: the server runs again in the same incarnation', async () => {
  const agent = simAgentOpen();
  const { id } = await carryOut(agent, serverDocument());
  const before = (await agent.hostGet()).bootId;
  agent.machineReboot();
  assert.notEqual((await agent.hostGet()).bootId, before);
  const again = await carryOut(agent, serverDocument({ generation: 2 }));
  assert.deepEqual(
    [again.id, again.power, again.incarnation, again.ended],
    [id, 'running', 1, null],
  );
});

test('a word in the name makes the start fail with that error', async () => {
  const agent = simAgentOpen();
  const guest = { name: 'my sim-no-space server' };
  const failed = await carryOut(agent, serverDocument({ guest }));
  assert.deepEqual([failed.power, failed.error?.code], ['stopped', 'no_space']);
  const gone = await carryOut(
    agent,
    serverDocument({ generation: 2, run: { state: 'stopped' }, guest }),
  );
  assert.deepEqual([gone.power, gone.error], ['stopped', null]);
});

test('an image that is not on the host and a network without document are errors of the server', async () => {
  const agent = simAgentOpen();
  const disks = [
    { id: 'root', source: { kind: 'image', imageId: 'i1' }, sizeMib: 64, revision: 1 } as const,
  ];
  const nics = [{ portId: 'p1', networkId: 'n1', mac: 'fa:16:3e:00:00:01', mtu: 1450 }];
  assert.equal((await carryOut(agent, serverDocument({ disks, nics }))).error?.code, 'no_image');
  const bytes = Buffer.from('an image');
  const sha512 = createHash('sha512').update(bytes).digest('hex');
  const facts = { imageId: 'i1', format: 'raw', sizeBytes: bytes.length, sha512 } as const;
  await assert.rejects(
    agent.imagePut(facts, ReadableStream.from([Buffer.from('another')])),
    kind('invalid'),
  );
  await agent.imagePut(facts, ReadableStream.from([bytes]));
  assert.equal(
    (await carryOut(agent, serverDocument({ generation: 2, disks, nics }))).error?.code,
    'no_network',
  );
  await agent.networkPut({ id: 'n1' } as never, 'd1');
  const good = await carryOut(agent, serverDocument({ generation: 3, disks, nics }));
  assert.deepEqual([good.power, good.error], ['running', null]);
  assert.equal(await agent.imageDelete('i1'), false);
  await agent.serverDelete(good.id);
  assert.equal(await agent.imageDelete('i1'), true);
});

test('a watch tells everything that is, then that it did, then changes', async () => {
  const agent = simAgentOpen();
  const { id } = await carryOut(agent, serverDocument());
  await agent.routerPut({ id: 'r1' } as never, 'd1');
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const report of agent.watch(stop.signal)) {
    seen.push(describe(report));
    if (report.kind === 'synced') await agent.serverDelete(id);
    if (report.kind === 'server-gone') stop.abort();
  }
  assert.deepEqual(seen, ['document r1 d1', `server ${id} running`, 'synced', `server-gone ${id}`]);
});

function describe(report: Report): string {
  if (report.kind === 'server') return `server ${report.server.id} ${report.server.power}`;
  if (report.kind === 'document') return `document ${report.id} ${report.digest}`;
  return report.kind === 'server-gone' ? `server-gone ${report.id}` : report.kind;
}

test('a lost connection breaks the watch and every call, and what runs runs on', async () => {
  const agent = simAgentOpen();
  const { id } = await carryOut(agent, serverDocument());
  const watch = agent.watch(new AbortController().signal);
  await watch[Symbol.asyncIterator]().next();
  agent.disconnect();
  await assert.rejects(agent.serverGet(id), kind('unavailable'));
  agent.connect();
  assert.equal((await agent.serverGet(id))?.power, 'running');
});

test('a snapshot of a running server is done, read and deleted', async () => {
  const agent = simAgentOpen();
  const disks = [
    {
      id: 'root',
      source: { kind: 'blank', fs: 'none', label: '' },
      sizeMib: 64,
      revision: 1,
    } as const,
  ];
  const { id } = await carryOut(agent, serverDocument({ disks }));
  const stop = new AbortController();
  const reports = agent.watch(stop.signal);
  assert.equal((await agent.snapshotPut('s1', { serverId: id, diskId: 'root' })).state, 'running');
  for await (const report of reports) {
    if (report.kind === 'snapshot' && report.snapshot.state === 'done') stop.abort();
  }
  const actual = await agent.snapshotGet('s1');
  let sizeBytes = 0;
  for await (const chunk of agent.snapshotRead('s1')) sizeBytes += chunk.length;
  assert.equal(sizeBytes, actual?.sizeBytes);
  assert.equal(actual?.virtualSizeBytes, 64 * 2 ** 20);
  await agent.snapshotDelete('s1');
  assert.equal(await agent.snapshotGet('s1'), null);
});

test('five thousand servers start on one simulated host', async () => {
  const agent = simAgentOpen();
  const ids = Array.from(
    { length: 5000 },
    (_, n) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  );
  await Promise.all(ids.map(async (id) => carryOutFast(agent, serverDocument({ id }))));
  const actual = await Promise.all(ids.map((id) => agent.serverGet(id)));
  assert.ok(actual.every((one) => one?.power === 'running'));
});

/** Without a watch of its own: reads until the generation is there. */
async function carryOutFast(agent: AgentClient, wanted: ServerWanted): Promise<void> {
  let { generation } = await agent.serverPut(wanted);
  for (let read = 0; generation < wanted.generation && read < 100; read++) {
    generation = (await agent.serverGet(wanted.id))?.generation ?? 0;
  }
}
