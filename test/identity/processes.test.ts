import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sqliteOpen } from '../../src/engines/sqlite/engine.ts';
import { identityVerifierOpen, type IdentityVerifier } from '../../src/identity/verifier.ts';
import type { Engine } from '../../src/kernel/db.ts';
import { randomIds } from '../../src/kernel/ids.ts';
import { cloudOpen, engines, refusedSoon, seed, tokenKey, type TestCloud } from './support.ts';

/** The cloud, and how another process opens its database: on connections of its own. */
async function twoOpen(): Promise<
  AsyncDisposable & { cloud: TestCloud; verifier: IdentityVerifier; engine: Engine }
> {
  const before = engines.open;
  const folder = mkdtempSync(join(tmpdir(), 'welkin-identity-'));
  if (engines.reopen === null) engines.open = () => sqliteOpen(join(folder, 'region.db'));
  const cloud = await cloudOpen();
  engines.open = before;
  const engine = engines.reopen?.() ?? sqliteOpen(join(folder, 'region.db'));
  const verifier = await identityVerifierOpen(
    {
      engine,
      clock: cloud.clock,
      ids: randomIds,
      tokenKeys: [tokenKey],
      credentialKeys: [tokenKey],
    },
    'object-store',
  );
  return {
    cloud,
    verifier,
    engine,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await cloud[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

const asked = { serviceType: 'object-store', method: 'GET', path: '/v1/AUTH_x' };

test('what is taken away in one process is refused in another with the next request', async () => {
  await using two = await twoOpen();
  const { cloud, verifier, engine } = two;
  const { port } = verifier;
  const isRefused = async (token: string) => (await port.tokenActor(token, asked)) === null;
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  assert.equal((await port.tokenActor(token, asked))?.userName, 'demo');
  await cloud.call('DELETE', '/v3/auth/tokens', { headers: { 'X-Subject-Token': token } });
  await refusedSoon(engine, () => isRefused(token));

  const again = await cloud.logIn('demo', seed.demoPassword);
  const second = again.headers.get('x-subject-token') ?? '';
  const { user, project } = again.json.token;
  assert.notEqual(await port.tokenActor(second, asked), null);
  const made = await cloud.call('POST', `/v3/users/${user.id}/credentials/OS-EC2`, {
    token: second,
    body: { tenant_id: project.id },
  });
  const { access } = made.json.credential;
  assert.notEqual(await port.accessKeyGet(access, 'object-store'), null);
  const [role] = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  await cloud.call('DELETE', `/v3/projects/${project.id}/users/${user.id}/roles/${role.id}`);
  await refusedSoon(engine, () => isRefused(second));
  await refusedSoon(engine, async () => (await port.accessKeyGet(access, 'object-store')) === null);
});

test('a new domain, user and role of one process can be used through another', async () => {
  await using two = await twoOpen();
  const { cloud, verifier, engine } = two;
  const domain = await cloud.create('/v3/domains', { domain: { name: 'new' } });
  await refusedSoon(engine, async () => (await verifier.port.domainName(domain.id)) === 'new');
});

test('the server of one service takes tokens by its own name, not by the path', async () => {
  await using two = await twoOpen();
  const { cloud, verifier } = two;
  const server = createServer((request, response) => {
    void verifier.authenticate(request).then((actor) => response.end(actor?.userName ?? 'nobody'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/compute/v2.1`;
  const ask = async (token: string): Promise<string> =>
    (await fetch(url, { headers: { 'X-Auth-Token': token } })).text();
  assert.equal(await ask(cloud.admin), 'admin');
  assert.equal(await ask('gAAAA'), 'nobody');
  server.closeAllConnections();
  server.close();
});
