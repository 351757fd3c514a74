import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { commandRun } from '../../../src/agent/command.ts';
import { agentClientOpen } from '../../../src/agent/http/client.ts';
import { agentHttpServe } from '../../../src/agent/http/server.ts';
import { simAgentOpen } from '../../../src/agent/sim/sim-agent.ts';
import { Failure } from '../../../src/kernel/errors.ts';
import { silentLog } from '../../../src/kernel/log.ts';

interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Two ends of one authority and one of another. */
async function identities(
  t: TestContext,
): Promise<Record<'agent' | 'control' | 'stranger', Identity>> {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const openssl = (...words: string[]): Promise<string> => commandRun(['openssl', ...words]);
  const at = (file: string): string => join(directory, file);
  const read = (file: string): string => readFileSync(at(file), 'utf8');
  const authority = (name: string): Promise<string> =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.crt`),
    );
  writeFileSync(at('san'), 'subjectAltName=IP:127.0.0.1');
  const signed = async (name: string, ca: string): Promise<Identity> => {
    await openssl(
      'req',
      '-newkey',
      'ed25519',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.csr`),
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      at(`${name}.csr`),
      '-CA',
      at(`${ca}.crt`),
      '-CAkey',
      at(`${ca}.key`),
      '-days',
      '2',
      '-extfile',
      at('san'),
      '-out',
      at(`${name}.crt`),
    );
    return { key: read(`${name}.key`), cert: read(`${name}.crt`), ca: read(`${ca}.crt`) };
  };
  await authority('ours');
  await authority('theirs');
  return {
    agent: await signed('agent', 'ours'),
    control: await signed('control', 'ours'),
    stranger: await signed('stranger', 'theirs'),
  };
}

test('between machines both ends prove who they are', async (t) => {
  const { agent, control, stranger } = await identities(t);
  const port = 5110;
  const http = await agentHttpServe(
    simAgentOpen(),
    { host: '127.0.0.1', port, tls: agent },
    silentLog,
  );
  t.after(() => http.close());
  const url = `https://127.0.0.1:${port}`;
  const ours = agentClientOpen({ url, tls: control });
  t.after(() => ours.close());
  assert.equal((await ours.hostGet()).hostname, 'sim-1');
  const refused = (error: unknown): boolean =>
    error instanceof Failure && error.kind === 'unavailable';
  const unknown = agentClientOpen({ url, tls: { ...stranger, ca: control.ca } });
  t.after(() => unknown.close());
  await assert.rejects(unknown.hostGet(), refused);
  const distrustful = agentClientOpen({ url, tls: { ...control, ca: stranger.ca } });
  t.after(() => distrustful.close());
  await assert.rejects(distrustful.hostGet(), refused);
});
