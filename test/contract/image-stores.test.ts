/**
 * Images outside of the cloud's own files, by stock clients: in an S3 service outside, and as S3 and as Swift in the
 * cloud's object store. Servers boot from there, their snapshots go there, and when it is down, that is all that is.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { apiClient, type ApiClient } from '../support/client.ts';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';
import { s3Meter, type S3Meter } from '../support/s3-meter.ts';
import { S3Client, storeKeys, storeProgram, type StoreProgram } from '../support/object-store.ts';
import { tinyUpload } from '../support/tiny-image.ts';

const execute = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'welkin-image-stores-'));
const bytes = randomBytes(20_345_678);
const file = join(directory, 'disk');
const password = 'of-the-store';
let outside: StoreProgram;
let meter: S3Meter;
let cloud: Cloud;
let api: ApiClient;
let own: S3Client;

/** Three stores: `outside`, which is the default, and two in the cloud's object store. */
const toml = (_: string, port: number): string => {
  const s3 = (id: string, at: number, bucket: string) => `
[[image.store]]
id = "${id}"
type = "s3"
endpoint = "http://127.0.0.1:${at}"
bucket = "${bucket}"
access_key = "${storeKeys.access}"
secret_file = "${directory}/s3"
`;
  return `
[image]
default_store = "outside"
${s3('outside', meter.port, 'images')}
${s3('own-s3', port + 3080, 'pictures')}
[[image.store]]
id = "own-swift"
type = "swift"
endpoint = "http://127.0.0.1:${port}/identity/v3"
user = "picture-store"
project = "picture-store"
container = "disks"
secret_file = "${directory}/swift"
`;
};

