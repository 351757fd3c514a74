import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloudOpen } from './support.ts';

const base = '/v3/OS-FEDERATION';
const rules = [
  { local: [{ user: { name: '{0}' } }], remote: [{ type: 'OIDC-preferred_username' }] },
];

test('providers, protocols, mappings and service providers are kept as Keystone keeps them', async () => {
  await using cloud = await cloudOpen();
  const call = (method: string, path: string, body?: unknown) =>
    cloud.call(method, `${base}${path}`, body === undefined ? {} : { body });
  const idp = '/identity_providers/company';
  const made = await call('PUT', idp, { identity_provider: { remote_ids: ['b', 'a'] } });
  const { domain_id: domainId, links, ...shown } = made.json.identity_provider;
  assert.deepEqual(shown, {
    id: 'company',
    enabled: false,
    description: null,
    authorization_ttl: null,
    remote_ids: ['a', 'b'],
  });
  assert.equal(links.protocols, `${cloud.url}${base}${idp}/protocols`);
  const { domain } = (await cloud.call('GET', `/v3/domains/${domainId}`)).json;
  assert.equal(domain.name, domainId);
  assert.match(domain.description, /Identity Provider: company$/);
  const refusals: [number, string, string, unknown][] = [
    [409, 'PUT', idp, { identity_provider: {} }],
    [409, 'PUT', '/identity_providers/x', { identity_provider: { remote_ids: ['a'] } }],
    [404, 'PUT', '/identity_providers/x', { identity_provider: { domain_id: 'none' } }],
    [400, 'PUT', '/identity_providers/x', { identity_provider: { name: 'x' } }],
    [400, 'PUT', `/identity_providers/${'x'.repeat(65)}`, { identity_provider: {} }],
    [400, 'PATCH', idp, { identity_provider: { domain_id: 'default' } }],
    [400, 'PATCH', idp, { identity_provider: {} }],
    [400, 'PATCH', idp, { identity_provider: { authorization_ttl: -1 } }],
    [404, 'PATCH', '/identity_providers/x', { identity_provider: { enabled: true } }],
    [400, 'PUT', `${idp}/protocols/openid`, { protocol: { mapping_id: 'none' } }],
    [400, 'PUT', `${idp}/protocols/openid`, { protocol: {} }],
    [400, 'PUT', '/mappings/m', { mapping: { rules: [] } }],
    [404, 'PATCH', '/mappings/m', { mapping: { rules } }],
    [400, 'PUT', '/service_providers/s', { service_provider: { auth_url: 'https://a' } }],
  ];
  for (const [status, method, path, body] of refusals) {
    const answer = await call(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} ${answer.text}`);
  }
  const changed = await call('PATCH', idp, {
    identity_provider: { enabled: true, remote_ids: null, authorization_ttl: 5 },
  });
  assert.deepEqual(changed.json.identity_provider.remote_ids, []);
  const enabled = await call('GET', '/identity_providers?enabled=true');
  assert.equal(enabled.json.identity_providers.length, 1);
  assert.equal((await call('GET', '/identity_providers?id=x')).json.identity_providers.length, 0);

  assert.equal((await call('PUT', '/mappings/m', { mapping: { rules } })).status, 201);
  assert.equal((await call('PUT', '/mappings/m', { mapping: { rules } })).status, 409);
  assert.deepEqual((await call('GET', '/mappings/m')).json.mapping.rules, rules);
  assert.equal((await call('GET', '/mappings')).json.mappings.length, 1);
  const protocol = { protocol: { mapping_id: 'm', remote_id_attribute: 'OIDC-iss' } };
  const one = await call('PUT', `${idp}/protocols/openid`, protocol);
  assert.equal(one.json.protocol.remote_id_attribute, 'OIDC-iss');
  assert.equal((await call('PUT', `${idp}/protocols/openid`, protocol)).status, 409);
  assert.equal((await call('PUT', '/identity_providers/x/protocols/p', protocol)).status, 404);
  assert.equal((await call('GET', `${idp}/protocols`)).json.protocols.length, 1);
  assert.equal((await call('PATCH', `${idp}/protocols/none`, protocol)).status, 404);

  const urls = { auth_url: 'https://a.example/v3', sp_url: 'https://a.example/saml' };
  const sp = await call('PUT', '/service_providers/s', { service_provider: urls });
  assert.equal(sp.json.service_provider.relay_state_prefix, 'ss:mem:');
  const update = { service_provider: { enabled: true, description: 'd' } };
  const next = await call('PATCH', '/service_providers/s', update);
  assert.deepEqual(
    [next.json.service_provider.enabled, next.json.service_provider.auth_url],
    [true, urls.auth_url],
  );
  assert.equal(
    (await call('GET', '/service_providers?enabled=1')).json.service_providers.length,
    1,
  );
  for (const path of ['/service_providers/s', `${idp}/protocols/openid`, '/mappings/m', idp]) {
    assert.equal((await call('DELETE', path)).status, 204);
    assert.equal((await call('DELETE', path)).status, 404);
    assert.equal((await call('GET', path)).status, 404);
  }
  // Whoever removes the domain of a provider removes it.
  await call('PUT', idp, { identity_provider: { domain_id: domainId } });
  await cloud.call('PATCH', `/v3/domains/${domainId}`, { body: { domain: { enabled: false } } });
  assert.equal((await cloud.call('DELETE', `/v3/domains/${domainId}`)).status, 204);
  assert.equal((await call('GET', idp)).status, 404);
});
