/** The whole life of images with the stock clients: openstack, glance, openstacksdk. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { cloudUse, type Cloud, until } from '../support/cloud.ts';

const execute = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'welkin-image-contract-'));
const bytes = randomBytes(2_345_678);
const file = join(directory, 'disk');
writeFileSync(file, bytes);
let cloud: Cloud;

before(async () => {
  cloud = await cloudUse();
});
after(async () => {
  rmSync(directory, { recursive: true });
  await cloud[Symbol.asyncDispose]();
});

const openstack = (...words: string[]) => cloud.openstack('welkin', ...words);
const json = (...words: string[]) => openstack(...words, '-f', 'json');

/** glance knows no clouds.yaml: it gets what openrc says. */
async function glance(...words: string[]): Promise<string> {
  const openrc = readFileSync(join(cloud.stateDir, 'openrc'), 'utf8');
  const pairs = [...openrc.matchAll(/^export (\w+)="(.*)"$/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  const env = { ...process.env, ...Object.fromEntries(pairs) };
  const running = execute('/usr/bin/glance', words, { env, timeout: 600_000 });
  running.child.stdin?.end();
  return (await running).stdout;
}

const fieldOf = (table: string, name: string): string =>
  new RegExp(`^\\| ${name} +\\| (.*?) *\\|$`, 'm').exec(table)?.[1] ?? '';

test('openstack makes, changes, finds, fetches and removes an image', async () => {
  const make = ['image', 'create', '--disk-format', 'raw', '--file', file, '--property', 'a=b'];
  const { id } = await json(...make, 'contract');
  const shown = await json('image', 'show', id);
  assert.equal(shown.status, 'active');
  assert.equal(shown.size, bytes.length);
  await openstack('image', 'set', '--min-disk', '3', '--tag', 'red', '--property', 'c=d', id);
  const found = await json('image', 'list', '--tag', 'red', '--property', 'c=d');
  assert.deepEqual(
    found.map((one: { ID: string }) => one.ID),
    [id],
  );
  const copy = join(directory, 'copy');
  await openstack('image', 'save', '--file', copy, id);
  assert.ok(readFileSync(copy).equals(bytes));
  await openstack('image', 'set', '--deactivate', id);
  assert.equal((await json('image', 'show', id)).status, 'deactivated');
  await openstack('image', 'set', '--activate', id);
  await openstack('image', 'set', '--protected', id);
  await assert.rejects(openstack('image', 'delete', id));
  await openstack('image', 'set', '--unprotected', id);
  await openstack('image', 'delete', id);
  await assert.rejects(json('image', 'show', id));
});

test('glance stages, imports, shares, tags and removes an image', async () => {
  // Both clients would upload what they are piped, even nothing.
  const { id: token } = await json('token', 'issue');
  const made = await fetch(`${cloud.apiUrl}/image/v2/images`, {
    method: 'POST',
    headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'staged', disk_format: 'raw', container_format: 'bare' }),
  });
  const { id } = (await made.json()) as { id: string };
  await glance('image-stage', '--file', file, id);
  assert.equal(fieldOf(await glance('image-show', id), 'status'), 'uploading');
  await glance('image-import', '--import-method', 'glance-direct', id);
  await until(
    'the import',
    async () => fieldOf(await glance('image-show', id), 'status') === 'active',
  );
  assert.match(await glance('image-tasks', id), /success/);
  const copy = join(directory, 'downloaded');
  await glance('image-download', '--file', copy, id);
  assert.ok(readFileSync(copy).equals(bytes));
  await glance('member-create', id, '0'.repeat(32));
  assert.match(await glance('member-list', '--image-id', id), /pending/);
  await glance('image-tag-update', id, 'blue');
  assert.match(await glance('image-list', '--tag', 'blue'), /staged/);
  assert.match(await glance('import-info'), /web-download/);
  assert.match(await glance('stores-info'), /file/);
  assert.match(await glance('usage'), /image_count_total/);
  assert.match(await glance('task-list'), /api_image_import/);
  await glance('image-delete', id);
});

test('glance reads and writes metadata definitions', async () => {
  assert.match(await glance('md-namespace-list'), /OS::Compute::Watchdog/);
  await glance('md-namespace-create', 'Contract::Test', '--visibility', 'public');
  const schema = JSON.stringify({ type: 'integer', description: 'how far', minimum: 1 });
  await glance(
    ...['md-property-create', 'Contract::Test', '--name', 'far', '--title', 'Far'],
    ...['--schema', schema],
  );
  assert.match(await glance('md-property-show', 'Contract::Test', 'far'), /how far/);
  await glance('md-tag-create', 'Contract::Test', '--name', 'one');
  assert.match(await glance('md-tag-list', 'Contract::Test'), /one/);
  await glance('md-resource-type-associate', 'Contract::Test', '--name', 'OS::Glance::Image');
  assert.match(await glance('md-namespace-show', 'Contract::Test'), /OS::Glance::Image/);
  await glance('md-namespace-delete', 'Contract::Test');
});

test('openstacksdk imports, shares and removes images', async () => {
  const walk = join(import.meta.dirname, 'image-walk.py');
  const env = {
    ...process.env,
    OS_CLIENT_CONFIG_FILE: join(cloud.stateDir, 'clouds.yaml'),
    PYTHONWARNINGS: 'ignore',
  };
  const { stdout } = await execute('/usr/bin/python3', [walk], { env, timeout: 600_000 });
  assert.match(stdout, /^OK$/m);
});

test('glance queues an image for the hosts, lists what they have and removes it', async () => {
  const made = await json('image', 'create', '--disk-format', 'raw', '--file', file, 'cached');
  const stateOf = async (): Promise<string> =>
    new RegExp(`${made.id} +\\| (\\w+)`).exec(await glance('cache-list'))?.[1] ?? 'none';
  await glance('cache-queue', made.id);
  while ((await stateOf()) !== 'cached') assert.notEqual(await stateOf(), 'none');
  await glance('cache-delete', made.id);
  assert.equal(await stateOf(), 'none');
  await glance('cache-queue', made.id);
  await glance('cache-clear', '--target', 'queue');
  await glance('cache-clear');
  assert.equal(await stateOf(), 'none');
  await openstack('image', 'delete', made.id);
});
