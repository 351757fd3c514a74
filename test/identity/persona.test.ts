import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { identityPolicies } from '../../src/identity/identity.policy.ts';
import { Policy, type Actor, type ActorScope, type Target } from '../../src/kernel/policy.ts';
import { cloudOpen, type TestCloud } from './support.ts';

const ownProject = 'p'.repeat(32);
const ownDomain = 'd'.repeat(32);
const chain = ['admin', 'manager', 'member', 'reader'];

const scopes: Readonly<Record<string, ActorScope>> = {
  system: { kind: 'system' },
  domain: { kind: 'domain', domainId: ownDomain },
  project: { kind: 'project', projectId: ownProject, projectName: 'p', domainId: ownDomain },
};

const personas = Object.entries(scopes).flatMap(([scopeName, scope]) =>
  chain.map((role, index) => ({ name: `${scopeName} ${role}`, roles: chain.slice(index), scope })),
);
const outsiders: typeof personas = [
  { name: 'service', roles: ['service'], scope: scopes['project'] as ActorScope },
  { name: 'no role', roles: [], scope: { kind: 'unscoped' } },
];

const actorOf = ({ roles, scope }: { roles: string[]; scope: ActorScope }): Actor => ({
  userId: 'u',
  userName: 'u',
  userDomainId: ownDomain,
  roles,
  scope,
  serviceRoles: [],
  auditId: '',
});

/** A thing that belongs to the persona's own user, project or domain, or to others. */
const targetOf = (whose: 'own user' | 'own domain' | 'foreign'): Target => {
  const user = whose === 'own user' ? 'u' : 'other';
  const domain = whose === 'foreign' ? 'x'.repeat(32) : ownDomain;
  return {
    user_id: user,
    'target.user.id': user,
    'target.user.domain_id': domain,
    'target.group.domain_id': domain,
    'target.domain_id': domain,
    'target.domain.id': domain,
    'target.project.id': whose === 'foreign' ? 'y'.repeat(32) : ownProject,
    'target.project.domain_id': domain,
    'target.role.name': 'member',
    'target.role.domain_id': null,
    'target.credential.user_id': user,
    'target.token.user_id': user,
    'target.trust.trustor_user_id': user,
    'target.trust.trustee_user_id': user,
  };
};

function matrix(): string {
  const policy = new Policy(identityPolicies);
  const columns = [...personas, ...outsiders];
  const head = [
    'What each persona may do: A everything, D in the own domain or project, O with what is its own, . nothing.',
    '',
    ...columns.map(({ name }, index) => `${' |'.repeat(index)} ${name}`),
  ];
  const rules = policy.names.filter((rule) => rule.startsWith('identity:')).toSorted();
  const lines = rules.map((rule) => {
    const cells = columns.map((persona) => {
      const actor = actorOf(persona);
      if (policy.allows(rule, actor, targetOf('foreign'))) return 'A';
      if (policy.allows(rule, actor, targetOf('own domain'))) return 'D';
      return policy.allows(rule, actor, targetOf('own user')) ? 'O' : '.';
    });
    return ` ${cells.join(' ')}  ${rule}`;
  });
  return `${[...head, '', ...lines].join('\n')}\n`;
}

test('the persona matrix is the one that was reviewed', () => {
  const path = 'test/expected/identity-personas.txt';
  const actual = matrix();
  if (process.env['UPDATE_EXPECTED'] !== undefined) writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, 'utf8'));
});

interface Corner {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string;
  readonly groupId: string;
}

async function cornerOf(cloud: TestCloud, name: string): Promise<Corner> {
  const { id } = await cloud.create('/v3/domains', { domain: { name } });
  const of = { domain_id: id };
  const user = await cloud.create('/v3/users', { user: { name: 'someone', ...of } });
  const project = await cloud.create('/v3/projects', { project: { name: 'p', ...of } });
  const group = await cloud.create('/v3/groups', { group: { name: 'g', ...of } });
  return { id, userId: user.id, projectId: project.id, groupId: group.id };
}

