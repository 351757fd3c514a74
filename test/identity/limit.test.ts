import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloudOpen, type TestCloud } from './support.ts';

async function serviceOf(cloud: TestCloud): Promise<string> {
  const [service] = (await cloud.call('GET', '/v3/services?type=compute')).json.services;
  return service.id;
}

const registered = (service_id: string, more: object = {}) => ({
  service_id,
  region_id: 'RegionOne',
  resource_name: 'cores',
  default_limit: 10,
  ...more,
});

test('registered limits are unique, and stay while projects have limits of their own', async () => {
  await using cloud = await cloudOpen();
  const service_id = await serviceOf(cloud);
  const register = (...registered_limits: object[]) =>
    cloud.call('POST', '/v3/registered_limits', { body: { registered_limits } });
  const made = await register(registered(service_id), registered(service_id, { region_id: null }));
  assert.equal(made.status, 201, made.text);
  const [{ id, links }] = made.json.registered_limits;
  assert.match(links.self, new RegExp(`/v3/registered_limits/${id}$`));
  assert.equal((await register(registered(service_id))).status, 409);
  assert.equal((await register(registered(service_id, { region_id: null }))).status, 409);
  const both = await register(
    registered(service_id, { resource_name: 'ram' }),
    registered(service_id),
  );
  assert.equal(both.status, 409);
  const { registered_limits: rams } = (
    await cloud.call('GET', '/v3/registered_limits?resource_name=ram')
  ).json;
  assert.deepEqual(rams, [], 'all or none');
  assert.equal((await register(registered('nowhere'))).status, 400);
  assert.equal((await register(registered(service_id, { default_limit: -2 }))).status, 400);
  assert.equal((await register()).status, 400);

  const path = `/v3/registered_limits/${id}`;
  const change = (default_limit: number) =>
    cloud.call('PATCH', path, { body: { registered_limit: { default_limit } } });
  assert.equal((await change(12)).json.registered_limit.default_limit, 12);
  const limit = {
    project_id: cloud.adminProjectId,
    service_id,
    region_id: 'RegionOne',
    resource_name: 'cores',
    resource_limit: 5,
  };
  const limited = (...limits: object[]) => cloud.call('POST', '/v3/limits', { body: { limits } });
  assert.equal((await limited({ ...limit, resource_name: 'disks' })).status, 403);
  const own = await limited(limit);
  assert.equal(own.status, 201, own.text);
  assert.equal((await limited(limit)).status, 409);
  assert.equal((await limited({ ...limit, domain_id: 'default' })).status, 400, 'one owner');
  const ofDomain = await limited({ ...limit, project_id: undefined, domain_id: 'default' });
  assert.equal(ofDomain.json.limits[0].domain_id, 'default');
  assert.equal(ofDomain.json.limits[0].project_id, null);
  assert.equal((await change(13)).status, 403);
  assert.equal((await cloud.call('DELETE', path)).status, 403);

  const [{ id: limitId }] = own.json.limits;
  const one = `/v3/limits/${limitId}`;
  const changed = await cloud.call('PATCH', one, { body: { limit: { resource_limit: 7 } } });
  assert.equal(changed.json.limit.resource_limit, 7);
  assert.equal((await cloud.call('GET', one)).json.limit.resource_name, 'cores');
  const owners = async (token: string): Promise<(string | null)[]> => {
    const { limits } = (await cloud.call('GET', '/v3/limits', { token })).json;
    return limits.map((of: { project_id: string | null }) => of.project_id).toSorted();
  };
  assert.deepEqual(await owners(cloud.admin), [cloud.adminProjectId]);
  assert.deepEqual(await owners(cloud.systemAdmin), [cloud.adminProjectId, null]);
  for (const limitOne of [one, `/v3/limits/${ofDomain.json.limits[0].id}`]) {
    assert.equal((await cloud.call('DELETE', limitOne)).status, 204);
    assert.equal((await cloud.call('GET', limitOne)).status, 404);
  }
  assert.equal((await cloud.call('DELETE', path)).status, 204);
  assert.equal((await cloud.call('GET', path)).status, 404);
  assert.equal((await cloud.call('GET', '/v3/limits/model')).json.model.name, 'flat');
});