before(async () => {
  chmodSync(directory, 0o755);
  writeFileSync(file, bytes);
  writeFileSync(join(directory, 's3'), storeKeys.secret);
  writeFileSync(join(directory, 'swift'), password);
  outside = await storeProgram();
  await outside.client.ask({ method: 'PUT', path: '/images' });
  meter = await s3Meter(outside.port);
  cloud = await cloudUse(toml);
  api = await apiClient(cloud);
  await accountMake();
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  own?.close();
  await meter?.[Symbol.asyncDispose]();
  await outside?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const openstack = (...words: string[]) => cloud.openstack('welkin', ...words);
const json = (...words: string[]) => openstack(...words, '-f', 'json');

/** Whoever the stores of the cloud are in its own identity and object services. */
async function accountMake(): Promise<void> {
  const project = await json('project', 'create', 'picture-store');
  const create = ['user', 'create', '--project', 'picture-store', '--password', password];
  const user = await json(...create, 'picture-store');
  const roles = ['--project', 'picture-store', '--user', 'picture-store', 'member'];
  await openstack('role', 'add', ...roles);
  const credential = {
    type: 'ec2',
    blob: JSON.stringify({ access: storeKeys.access, secret: storeKeys.secret }),
    user_id: user.id,
    project_id: project.id,
  };
  const made = await api.insist('POST', '/identity/v3/credentials', { credential });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  own = new S3Client(Number(new URL(cloud.apiUrl).port) + 3080);
  assert.equal((await own.ask({ method: 'PUT', path: '/pictures' })).status, 200);
}

async function keysOf(client: S3Client, bucket: string): Promise<number> {
  const query = { 'list-type': '2' };
  const { body } = await client.ask({ method: 'GET', path: `/${bucket}`, query });
  return [...body.toString().matchAll(/<Key>/g)].length;
}
const keysInStores = async (): Promise<number[]> =>
  Promise.all([keysOf(outside.client, 'images'), keysOf(own, 'pictures'), keysOf(own, 'disks')]);

const imageShow = async (id: string) => (await api.insist('GET', `/image/v2/images/${id}`)).json;

/** `stores` of an image when all of them are there. */
const storesAre = (id: string, stores: readonly string[]) =>
  until(`the image to be in ${stores.join(', ')}`, async () => {
    const image = await imageShow(id);
    assert.equal(image.os_glance_failed_import ?? '', '');
    return image.stores === stores.toSorted().join(',') && image.status === 'active';
  });

test('the stores are shown by their names', async () => {
  const { json: shown } = await api.insist('GET', '/image/v2/info/stores');
  const ids = shown.stores.map((store: { id: string }) => store.id);
  assert.deepEqual(ids, ['outside', 'file', 'own-s3', 'own-swift']);
  assert.equal(shown.stores[0].default, 'true');
});

test('openstack uploads into the default store, copies into the others, fetches and deletes', async () => {
  const create = ['image', 'create', '--disk-format', 'raw', '--file', file];
  const { id } = await json(...create, 'walks');
  await storesAre(id, ['outside']);
  const body = { method: { name: 'copy-image' }, stores: ['own-s3', 'own-swift'] };
  const copied = await api.insist('POST', `/image/v2/images/${id}/import`, body);
  assert.equal(copied.status, 202, JSON.stringify(copied.json));
  await storesAre(id, ['outside', 'own-s3', 'own-swift']);
  assert.deepEqual(await keysInStores(), [1, 1, 2]);
  const copy = join(directory, 'copy');
  for (const store of ['outside', 'own-s3']) {
    await openstack('image', 'save', '--file', copy, id);
    assert.ok(readFileSync(copy).equals(bytes));
    const gone = await api.insist('DELETE', `/image/v2/stores/${store}/${id}`);
    assert.equal(gone.status, 204);
  }
  assert.deepEqual(await keysInStores(), [0, 0, 2]);
  await openstack('image', 'save', '--file', copy, id);
  assert.ok(readFileSync(copy).equals(bytes));
  await openstack('image', 'delete', id);
  assert.deepEqual(await keysInStores(), [0, 0, 0]);
});

test('openstacksdk imports into all stores at once', async () => {
  const walk = join(import.meta.dirname, 'image-stores-walk.py');
  const env = {
    ...process.env,
    OS_CLIENT_CONFIG_FILE: join(cloud.stateDir, 'clouds.yaml'),
    PYTHONWARNINGS: 'ignore',
  };
  const { stdout } = await execute('/usr/bin/python3', [walk, file], { env, timeout: 600_000 });
  assert.match(stdout, /^OK$/m);
  assert.deepEqual(await keysInStores(), [0, 0, 0]);
});

const serverIs = (id: string, status: string) =>
  until(`server ${id} to be ${status}`, async () => {
    const { server } = (await api.insist('GET', `/compute/v2.1/servers/${id}`)).json;
    assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
    return server.status === status && server['OS-EXT-STS:task_state'] === null;
  });

async function serverCreate(name: string, image: string): Promise<string> {
  const words = ['--os-compute-api-version', '2.37', 'server', 'create', '--nic', 'none'];
  return (await json(...words, '--image', image, '--flavor', 'm1.nano', name)).id;
}

/** The id of the image that comes of it, if any. */
const serverAct = async (id: string, body: object): Promise<string> => {
  const answer = await api.insist('POST', `/compute/v2.1/servers/${id}/action`, body);
  assert.ok(answer.status < 300, JSON.stringify(answer.json));
  return answer.json?.image_id ?? '';
};

/** SHA-256 of what a guest sees of a disk. */
async function rawHash(path: string): Promise<string> {
  const raw = join(directory, 'raw');
  await execute('qemu-img', ['convert', '-U', '-O', 'raw', path, raw], { timeout: 600_000 });
  const digest = createHash('sha256').update(readFileSync(raw)).digest('hex');
  rmSync(raw);
  return digest;
}

/** Copies the disk of the server, which stands still, and holds what came into the store against it. */
async function snapshotCheck(server: string, store: string): Promise<void> {
  const image = await serverAct(server, { createImage: { name: 'still' } });
  await storesAre(image, [store]);
  await until('the task to end', async () => {
    const shown = (await api.insist('GET', `/compute/v2.1/servers/${server}`)).json.server;
    return shown['OS-EXT-STS:task_state'] === null;
  });
  const folder = join(cloud.stateDir, 'agent', 'servers', server);
  const disk = readdirSync(folder).find((name) => name.startsWith('disk-root'));
  const saved = join(directory, 'snapshot');
  await openstack('image', 'save', '--file', saved, image);
  assert.equal(await rawHash(saved), await rawHash(join(folder, disk ?? '')));
  await openstack('image', 'delete', image);
}

let guests: string[] = [];
let tiny = '';

test('servers boot from an image that lies in S3 outside, which is asked for it once', async () => {
  tiny = await tinyUpload(api);
  await storesAre(tiny, ['outside']);
  meter.reads.length = 0;
  guests = await Promise.all(['one', 'two', 'three'].map((name) => serverCreate(name, tiny)));
  for (const id of guests) await serverIs(id, 'ACTIVE');
  await until('the guest to come up', async () =>
    (await openstack('console', 'log', 'show', 'one')).includes('login:'),
  );
  assert.equal(meter.reads.length, 1, meter.reads.join());
});

test('a snapshot in S3 is what the disk was, of a guest that pauses and of one that is stopped', async () => {
  const [one = '', two = ''] = guests;
  await serverAct(one, { pause: null });
  await serverIs(one, 'PAUSED');
  await snapshotCheck(one, 'outside');
  await serverAct(two, { 'os-stop': null });
  await serverIs(two, 'SHUTOFF');
  await snapshotCheck(two, 'outside');
});

/** Uploads `body`, or downloads. */
const fileAsk = (
  id: string,
  { body, store }: { readonly body?: Buffer<ArrayBuffer>; readonly store?: string } = {},
): Promise<Response> =>
  fetch(`${cloud.apiUrl}/image/v2/images/${id}/file`, {
    method: body === undefined ? 'GET' : 'PUT',
    headers: {
      'X-Auth-Token': api.token,
      'Content-Type': 'application/octet-stream',
      ...(store !== undefined && { 'X-Image-Meta-Store': store }),
    },
    ...(body !== undefined && { body }),
  });

test('S3 outside is down: its images cannot be read, and all else goes on', async () => {
  const wanted = { name: 'here', disk_format: 'raw', container_format: 'bare' };
  const here = (await api.insist('POST', '/image/v2/images', wanted)).json.id;
  meter.isDown = true;
  const answer = await fileAsk(tiny);
  assert.equal(answer.status, 503);
  assert.doesNotMatch(await answer.text(), new RegExp(storeKeys.access));
  assert.equal((await imageShow(tiny)).status, 'active');
  const refused = await fileAsk(here, { body: bytes });
  assert.equal(refused.status, 503);
  assert.equal((await imageShow(here)).status, 'queued');
  const kept = await fileAsk(here, { body: Buffer.from('a disk'), store: 'own-swift' });
  assert.equal(kept.status, 204, await kept.text());
  const read = await fileAsk(here);
  assert.equal(await read.text(), 'a disk');
  // The host has its copy.
  const four = await serverCreate('four', tiny);
  await serverIs(four, 'ACTIVE');
  guests.push(four);
  meter.isDown = false;
  assert.equal((await fileAsk(tiny)).status, 200);
  await openstack('image', 'delete', here);
});

test('a snapshot goes to Swift when that is the default, while guests run on', async () => {
  const path = join(cloud.stateDir, 'welkin.toml');
  const changed = readFileSync(path, 'utf8').replace('"outside"', '"own-swift"');
  await cloud.welkin('down');
  writeFileSync(path, changed);
  await cloud.welkin('up', '--config', path);
  const [, two = ''] = guests;
  await snapshotCheck(two, 'own-swift');
  await openstack('server', 'delete', '--wait', ...guests);
  await openstack('image', 'delete', tiny);
  assert.deepEqual(await keysInStores(), [0, 0, 0]);
});
