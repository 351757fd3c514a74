import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openIdPeerStart } from '../support/openid.ts';
import { base, tokenIn, ada, companyOpen, roleGive, rules } from './provider-company.ts';

test('somebody of a provider comes in with its token, is the same at each log-in, and has a place by a group', async () => {
  await using company = await companyOpen();
  const { cloud, groupId, rescope } = company;
  await roleGive(company);
  const first = await company.logIn();
  assert.equal(first.status, 201, first.text);
  const { user, methods, project, roles } = first.json.token;
  assert.deepEqual([methods, project, roles], [['openid'], undefined, undefined]);
  assert.equal(user.name, 'ada');
  assert.equal('password_expires_at' in user, false);
  assert.deepEqual(user['OS-FEDERATION'], {
    groups: [{ id: groupId }],
    identity_provider: { id: 'company' },
    protocol: { id: 'openid' },
  });
  assert.equal((await company.logIn()).json.token.user.id, user.id);
  assert(tokenIn(first).length < 255);

  const projects = await cloud.call('GET', '/v3/auth/projects', { token: tokenIn(first) });
  assert.deepEqual(
    projects.json.projects.map(({ id }: { id: string }) => id),
    [cloud.adminProjectId],
  );
  const old = await cloud.call('GET', `${base}/projects`, { token: tokenIn(first) });
  assert.deepEqual(old.json.projects, projects.json.projects);
  assert.equal((await cloud.call('GET', `${base}/domains`, { token: tokenIn(first) })).status, 200);

  const scoped = await rescope(tokenIn(first), { project: { id: cloud.adminProjectId } });
  assert.equal(scoped.status, 201, scoped.text);
  const { token } = scoped.json;
  assert.deepEqual(token.methods.toSorted(), ['openid', 'token']);
  assert.deepEqual(token.user, user);
  assert.equal(token.expires_at, first.json.token.expires_at);
  assert(token.roles.some(({ name }: { name: string }) => name === 'member'));
  assert(tokenIn(scoped).length < 255);
  const headers = { 'X-Subject-Token': tokenIn(scoped) };
  assert.deepEqual((await cloud.call('GET', '/v3/auth/tokens', { headers })).json.token, token);

  const shown = (await cloud.call('GET', `/v3/users/${user.id}`)).json.user;
  assert.equal(shown.email, 'ada@example.org');
  const [idp] = (await cloud.call('GET', `${base}/identity_providers`)).json.identity_providers;
  assert.equal(shown.domain_id, idp.domain_id);
  assert.deepEqual(shown.federated, [
    { idp_id: 'company', protocols: [{ protocol_id: 'openid', unique_id: 'ada/1' }] },
  ]);
  for (const [query, count] of [
    ['idp_id=company&unique_id=ada/1', 1],
    ['protocol_id=saml2', 0],
  ] as const) {
    const { users } = (await cloud.call('GET', `/v3/users?${query}`)).json;
    assert.equal(users.length, count);
  }
  // The user of a provider has no password here.
  const byPassword = await cloud.logIn('ada', '');
  assert.equal(byPassword.status, 401);
});

test('whatever is taken away is gone from the tokens of those who came from a provider', async () => {
  await using company = await companyOpen();
  const { cloud, rescope, patch } = company;
  const grant = await roleGive(company);
  const unscoped = tokenIn(await company.logIn());
  const scope = { project: { id: cloud.adminProjectId } };
  const scoped = async () => tokenIn(await rescope(unscoped, scope));
  const worth = async (token: string) =>
    (await cloud.call('GET', '/v3/auth/projects', { token })).status;

  let token = await scoped();
  assert.equal(await worth(token), 200);
  await cloud.call('DELETE', grant);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 200]);
  await roleGive(company);
  token = await scoped();

  const path = `${base}/identity_providers/company`;
  const enable = (enabled: boolean) => patch(path, { identity_provider: { enabled } });
  await enable(false);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 401]);
  const refused = await company.logIn();
  assert.equal(refused.status, 403);
  assert.equal(refused.json.error.message, 'Identity Provider company is disabled');
  await enable(true);
  token = await scoped();
  assert.equal(await worth(token), 200);
  await cloud.call('DELETE', `${path}/protocols/openid`);
  assert.deepEqual([await worth(token), await worth(unscoped)], [401, 401]);
  const gone = await company.logIn();
  assert.equal(gone.status, 404);
  assert.match(gone.json.error.message, /federated protocol openid for Identity Provider: company/);
  await cloud.call('PUT', `${path}/protocols/openid`, {
    body: { protocol: { mapping_id: 'people' } },
  });
  const again = await company.logIn();
  assert.equal(again.status, 201, 'the same person as before');
  await cloud.call('DELETE', `/v3/groups/${company.groupId}`);
  assert.deepEqual(
    (await company.logIn()).json.token.user['OS-FEDERATION'].groups,
    [],
    'a group that is not there any more is nobody of',
  );
  await cloud.call('DELETE', path);
  assert.equal(await worth(tokenIn(again)), 401);
  assert.equal((await company.logIn()).status, 404);
});

