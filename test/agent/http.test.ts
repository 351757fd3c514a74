import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { AgentClient } from '../../src/agent/api.ts';
import { AgentFailure } from '../../src/agent/failure.ts';
import { agentClientOpen, type AgentConnection } from '../../src/agent/http/client.ts';
import { agentHttpServe, type AgentHttp } from '../../src/agent/http/server.ts';
import { simAgentOpen, type SimAgent } from '../../src/agent/sim/sim-agent.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { serverDocument } from './server-documents.ts';

interface Wire {
  readonly sim: SimAgent;
  readonly client: AgentConnection;
  readonly socketPath: string;
  http: AgentHttp;
  serve(agent?: AgentClient): Promise<AgentHttp>;
}

async function wire(t: TestContext, change: Partial<AgentClient> = {}): Promise<Wire> {
  const directory = mkdtempSync(join(tmpdir(), 'wire-'));
  const socketPath = join(directory, 'agent.sock');
  const sim = simAgentOpen();
  const agent = new Proxy(sim, {
    get: (target, name) =>
      Reflect.get(change, name) ?? bound(target, Reflect.get(target, name, target) as unknown),
  });
  const serve = (): Promise<AgentHttp> =>
    agentHttpServe(agent, { socketPath, gid: process.getgid?.() ?? 0 }, silentLog);
  const it: Wire = {
    sim,
    client: agentClientOpen({ socketPath }),
    socketPath,
    http: await serve(),
    serve,
  };
  t.after(async () => {
    it.client.close();
    await it.http.close();
    rmSync(directory, { recursive: true });
  });
  return it;
}

const bound = (target: object, value: unknown): unknown =>
  typeof value === 'function' ? (value.bind(target) as unknown) : value;

const isFailure =
  (kind: Failure['kind'], type: string | null = null) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.kind === kind && error.type === type;

test('every call reaches the agent and its answer comes back', async (t) => {
  const { client, sim } = await wire(t);
  assert.deepEqual(await client.hostGet(), await sim.hostGet());
  const wanted = serverDocument({
    disks: [
      { id: 'root', source: { kind: 'blank', fs: 'none', label: '' }, sizeMib: 1, revision: 1 },
    ],
  });
  assert.equal((await client.serverPut(wanted)).id, wanted.id);
  assert.equal((await client.serverGet(wanted.id))?.id, wanted.id);
  assert.match(await client.serverConsole(wanted.id, 5), /is up/);
  assert.equal((await client.serverDiagnostics(wanted.id)).state, 'running');
  await client.serverPasswordSet(wanted.id, 'root', 'secret');
  assert.equal(await client.serverPasswordRead(wanted.id), '');
  await client.serverPasswordClear(wanted.id);
  await client.networkPut({ id: 'n/1' } as never, 'sha=1&2');
  assert.equal(sim.documents.get('network n/1')?.digest, 'sha=1&2');
  await client.networkDelete('n/1');
  assert.equal(sim.documents.size, 0);
  const image = randomBytes(3_000_000);
  const sha512 = createHash('sha512').update(image).digest('hex');
  const facts = { imageId: 'i1', format: 'raw', sizeBytes: image.length, sha512 } as const;
  await client.imagePut(facts, ReadableStream.from([image.subarray(0, 100), image.subarray(100)]));
  assert.deepEqual(await client.imageGet('i1'), facts);
  assert.deepEqual(await client.imageList(), await sim.imageList());
  assert.equal((await client.imageList()).length, 1);
  assert.equal(await client.imageDelete('i1'), true);
  assert.equal(await client.imageGet('i1'), null);
  await client.snapshotPut('s1', { serverId: wanted.id, diskId: 'root' });
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.snapshotRead('s1')) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).length, (await client.snapshotGet('s1'))?.sizeBytes);
  await client.snapshotDelete('s1');
  await client.serverDelete(wanted.id);
  assert.equal(await client.serverGet(wanted.id), null);
});

