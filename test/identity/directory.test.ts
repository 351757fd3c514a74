import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloudOpen, seed, type TestCloud } from './support.ts';

const roleId = async (cloud: TestCloud, name: string): Promise<string> =>
  (await cloud.call('GET', `/v3/roles?name=${name}`)).json.roles[0].id;

const errorOf = async (
  answer: Promise<{ status: number; json: { error?: { message: string } } }>,
) => {
  const { status, json } = await answer;
  return [status, json?.error?.message ?? ''] as const;
};

test('attributes of clients are kept and given back, known ones are checked', async () => {
  await using cloud = await cloudOpen();
  const kinds = [
    ['users', 'user', { name: 'u', email: 'u@example.org', description: 'd' }],
    ['projects', 'project', { name: 'p', cost_centre: 7 }],
    ['groups', 'group', { name: 'g', team: { a: [1] } }],
    ['roles', 'role', { name: 'r', origin: 'ldap' }],
    ['domains', 'domain', { name: 'd', owner: null }],
    ['services', 'service', { type: 't', tier: 'gold' }],
    ['regions', 'region', { id: 'r1', place: 'x' }],
  ] as const;
  for (const [collection, key, body] of kinds) {
    const made = await cloud.create(`/v3/${collection}`, { [key]: body });
    for (const [name, value] of Object.entries(body)) assert.deepEqual(made[name], value, key);
    const path = `/v3/${collection}/${made.id}`;
    assert.match(made.links.self, new RegExp(`${path}$`));
    const changed = await cloud.call('PATCH', path, { body: { [key]: { note: 'n' } } });
    assert.equal(changed.json[key].note, 'n', key);
    assert.deepEqual((await cloud.call('GET', path)).json[key], changed.json[key]);
    const other = await cloud.call('PATCH', path, { body: { [key]: { id: 'other', note: 'm' } } });
    assert.equal(other.status, 400, key);
    const nothing = await cloud.call('PATCH', path, { body: { [key]: {} } });
    assert.equal(nothing.status, 400, key);
  }
});

test('names are unique where they must be', async () => {
  await using cloud = await cloudOpen();
  const other = await cloud.create('/v3/domains', { domain: { name: 'other' } });
  const again = async (path: string, body: unknown): Promise<number> =>
    (await cloud.call('POST', path, { body })).status;
  assert.equal(await again('/v3/domains', { domain: { name: 'other' } }), 409);
  assert.equal(await again('/v3/projects', { project: { name: 'demo' } }), 409);
  assert.equal(
    await again('/v3/projects', { project: { name: 'demo', domain_id: other.id } }),
    201,
  );
  assert.equal(await again('/v3/users', { user: { name: 'demo' } }), 409);
  assert.equal(await again('/v3/users', { user: { name: 'demo', domain_id: other.id } }), 201);
  assert.equal(await again('/v3/groups', { group: { name: 'g' } }), 201);
  assert.equal(await again('/v3/groups', { group: { name: 'g' } }), 409);
  assert.equal(await again('/v3/roles', { role: { name: 'member' } }), 409);
  assert.equal(await again('/v3/roles', { role: { name: 'member', domain_id: other.id } }), 201);
  assert.equal(await again('/v3/regions', { region: { id: 'RegionOne' } }), 409);
  const demo = (await cloud.call('GET', '/v3/projects?name=demo&domain_id=default')).json
    .projects[0];
  const renamed = await cloud.call('PATCH', `/v3/projects/${demo.id}`, {
    body: { project: { name: 'admin' } },
  });
  assert.equal(renamed.status, 409);
});