test('in two strict levels a domain bounds its projects, in whatever order limits come', async () => {
  await using cloud = await cloudOpen({ limitModel: 'strict_two_level' });
  const service_id = await serviceOf(cloud);
  await cloud.call('POST', '/v3/registered_limits', {
    body: { registered_limits: [registered(service_id)] },
  });
  const base = { service_id, region_id: 'RegionOne', resource_name: 'cores' };
  const project = (resource_limit: number) => ({
    ...base,
    project_id: cloud.adminProjectId,
    resource_limit,
  });
  const domain = (resource_limit: number) => ({ ...base, domain_id: 'default', resource_limit });
  const create = (...limits: object[]) => cloud.call('POST', '/v3/limits', { body: { limits } });
  assert.equal((await cloud.call('GET', '/v3/limits/model')).json.model.name, 'strict_two_level');
  assert.equal((await create(project(11))).status, 403, 'more than registered');
  assert.equal((await create(project(-1))).status, 403, 'no limit is more than any');
  assert.equal((await create(project(30), domain(20))).status, 403);
  const made = await create(project(15), domain(20));
  assert.equal(made.status, 201, made.text);
  const [own, ofDomain] = made.json.limits;
  const change = (id: string, resource_limit: number) =>
    cloud.call('PATCH', `/v3/limits/${id}`, { body: { limit: { resource_limit } } });
  assert.equal((await change(ofDomain.id, 14)).status, 403);
  assert.equal((await change(own.id, 21)).status, 403);
  assert.equal((await change(ofDomain.id, -1)).status, 200);
  assert.equal((await change(own.id, 21)).status, 200);
  const below = await cloud.call('POST', '/v3/projects', {
    body: { project: { name: 'deep', parent_id: cloud.adminProjectId } },
  });
  assert.equal(below.status, 403, 'there are no three levels');
});

test('the policy document of an endpoint is its own, or that of its region, or that of its service', async () => {
  await using cloud = await cloudOpen();
  const service_id = await serviceOf(cloud);
  const [endpoint] = (await cloud.call('GET', `/v3/endpoints?service_id=${service_id}`)).json
    .endpoints;
  await cloud.create('/v3/regions', { region: { id: 'above' } });
  await cloud.call('PATCH', '/v3/regions/RegionOne', {
    body: { region: { parent_region_id: 'above' } },
  });
  const policyOf = async (): Promise<string | number> => {
    const answer = await cloud.call(
      'GET',
      `/v3/endpoints/${endpoint.id}/OS-ENDPOINT-POLICY/policy`,
    );
    return answer.json.policy?.blob ?? answer.status;
  };
  assert.equal(await policyOf(), 404);
  const paths: string[] = [];
  for (const [blob, below] of [
    ['of service', `services/${service_id}`],
    ['of region above', `services/${service_id}/regions/above`],
    ['of endpoint', `endpoints/${endpoint.id}`],
  ]) {
    const policy = await cloud.create('/v3/policies', { policy: { blob, type: 'text/plain' } });
    const path = `/v3/policies/${policy.id}/OS-ENDPOINT-POLICY/${below}`;
    paths.push(path);
    assert.equal((await cloud.call('GET', path)).status, 404);
    assert.equal((await cloud.call('PUT', path)).status, 204);
    assert.equal((await cloud.call('PUT', path)).status, 204);
    assert.equal((await cloud.call('GET', path)).status, 204);
    assert.equal(await policyOf(), blob);
    const listed = await cloud.call(
      'GET',
      `/v3/policies/${policy.id}/OS-ENDPOINT-POLICY/endpoints`,
    );
    assert(listed.json.endpoints.some(({ id }: { id: string }) => id === endpoint.id));
  }
  for (const path of paths) assert.equal((await cloud.call('DELETE', path)).status, 204);
  assert.equal(await policyOf(), 404);
  const nowhere = `/v3/policies/none/OS-ENDPOINT-POLICY/endpoints/${endpoint.id}`;
  assert.equal((await cloud.call('PUT', nowhere)).status, 404);
});
