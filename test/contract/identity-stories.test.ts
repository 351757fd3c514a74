/** The three stories that docs/identity.md tells, each by the stock client. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cloudUse, type Cloud } from '../support/cloud.ts';

let cloud: Cloud;
const mark = String(process.pid);
const name = (what: string): string => `story-${what}-${mark}`;
const asAdmin = (...words: string[]) => cloud.openstack('welkin', ...words);
const jsonAsAdmin = (...words: string[]) => asAdmin(...words, '-f', 'json');

interface Person {
  readonly name: string;
  /** Runs the client as this user, scoped as the words say. */
  on(...scope: string[]): (...words: string[]) => Promise<unknown>;
}

async function personMake(what: string): Promise<Person> {
  const user = name(what);
  await asAdmin('user', 'create', '--password', 'story-secret', user);
  const base = ['--os-username', user, '--os-password', 'story-secret'];
  const domain = ['--os-user-domain-name', 'Default'];
  const none = ['--os-auth-type', 'password', '--os-auth-url', `${cloud.apiUrl}/identity/v3`];
  return {
    name: user,
    on: (...scope) => {
      return (...words) => cloud.openstack('', ...none, ...base, ...domain, ...scope, ...words);
    },
  };
}

const inProject = (project: string): string[] => [
  '--os-project-name',
  project,
  '--os-project-domain-name',
  'Default',
];

const isRefused = (work: Promise<unknown>): Promise<void> =>
  assert.rejects(
    work,
    /HTTP 403|\(403\)|403 Forbidden|ForbiddenException|not authorized|Forbidden/i,
  );

before(async () => {
  cloud = await cloudUse();
  for (const what of ['tenant', 'playground']) await asAdmin('project', 'create', name(what));
});
after(async () => {
  for (const what of ['operator', 'keeper', 'visitor'])
    await asAdmin('user', 'delete', name(what)).catch(() => {});
  for (const what of ['tenant', 'playground']) {
    await asAdmin('project', 'delete', name(what)).catch(() => {});
  }
  for (const role of ['object-store:admin', 'compute:admin']) {
    await asAdmin('role', 'delete', role).catch(() => {});
  }
  await cloud?.[Symbol.asyncDispose]();
});

test('one user watches over all tenants and runs a playground', async () => {
  const operator = await personMake('operator');
  const give = (...words: string[]) => asAdmin('role', 'add', '--user', operator.name, ...words);
  await give('--system', 'all', 'reader');
  await give('--domain', 'default', '--inherited', 'reader');
  await give('--project', name('playground'), 'manager');

  const everywhere = operator.on('--os-system-scope', 'all');
  const projects = (await everywhere('project', 'list', '-f', 'json')) as { Name: string }[];
  assert(projects.some((project) => project.Name === name('tenant')));
  await isRefused(everywhere('project', 'create', name('forbidden')));

  const tenant = operator.on(...inProject(name('tenant')));
  assert.deepEqual(await tenant('server', 'list', '-f', 'json'), []);
  await isRefused(tenant('network', 'create', name('net')));

  const playground = operator.on(...inProject(name('playground')));
  await playground('network', 'create', name('net'));
  await playground('network', 'delete', name('net'));
});

test('an admin of the object store is nobody in compute, and the reverse', async () => {
  const keeper = await personMake('keeper');
  const project = name('tenant');
  for (const role of ['object-store:admin', 'compute:admin']) await asAdmin('role', 'create', role);
  const give = (role: string) =>
    asAdmin('role', 'add', '--user', keeper.name, '--project', project, role);
  const take = (role: string) =>
    asAdmin('role', 'remove', '--user', keeper.name, '--project', project, role);
  const as = keeper.on(...inProject(project));

  await give('object-store:admin');
  await as('container', 'create', 'box');
  await isRefused(as('server', 'list'));
  await isRefused(as('hypervisor', 'list'));
  await isRefused(as('user', 'list'));
  await as('container', 'delete', 'box');
  await take('object-store:admin');

  await give('compute:admin');
  await as('hypervisor', 'list');
  await isRefused(as('container', 'create', 'box'));
  await isRefused(as('user', 'list'));
  await take('compute:admin');
});

test('two tenants share the image store and use compute endpoints of their own', async () => {
  const services = (await jsonAsAdmin('service', 'list')) as { ID: string; Type: string }[];
  const typeOf = (type: string): string => services.find((one) => one.Type === type)?.ID ?? '';
  const addresses = new Map<string, string>();
  for (const what of ['tenant', 'playground']) {
    const url = `https://${what}.example/compute/v2.1`;
    const made = await jsonAsAdmin(
      ...['endpoint', 'create', '--region', 'RegionOne', typeOf('compute'), 'public', url],
    );
    const endpoints = (await jsonAsAdmin(
      ...['endpoint', 'list', '--service', 'image', '--interface', 'public'],
    )) as { ID: string }[];
    const [image] = endpoints;
    for (const id of [made.id, image?.ID ?? '']) {
      await asAdmin('endpoint', 'add', 'project', id, name(what));
    }
    addresses.set(what, made.id);
  }
  const visitor = await personMake('visitor');
  try {
    for (const what of ['tenant', 'playground']) {
      await asAdmin('role', 'add', '--user', visitor.name, '--project', name(what), 'member');
      const inside = visitor.on(...inProject(name(what)));
      const catalog = (await inside('catalog', 'list', '-f', 'json')) as {
        Type: string;
        Endpoints: { url: string }[];
      }[];
      const at = (type: string): string[] =>
        catalog.find((entry) => entry.Type === type)?.Endpoints.map(({ url }) => url) ?? [];
      assert.deepEqual(at('compute'), [`https://${what}.example/compute/v2.1`]);
      assert.deepEqual(at('image'), [`${cloud.apiUrl}/image`]);
    }
  } finally {
    for (const id of addresses.values()) await asAdmin('endpoint', 'delete', id);
  }
});