test('projects form a tree of bounded depth that is taken down from its leaves', async () => {
  await using cloud = await cloudOpen();
  const ids: string[] = [];
  for (const depth of [1, 2, 3, 4]) {
    const parent_id = ids.at(-1) ?? 'default';
    const made = await cloud.create('/v3/projects', { project: { name: `p${depth}`, parent_id } });
    assert.equal(made.parent_id, parent_id);
    assert.equal(made.domain_id, 'default');
    ids.push(made.id);
  }
  const [top = '', second = '', third = '', leaf = ''] = ids;
  const deeper = { project: { name: 'p5', parent_id: leaf } };
  assert.equal((await cloud.call('POST', '/v3/projects', { body: deeper })).status, 201);
  const show = async (id: string, query: string) =>
    (await cloud.call('GET', `/v3/projects/${id}?${query}`)).json.project;
  assert.deepEqual((await show(third, 'parents_as_ids')).parents, {
    [second]: { [top]: { default: null } },
  });
  assert.deepEqual((await show(leaf, 'subtree_as_ids')).subtree, {
    [(await cloud.call('GET', '/v3/projects?name=p5')).json.projects[0].id]: null,
  });
  assert.deepEqual((await show(top, 'subtree_as_list')).subtree, [], 'no role on them');
  const both = await cloud.call('GET', `/v3/projects/${top}?subtree_as_list&subtree_as_ids`);
  assert.equal(both.status, 400);
  const [code, text] = await errorOf(cloud.call('DELETE', `/v3/projects/${top}`));
  assert.equal(code, 403);
  assert.match(text, /not a leaf in the hierarchy/);
  const disable = (id: string, enabled: boolean) =>
    cloud.call('PATCH', `/v3/projects/${id}`, { body: { project: { enabled } } });
  assert.equal((await disable(top, false)).status, 403);
  const p5 = (await cloud.call('GET', '/v3/projects?name=p5')).json.projects[0].id;
  for (const id of [p5, leaf, third, second, top])
    assert.equal((await disable(id, false)).status, 200);
  assert.equal((await disable(leaf, true)).status, 403);
  const below = { project: { name: 'late', parent_id: leaf } };
  assert.equal((await cloud.call('POST', '/v3/projects', { body: below })).status, 403);
  for (const id of [p5, leaf, third, second, top]) {
    assert.equal((await cloud.call('DELETE', `/v3/projects/${id}`)).status, 204);
  }
});

test('tags are listed, replaced, added and removed, and projects are found by them', async () => {
  await using cloud = await cloudOpen();
  const a = await cloud.create('/v3/projects', { project: { name: 'a', tags: ['x', 'y'] } });
  const b = await cloud.create('/v3/projects', { project: { name: 'b', tags: ['y'] } });
  const path = `/v3/projects/${b.id}/tags`;
  const find = async (query: string): Promise<string[]> =>
    (await cloud.call('GET', `/v3/projects?${query}`)).json.projects
      .map(({ name }: { name: string }) => name)
      .filter((name: string) => name === 'a' || name === 'b')
      .toSorted();
  assert.deepEqual(await find('tags=x,y'), ['a']);
  assert.deepEqual(await find('tags-any=x,y'), ['a', 'b']);
  assert.deepEqual(await find('not-tags=x,y'), ['b']);
  assert.deepEqual(await find('not-tags-any=x'), ['b']);
  assert.equal((await cloud.call('PUT', `${path}/z`)).status, 201);
  assert.deepEqual((await cloud.call('GET', path)).json.tags, ['y', 'z']);
  assert.equal((await cloud.call('GET', `${path}/z`)).status, 204);
  assert.equal((await cloud.call('DELETE', `${path}/z`)).status, 204);
  assert.equal((await cloud.call('DELETE', `${path}/z`)).status, 404);
  assert.equal((await cloud.call('PUT', path, { body: { tags: ['1', '1'] } })).status, 400);
  assert.equal((await cloud.call('PUT', `${path}/${encodeURIComponent('a,b')}`)).status, 400);
  const many = Array.from({ length: 80 }, (_, index) => `t${index}`);
  assert.equal((await cloud.call('PUT', path, { body: { tags: many } })).status, 200);
  assert.equal((await cloud.call('PUT', `${path}/more`)).status, 400);
  assert.equal((await cloud.call('DELETE', path)).status, 204);
  assert.deepEqual((await cloud.call('GET', `/v3/projects/${a.id}`)).json.project.tags, ['x', 'y']);
});