async function tokensOf(cloud: TestCloud, domainId: string): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  const { roles } = (await cloud.call('GET', '/v3/roles')).json;
  for (const name of ['manager', 'member', 'reader']) {
    const user = await cloud.create('/v3/users', { user: { name, password: 'pw' } });
    const role = roles.find((held: { name: string }) => held.name === name);
    await cloud.call('PUT', `/v3/domains/${domainId}/users/${user.id}/roles/${role.id}`);
    tokens.set(name, await cloud.tokenOf(name, 'pw', { domain: { id: domainId } }));
  }
  return tokens;
}

test('the manager of a domain runs it, its reader looks at it, and neither reaches another domain', async () => {
  await using cloud = await cloudOpen();
  const own = await cornerOf(cloud, 'own');
  const foreign = await cornerOf(cloud, 'foreign');
  const tokens = await tokensOf(cloud, own.id);
  const { roles } = (await cloud.call('GET', '/v3/roles')).json;
  const roleId = (name: string): string =>
    roles.find((held: { name: string }) => held.name === name).id;
  const statuses = async (
    method: string,
    path: (corner: Corner) => string,
    body?: (corner: Corner) => unknown,
  ) => {
    const seen: string[] = [];
    for (const [name, token] of tokens) {
      for (const corner of [own, foreign]) {
        const options = { token, ...(body !== undefined && { body: body(corner) }) };
        const { status } = await cloud.call(method, path(corner), options);
        seen.push(`${name} ${corner === own ? 'own' : 'foreign'} ${status}`);
      }
    }
    return seen;
  };
  const writes = (status: number) => [
    `manager own ${status}`,
    'manager foreign 403',
    'member own 403',
    'member foreign 403',
    'reader own 403',
    'reader foreign 403',
  ];
  const reads = ['manager', 'member', 'reader'].flatMap((name) => [
    `${name} own 200`,
    `${name} foreign 403`,
  ]);
  assert.deepEqual(await statuses('GET', ({ userId }) => `/v3/users/${userId}`), reads);
  assert.deepEqual(await statuses('GET', ({ projectId }) => `/v3/projects/${projectId}`), reads);
  assert.deepEqual(await statuses('GET', ({ groupId }) => `/v3/groups/${groupId}`), reads);
  const grant =
    (role: string) =>
    ({ projectId, userId }: Corner) =>
      `/v3/projects/${projectId}/users/${userId}/roles/${roleId(role)}`;
  assert.deepEqual(await statuses('PUT', grant('member')), writes(204));
  const never = writes(403);
  assert.deepEqual(await statuses('PUT', grant('admin')), never, 'not above the own role');
  assert.deepEqual(await statuses('DELETE', grant('member')), [
    'manager own 204',
    ...writes(403).slice(1),
  ]);
  let turn = 0;
  assert.deepEqual(
    await statuses(
      'POST',
      () => '/v3/users',
      ({ id }) => ({ user: { name: `n${turn++}`, domain_id: id } }),
    ),
    writes(201),
  );
  assert.deepEqual(
    await statuses(
      'POST',
      () => '/v3/projects',
      ({ id }) => ({ project: { name: `n${turn++}`, domain_id: id } }),
    ),
    writes(201),
  );
  assert.deepEqual(await statuses('DELETE', ({ userId }) => `/v3/users/${userId}`), writes(204));
  assert.deepEqual(
    await statuses('DELETE', ({ projectId }) => `/v3/projects/${projectId}`),
    writes(204),
  );
  assert.deepEqual(await statuses('DELETE', ({ id }) => `/v3/domains/${id}`), never);
});

test('lists of a domain token hold what is in that domain, and nothing else', async () => {
  await using cloud = await cloudOpen();
  const own = await cornerOf(cloud, 'own');
  await cornerOf(cloud, 'foreign');
  const token = (await tokensOf(cloud, own.id)).get('reader') ?? '';
  const ids = async (path: string, key: string): Promise<string[]> =>
    (await cloud.call('GET', path, { token })).json[key].map(({ id }: { id: string }) => id);
  assert.deepEqual(await ids('/v3/users', 'users'), [own.userId]);
  assert.deepEqual(await ids('/v3/projects', 'projects'), [own.projectId]);
  assert.deepEqual(await ids('/v3/groups', 'groups'), [own.groupId]);
  assert.deepEqual(await ids('/v3/domains', 'domains'), [own.id]);
  const { role_assignments } = (await cloud.call('GET', '/v3/role_assignments', { token })).json;
  assert.equal(role_assignments.length, 3);
});