test('a name of the provider, the protocol and the mapping are what tokens of a log-in rest on', async () => {
  await using company = await companyOpen();
  const { cloud, peer, patch } = company;
  const path = `${base}/identity_providers/company`;
  const token = tokenIn(await company.logIn());
  const worth = async () => (await cloud.call('GET', '/v3/auth/projects', { token })).status;
  const named = async (...remote_ids: string[]) => {
    await patch(path, { identity_provider: { remote_ids } });
    return await worth();
  };
  assert.equal(await worth(), 200);
  assert.equal(await named('https://other'), 401);
  assert.equal(await named(), 401, 'a provider without a name is another one');
  assert.equal(await named('https://other', peer.issuer), 200);
  const mapping = { body: { mapping: { rules } } };
  const mappingPath = `${base}/mappings/people`;
  await cloud.call('DELETE', mappingPath);
  assert.equal(await worth(), 401);
  assert.equal((await cloud.call('PUT', mappingPath, mapping)).status, 201);
  assert.equal(await worth(), 200);
  await patch(`${path}/protocols/openid`, { protocol: { mapping_id: 'people' } });
  assert.equal(await worth(), 200);
});

test('no token but a good one of the right provider comes in, and the answer does not say why', async () => {
  await using company = await companyOpen();
  await using stranger = await openIdPeerStart();
  const { peer, cloud } = company;
  const good = await peer.token(ada);
  const events = () => cloud.events.filter(({ action }) => action === 'authenticate');
  const told = [
    null,
    '',
    'Bearer',
    `Basic ${good}`,
    'Bearer x',
    'Bearer a.b.c',
    `Bearer ${good}x`,
    `Bearer ${'x'.repeat(12_289)}`,
    `Bearer ${await peer.token({ ...ada, aud: 'another' })}`,
    `Bearer ${await peer.token({ ...ada, exp: 1 })}`,
    `Bearer ${await stranger.token(ada)}`,
    `Bearer ${await stranger.token({ ...ada, iss: peer.issuer })}`,
  ];
  for (const authorization of told) {
    const before = events().length;
    const answer = await company.come(authorization);
    assert.equal(answer.status, 401, String(authorization));
    assert.equal(answer.json.error.message, 'The request you have made requires authentication.');
    const event = events()[before];
    assert.equal(event?.outcome, 'failure');
    assert(!JSON.stringify(event).includes(good), 'the audit trail has no token');
  }
  const unmapped = await company.logIn({ sub: 'x' });
  assert.equal(unmapped.status, 401);
  assert.match(JSON.stringify(events().at(-1)), /no rule of the mapping fits/);
  assert.deepEqual((await company.logIn()).status, 201);
  assert.equal(events().at(-1)?.outcome, 'success');
  // Another identity provider of this cloud does not take them.
  const path = `${base}/identity_providers/other`;
  const body = { identity_provider: { enabled: true, remote_ids: ['https://other'] } };
  assert.equal((await cloud.call('PUT', path, { body })).status, 201);
  const protocol = { body: { protocol: { mapping_id: 'people' } } };
  assert.equal((await cloud.call('PUT', `${path}/protocols/openid`, protocol)).status, 201);
  const there = await cloud.call('GET', `${path}/protocols/openid/auth`, {
    token: null,
    headers: { Authorization: `Bearer ${good}` },
  });
  assert.equal(there.status, 401);
});

test('a provider that cannot be asked is a 503 and no bug', async () => {
  await using company = await companyOpen();
  const { peer } = company;
  peer.trouble = { status: 500, text: '' };
  const answer = await company.logIn();
  assert.equal(answer.status, 503);
  assert(!answer.text.includes(peer.issuer));
  peer.trouble = null;
  assert.equal((await company.logIn()).status, 201);
});