test('a domain goes when it is disabled, with all that was in it', async () => {
  await using cloud = await cloudOpen();
  const domain = await cloud.create('/v3/domains', { domain: { name: 'corp' } });
  const project = await cloud.create('/v3/projects', {
    project: { name: 'p', domain_id: domain.id },
  });
  const user = await cloud.create('/v3/users', {
    user: { name: 'u', domain_id: domain.id, password: 'pw' },
  });
  const group = await cloud.create('/v3/groups', { group: { name: 'g', domain_id: domain.id } });
  await cloud.call('PUT', `/v3/groups/${group.id}/users/${user.id}`);
  const role = await roleId(cloud, 'member');
  await cloud.call('PUT', `/v3/projects/${cloud.adminProjectId}/users/${user.id}/roles/${role}`);
  const [code, text] = await errorOf(cloud.call('DELETE', `/v3/domains/${domain.id}`));
  assert.equal(code, 403);
  assert.equal(text, 'Cannot delete a domain that is enabled, please disable it first.');
  await cloud.call('PATCH', `/v3/domains/${domain.id}`, { body: { domain: { enabled: false } } });
  assert.equal((await cloud.call('DELETE', `/v3/domains/${domain.id}`)).status, 204);
  for (const path of [`projects/${project.id}`, `users/${user.id}`, `groups/${group.id}`]) {
    assert.equal((await cloud.call('GET', `/v3/${path}`)).status, 404);
  }
  const left = await cloud.call('GET', `/v3/role_assignments?user.id=${user.id}`);
  assert.deepEqual(left.json.role_assignments, []);
  const [own] = await errorOf(cloud.call('DELETE', '/v3/domains/default'));
  assert.equal(own, 403);
});

test('what is immutable neither changes nor goes until it is released', async () => {
  await using cloud = await cloudOpen();
  const id = await roleId(cloud, 'member');
  const change = (role: object) => cloud.call('PATCH', `/v3/roles/${id}`, { body: { role } });
  assert.equal((await change({ name: 'x' })).status, 403);
  assert.equal((await cloud.call('DELETE', `/v3/roles/${id}`)).status, 403);
  assert.equal((await change({ options: { immutable: false }, name: 'x' })).status, 403);
  assert.equal((await change({ options: { immutable: false } })).status, 200);
  assert.equal((await change({ name: 'x' })).status, 200);
});