test('failures keep their kind and the code of the agent', async (t) => {
  const { client, sim } = await wire(t, {
    serverDiagnostics: () => Promise.reject(new AgentFailure('no_network', 'no network n1')),
    serverConsole: () => Promise.reject(new TypeError('a bug with /secret/path')),
  });
  await client.serverPut(serverDocument({ generation: 5 }));
  await assert.rejects(client.serverPut(serverDocument()), isFailure('conflict'));
  await assert.rejects(client.serverPasswordSet('none', 'a', 'b'), isFailure('not_found'));
  await assert.rejects(client.serverDiagnostics('x'), isFailure('unavailable', 'no_network'));
  await assert.rejects(
    client.serverConsole('x', null),
    (error) => isFailure('unavailable', 'internal')(error) && !String(error).includes('secret'),
  );
  await assert.rejects(async () => {
    for await (const chunk of client.snapshotRead('none')) assert.fail(String(chunk));
  }, isFailure('not_found'));
  const other = { ...serverDocument(), id: 'other' };
  await assert.rejects(sim.serverDiagnostics('other'), isFailure('not_found'));
  assert.equal(await client.serverGet(other.id), null);
});

test('reports stream until the reader leaves or the agent ends', async (t) => {
  const it = await wire(t);
  await it.client.serverPut(serverDocument());
  const stop = new AbortController();
  const kinds: string[] = [];
  for await (const report of it.client.watch(stop.signal)) {
    kinds.push(report.kind);
    if (report.kind === 'synced') void it.client.serverDelete(serverDocument().id);
    if (report.kind === 'server-gone') stop.abort();
  }
  assert.deepEqual([kinds[0], kinds.at(-1)], ['server', 'server-gone']);
  const second = it.client.watch(new AbortController().signal);
  const reader = second[Symbol.asyncIterator]();
  await reader.next();
  await it.http.close();
  assert.equal((await reader.next()).done, true);
  it.http = await it.serve();
});

test('a restart of the agent is no failure of a call', async (t) => {
  const it = await wire(t);
  await it.client.serverPut(serverDocument());
  await it.http.close();
  const pending = it.client.serverGet(serverDocument().id);
  it.http = await it.serve();
  assert.equal((await pending)?.id, serverDocument().id);
});

test('an agent that is not there is unavailable', async () => {
  let now = 0;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const client = agentClientOpen({ socketPath: '/nonexistent/agent.sock' }, clock);
  await assert.rejects(client.hostGet(), isFailure('unavailable', 'unreachable'));
  assert.ok(now > 1000);
  await assert.rejects(
    async () => {
      for await (const report of client.watch(new AbortController().signal))
        assert.fail(report.kind);
    },
    isFailure('unavailable', 'unreachable'),
  );
});

test('an upload that its reader gives up fails the call and takes no image', async (t) => {
  const { client, sim } = await wire(t);
  const facts = { imageId: 'i1', format: 'raw', sizeBytes: 10, sha512: 'a'.repeat(128) } as const;
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('the store went away');
  }
  await assert.rejects(client.imagePut(facts, broken()));
  assert.equal(await sim.imageGet('i1'), null);
  const bytes = ReadableStream.from([Buffer.from('0123456789')]);
  await assert.rejects(client.imagePut(facts, bytes), isFailure('invalid', 'bad_image'));
});

test('the socket is for the agent and control only, and speaks to nobody who does not know it', async (t) => {
  const { socketPath } = await wire(t);
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  const status = async (method: string, path: string, body?: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, method, path }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  assert.equal(await status('GET', '/v2/host'), 404);
  assert.equal(await status('GET', '/v1/constructor'), 404);
  assert.equal(await status('PUT', '/v1/servers/x', '[1'), 400);
  assert.equal(await status('PUT', '/v1/servers/x', '{"id":"y"}'), 400);
  assert.equal(await status('PUT', '/v1/networks/x', '{"id":"x"}'), 400);
  assert.equal(await status('PUT', '/v1/images/x?format=vmdk&sizeBytes=1'), 400);
  assert.equal(await status('GET', '/v1/servers/%ZZ'), 400);
});