test('roles reach projects by groups, from above and by implication', async () => {
  await using cloud = await cloudOpen();
  const user = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const group = await cloud.create('/v3/groups', { group: { name: 'g' } });
  const top = await cloud.create('/v3/projects', { project: { name: 'top' } });
  const sub = await cloud.create('/v3/projects', { project: { name: 'sub', parent_id: top.id } });
  const manager = await roleId(cloud, 'manager');
  const logIn = (id: string) => cloud.logIn('eve', 'pw', { project: { id } });
  const inherited = `/v3/OS-INHERIT/projects/${top.id}/groups/${group.id}/roles/${manager}/inherited_to_projects`;
  assert.equal((await cloud.call('PUT', inherited)).status, 204);
  assert.equal((await cloud.call('GET', inherited)).status, 204);
  assert.equal((await cloud.call('HEAD', inherited)).status, 204);
  assert.equal((await logIn(sub.id)).status, 401);
  assert.equal((await cloud.call('PUT', `/v3/groups/${group.id}/users/${user.id}`)).status, 204);
  const answer = await logIn(sub.id);
  assert.deepEqual(
    answer.json.token.roles.map(({ name }: { name: string }) => name),
    ['manager', 'member', 'reader'],
  );
  assert.equal((await logIn(top.id)).status, 401, 'inherited is for what is below');
  const direct = await cloud.call('GET', `/v3/role_assignments?group.id=${group.id}`);
  assert.equal(direct.json.role_assignments[0].scope['OS-INHERIT:inherited_to'], 'projects');
  const query = `user.id=${user.id}&effective&include_names`;
  const effective = (await cloud.call('GET', `/v3/role_assignments?${query}`)).json
    .role_assignments;
  assert.equal(effective.length, 3);
  for (const assignment of effective) {
    assert.equal(assignment.user.name, 'eve');
    assert.equal(assignment.scope.project.name, 'sub');
    assert.match(
      assignment.links.assignment,
      new RegExp(`/OS-INHERIT/projects/${top.id}/groups/${group.id}/roles/`),
    );
    assert.match(assignment.links.membership, /\/groups\/.*\/users\//);
  }
  const tree = `scope.project.id=${top.id}&include_subtree&effective`;
  assert.equal(
    (await cloud.call('GET', `/v3/role_assignments?${tree}`)).json.role_assignments.length,
    3,
  );
  for (const bad of [
    'effective&group.id=x',
    'user.id=x&group.id=y',
    'scope.domain.id=x&scope.project.id=y',
    'include_subtree',
  ]) {
    assert.equal((await cloud.call('GET', `/v3/role_assignments?${bad}`)).status, 400, bad);
  }
  assert.equal((await cloud.call('DELETE', `/v3/groups/${group.id}/users/${user.id}`)).status, 204);
  assert.equal((await logIn(sub.id)).status, 401);
  assert.equal((await cloud.call('DELETE', `/v3/groups/${group.id}/users/${user.id}`)).status, 404);
});

test('a role of a domain shows only in what it implies, and only there', async () => {
  await using cloud = await cloudOpen();
  const other = await cloud.create('/v3/domains', { domain: { name: 'other' } });
  const own = await cloud.create('/v3/roles', { role: { name: 'clerk', domain_id: 'default' } });
  const foreign = await cloud.create('/v3/roles', { role: { name: 'clerk', domain_id: other.id } });
  const reader = await roleId(cloud, 'reader');
  const implies = `/v3/roles/${own.id}/implies/${reader}`;
  const made = await cloud.call('PUT', implies);
  assert.equal(made.status, 201);
  assert.equal(made.json.role_inference.implies.name, 'reader');
  assert.equal((await cloud.call('PUT', `/v3/roles/${reader}/implies/${own.id}`)).status, 403);
  const admin = await roleId(cloud, 'admin');
  assert.equal((await cloud.call('PUT', `/v3/roles/${reader}/implies/${admin}`)).status, 403);
  const user = await cloud.create('/v3/users', { user: { name: 'eve', password: 'pw' } });
  const project = await cloud.create('/v3/projects', { project: { name: 'p' } });
  const grant = (role: string) =>
    cloud.call('PUT', `/v3/projects/${project.id}/users/${user.id}/roles/${role}`);
  assert.equal((await grant(foreign.id)).status, 403);
  assert.equal((await grant(own.id)).status, 204);
  const { json } = await cloud.logIn('eve', 'pw', { project: { id: project.id } });
  assert.deepEqual(json.token.roles, [{ id: reader, name: 'reader' }]);
  const seen = (await cloud.call('GET', '/v3/roles')).json.roles;
  assert(!seen.some(({ name }: { name: string }) => name === 'clerk'));
  const clerks = (await cloud.call('GET', '/v3/roles?domain_id=default')).json.roles;
  assert.deepEqual(
    clerks.map(({ id }: { id: string }) => id),
    [own.id],
  );
  assert.equal((await cloud.call('DELETE', implies)).status, 204);
  assert.equal((await cloud.call('GET', implies)).status, 404);
  assert.equal((await cloud.logIn('eve', 'pw', { project: { id: project.id } })).status, 401);
});

test('lists are filtered, by parts of names too, and paged by links', async () => {
  await using cloud = await cloudOpen();
  for (let index = 0; index < 25; index++) {
    const name = `${index % 2 === 0 ? 'Even' : 'odd'}_${index}`;
    await cloud.create('/v3/users', { user: { name, enabled: index !== 3 } });
  }
  const names = async (query: string): Promise<string[]> =>
    (await cloud.call('GET', `/v3/users?${query}`)).json.users.map(
      ({ name }: { name: string }) => name,
    );
  assert.equal((await names('name__startswith=Even_')).length, 13);
  assert.equal((await names('name__startswith=even_')).length, 0);
  assert.equal((await names('name__istartswith=even_')).length, 13);
  assert.deepEqual(await names('name__endswith=_13'), ['odd_13']);
  assert.deepEqual(await names('name__contains=d_1&name__endswith=5'), ['odd_15']);
  assert.deepEqual(await names('name__contains=%25'), []);
  assert.deepEqual(await names('enabled=false'), ['odd_3']);
  assert.equal((await names('enabled')).length, 26);
  assert.deepEqual(await names('name=odd_5'), ['odd_5']);
  let path = '/v3/users?limit=10';
  const seen: string[] = [];
  for (let page = 0; page < 10 && path !== ''; page++) {
    const { users, links } = (await cloud.call('GET', path)).json;
    assert(users.length <= 10);
    seen.push(...users.map(({ id }: { id: string }) => id));
    path = links.next === null ? '' : links.next.replace(/^http:\/\/[^/]+/, '');
  }
  assert.equal(seen.length, 27);
  assert.equal(new Set(seen).size, 27);
  assert.equal((await cloud.call('GET', '/v3/users?limit=-1')).status, 400);
});

test('what is not there, or refers to what is not there, is told as Keystone tells it', async () => {
  await using cloud = await cloudOpen();
  const id = 'f'.repeat(32);
  const told = (method: string, path: string, body?: unknown) =>
    errorOf(cloud.call(method, path, body === undefined ? {} : { body }));
  assert.deepEqual(await told('GET', `/v3/users/${id}`), [404, `Could not find user: ${id}.`]);
  assert.deepEqual(await told('GET', `/v3/projects/${id}`), [
    404,
    `Could not find project: ${id}.`,
  ]);
  const user = { user: { name: 'x', domain_id: id } };
  assert.deepEqual(await told('POST', '/v3/users', user), [404, `Could not find domain: ${id}.`]);
  assert.equal(
    (await told('POST', '/v3/projects', { project: { name: 'x', parent_id: id } }))[0],
    400,
  );
  const grant = `/v3/projects/${cloud.adminProjectId}/users/${id}/roles/${id}`;
  assert.deepEqual(await told('PUT', grant), [404, `Could not find role: ${id}.`]);
  const endpoint = { interface: 'public', service_id: id, url: 'http://x' };
  assert.equal((await told('POST', '/v3/endpoints', { endpoint }))[0], 400);
  const member = await roleId(cloud, 'member');
  const [adminId] = (await cloud.call('GET', '/v3/users?name=admin')).json.users;
  const [code, text] = await told(
    'DELETE',
    `/v3/projects/${cloud.adminProjectId}/users/${adminId.id}/roles/${member}`,
  );
  assert.equal(code, 404);
  assert.match(text, /^Could not find role assignment with role: /);
});

test('a region that holds endpoints stays, and no region is above itself', async () => {
  await using cloud = await cloudOpen();
  assert.equal((await cloud.call('DELETE', '/v3/regions/RegionOne')).status, 403);
  const put = await cloud.call('PUT', '/v3/regions/north', { body: { region: {} } });
  assert.equal(put.status, 201);
  assert.equal(put.json.region.id, 'north');
  await cloud.create('/v3/regions', { region: { id: 'city', parent_region_id: 'north' } });
  const circle = { region: { parent_region_id: 'city' } };
  assert.equal((await cloud.call('PATCH', '/v3/regions/north', { body: circle })).status, 400);
  assert.equal((await cloud.call('DELETE', '/v3/regions/north')).status, 204);
  assert.equal((await cloud.call('GET', '/v3/regions/city')).status, 404);
});

test('two projects share one image store and use distinct compute endpoints', async () => {
  await using cloud = await cloudOpen();
  const { services, endpoints } = {
    services: (await cloud.call('GET', '/v3/services')).json.services,
    endpoints: (await cloud.call('GET', '/v3/endpoints')).json.endpoints,
  };
  const compute = services.find(({ type }: { type: string }) => type === 'compute');
  const other = await cloud.create('/v3/endpoints', {
    endpoint: {
      interface: 'public',
      service_id: compute.id,
      url: 'http://second/v2.1',
      region_id: 'RegionOne',
    },
  });
  const demo = (await cloud.call('GET', '/v3/projects?name=demo')).json.projects[0];
  const swift = await cloud.create('/v3/OS-EP-FILTER/endpoint_groups', {
    endpoint_group: {
      name: 'store',
      filters: {
        service_id: services.find(({ type }: { type: string }) => type === 'object-store').id,
      },
    },
  });
  const join = `/v3/OS-EP-FILTER/projects/${demo.id}/endpoints/${other.id}`;
  const group = `/v3/OS-EP-FILTER/endpoint_groups/${swift.id}/projects/${demo.id}`;
  assert.equal((await cloud.call('PUT', join)).status, 204);
  assert.equal((await cloud.call('PUT', group)).status, 204);
  assert.equal((await cloud.call('GET', join)).status, 204);
  assert.equal((await cloud.call('GET', group)).status, 200);
  const urls = async (name: string, password: string): Promise<string[]> => {
    const { json } = await cloud.logIn(name, password);
    const catalog: { type: string; endpoints: { url: string }[] }[] = json.token.catalog;
    return catalog.flatMap(({ endpoints: listed }) => listed.map(({ url }) => url)).toSorted();
  };
  const seen = await urls('demo', seed.demoPassword);
  assert.equal(seen.length, 4);
  assert(seen.includes('http://second/v2.1') && !seen.includes('http://cloud/compute/v2.1'));
  assert.equal((await urls('admin', seed.adminPassword)).length, endpoints.length + 1);
  const given = await cloud.call('GET', `/v3/OS-EP-FILTER/projects/${demo.id}/endpoints`);
  assert.equal(given.json.endpoints.length, 4);
  assert.equal((await cloud.call('DELETE', join)).status, 204);
  assert.equal((await cloud.call('DELETE', group)).status, 204);
  assert.equal((await urls('demo', seed.demoPassword)).length, endpoints.length + 1);
});

test('disabled services and endpoints leave the catalog', async () => {
  await using cloud = await cloudOpen();
  const [endpoint] = (await cloud.call('GET', '/v3/endpoints')).json.endpoints;
  const count = async (): Promise<number> =>
    (await cloud.logIn('demo', seed.demoPassword)).json.token.catalog.flatMap(
      ({ endpoints }: { endpoints: unknown[] }) => endpoints,
    ).length;
  const before = await count();
  const off = { endpoint: { enabled: false } };
  await cloud.call('PATCH', `/v3/endpoints/${endpoint.id}`, { body: off });
  assert.equal(await count(), before - 1);
  await cloud.call('DELETE', `/v3/services/${endpoint.service_id}`);
  assert.equal(await count(), before - 3);
  const bad = { endpoint: { url: 'http://x/%(tenant_idx)s' } };
  const [{ id }] = (await cloud.call('GET', '/v3/endpoints')).json.endpoints;
  assert.equal((await cloud.call('PATCH', `/v3/endpoints/${id}`, { body: bad })).status, 400);
});

test('revocations are listed for services', async () => {
  await using cloud = await cloudOpen();
  const token = await cloud.tokenOf('demo', seed.demoPassword);
  await cloud.call('DELETE', '/v3/auth/tokens', { headers: { 'X-Subject-Token': token } });
  const { events } = (await cloud.call('GET', '/v3/OS-REVOKE/events')).json;
  assert.equal(events.length, 1);
  assert.equal(typeof events[0].audit_id, 'string');
});

test('the configuration of a domain is kept by group and option, its secrets are never shown', async () => {
  await using cloud = await cloudOpen();
  const { id } = await cloud.create('/v3/domains', { domain: { name: 'corp' } });
  const path = `/v3/domains/${id}/config`;
  const config = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://corp', password: 'hush' } };
  const made = await cloud.call('PUT', path, { body: { config } });
  assert.equal(made.status, 201);
  const visible = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://corp' } };
  assert.deepEqual(made.json.config, visible);
  const rows = await cloud.world.db.read((tx) =>
    tx.selectFrom('identity_domain_config').selectAll().execute(),
  );
  assert.equal(rows.length, 3);
  assert.doesNotMatch(JSON.stringify(rows), /hush/);
  assert.deepEqual((await cloud.call('GET', `${path}/ldap`)).json.config, { ldap: visible.ldap });
  assert.deepEqual((await cloud.call('GET', `${path}/ldap/url`)).json.config, visible.ldap);
  assert.equal((await cloud.call('GET', `${path}/ldap/password`)).status, 404);
  const set = (below: string, wanted: unknown) =>
    cloud.call('PATCH', path + below, { body: { config: wanted } });
  assert.equal(
    (await set('/identity/driver', { driver: 'sql' })).json.config.identity.driver,
    'sql',
  );
  assert.equal((await set('/identity/list_limit', { list_limit: 5 })).status, 404);
  assert.equal((await set('/identity', { ldap: { url: 'x' } })).status, 403);
  assert.equal((await set('', { ldap: { colour: 'red' } })).status, 403);
  assert.equal((await set('', { paste: { url: 'x' } })).status, 403);
  assert.equal((await set('', {})).status, 403);
  assert.equal((await cloud.call('DELETE', `${path}/identity/driver`)).status, 204);
  assert.equal((await cloud.call('GET', `${path}/identity`)).status, 404);
  assert.equal((await cloud.call('PUT', path, { body: { config } })).status, 200);
  assert.equal((await cloud.call('DELETE', path)).status, 204);
  assert.equal((await cloud.call('GET', path)).status, 404);
  const all = (await cloud.call('GET', '/v3/domains/config/default')).json.config;
  assert.equal(all.identity.driver, 'sql');
  const one = await cloud.call('GET', '/v3/domains/config/ldap/use_tls/default');
  assert.deepEqual(one.json.config, { use_tls: false });
});
