/** Whole everyday cycles of the clients people use, each against a store of its own. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientStore, type ClientStore } from './store.ts';

const isLong = process.env['WELKIN_TEST_ALL'] !== undefined;

function filesMake(folder: string, count: number): string {
  for (let at = 0; at < count; at++) {
    const below = join(folder, `d${at % 20}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `file ${at}.bin`), randomBytes(64 + ((at * 37) % 3000)));
  }
  return folder;
}

function digests(folder: string): string {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return names
    .map((name) => {
      const digest = createHash('sha256').update(readFileSync(name)).digest('hex');
      return `${name.slice(folder.length)} ${digest}`;
    })
    .join('\n');
}

test("Debian's boto3: both signatures, settings of buckets, forms, keys, virtual hosts", async () => {
  await using store = await clientStore();
  const { url, accessKey, secret } = store;
  const script = join(import.meta.dirname, 'boto3-walk.py');
  const told = await store.run(['/usr/bin/python3', script, url, accessKey, secret]);
  assert.match(told, /ok virtual host/);
});

test('aws: buckets, large files in parts, ranges, sync, links, removal', async () => {
  await using store = await clientStore();
  const aws = (...args: readonly string[]) =>
    store.run(['/usr/bin/aws', '--endpoint-url', store.url, ...args]);
  const large = join(store.folder, 'large');
  writeFileSync(large, randomBytes(20 << 20));
  await aws('s3', 'mb', 's3://bucket');
  await aws('s3', 'cp', '--no-progress', large, 's3://bucket/large');
  await aws('s3', 'cp', '--no-progress', 's3://bucket/large', join(store.folder, 'back'));
  assert.ok(readFileSync(large).equals(readFileSync(join(store.folder, 'back'))));
  assert.match(await aws('s3', 'ls', 's3://bucket'), /20971520 large/);
  await aws(
    's3api',
    'get-object',
    '--bucket',
    'bucket',
    '--key',
    'large',
    '--range',
    'bytes=5-9',
    join(store.folder, 'range'),
  );
  assert.ok(readFileSync(join(store.folder, 'range')).equals(readFileSync(large).subarray(5, 10)));
  await aws('s3', 'mv', 's3://bucket/large', 's3://bucket/moved');
  const files = filesMake(join(store.folder, 'files'), 60);
  await aws('s3', 'sync', '--no-progress', files, 's3://bucket/files');
  await aws('s3', 'sync', '--no-progress', 's3://bucket/files', join(store.folder, 'synced'));
  assert.equal(digests(join(store.folder, 'synced')), digests(files));
  const link = (await aws('s3', 'presign', 's3://bucket/moved')).trim();
  assert.equal((await (await fetch(link)).arrayBuffer()).byteLength, 20 << 20);
  await aws('s3', 'rb', '--force', 's3://bucket');
});

test('s3cmd: put, list, copy, access, sync, removal', async () => {
  await using store = await clientStore();
  const { host, accessKey, secret, folder } = store;
  const s3cmd = (...args: readonly string[]) =>
    store.run([
      '/usr/bin/s3cmd',
      '--no-ssl',
      `--host=${host}`,
      `--host-bucket=${host}`,
      `--access_key=${accessKey}`,
      `--secret_key=${secret}`,
      '--no-progress',
      ...args,
    ]);
  const large = join(folder, 'large');
  writeFileSync(large, randomBytes(18 << 20));
  await s3cmd('mb', 's3://bucket');
  await s3cmd('--multipart-chunk-size-mb=5', 'put', large, 's3://bucket/large');
  await s3cmd('get', 's3://bucket/large', join(folder, 'back'));
  assert.ok(readFileSync(large).equals(readFileSync(join(folder, 'back'))));
  await s3cmd('--signature-v2', '--multipart-chunk-size-mb=5', 'put', large, 's3://bucket/old');
  await s3cmd('--signature-v2', 'get', 's3://bucket/old', join(folder, 'back2'));
  assert.ok(readFileSync(large).equals(readFileSync(join(folder, 'back2'))));
  await s3cmd('cp', 's3://bucket/large', 's3://bucket/copy');
  await s3cmd('setacl', '-P', 's3://bucket/copy');
  assert.equal((await fetch(`${store.url}/bucket/copy`)).status, 200);
  assert.match(await s3cmd('info', 's3://bucket/copy'), /anon/);
  const files = filesMake(join(folder, 'files'), 40);
  await s3cmd('sync', `${files}/`, 's3://bucket/files/');
  await s3cmd('sync', 's3://bucket/files/', `${join(folder, 'synced')}/`);
  assert.equal(digests(join(folder, 'synced')), digests(files));
  await s3cmd('expire', '--expiry-days=3', 's3://bucket');
  await s3cmd('del', '--recursive', '--force', 's3://bucket');
  await s3cmd('rb', 's3://bucket');
});

function rcloneOf(store: ClientStore): (...args: readonly string[]) => Promise<string> {
  const env = {
    RCLONE_CONFIG_W_TYPE: 's3',
    RCLONE_CONFIG_W_PROVIDER: 'Other',
    RCLONE_CONFIG_W_ENDPOINT: store.url,
    RCLONE_CONFIG_W_ACCESS_KEY_ID: store.accessKey,
    RCLONE_CONFIG_W_SECRET_ACCESS_KEY: store.secret,
  };
  return (...args) => store.run(['/usr/bin/rclone', '--config', '/dev/null', ...args], env);
}

test(`rclone: ${isLong ? '20,000' : '500'} small files, a large one in parts, checked, moved, removed`, async () => {
  await using store = await clientStore();
  const rclone = rcloneOf(store);
  const files = filesMake(join(store.folder, 'files'), isLong ? 20_000 : 500);
  writeFileSync(join(files, 'large'), randomBytes(24 << 20));
  await rclone('mkdir', 'w:bucket');
  await rclone(
    'sync',
    '--transfers=8',
    '--s3-upload-cutoff=5M',
    '--s3-chunk-size=5M',
    files,
    'w:bucket/x',
  );
  await rclone('check', '--checkers=8', files, 'w:bucket/x');
  rmSync(join(files, 'd3'), { recursive: true });
  writeFileSync(join(files, 'd4', 'new'), 'new');
  await rclone('sync', '--transfers=8', files, 'w:bucket/x');
  await rclone('check', '--download', files, 'w:bucket/x');
  await rclone('moveto', 'w:bucket/x/d4/new', 'w:bucket/moved');
  assert.equal(await rclone('cat', 'w:bucket/moved'), 'new');
  await rclone('copy', 'w:bucket/x/d5', 'w:bucket/y');
  await rclone('purge', 'w:bucket');
});

test('restic: back up, check, restore, forget', async () => {
  await using store = await clientStore();
  const env = { RESTIC_REPOSITORY: `s3:${store.url}/backup/repo`, RESTIC_PASSWORD: 'p' };
  const restic = (...args: readonly string[]) =>
    store.run(['/usr/bin/restic', '--no-cache', ...args], env);
  const files = filesMake(join(store.folder, 'files'), 200);
  writeFileSync(join(files, 'large'), randomBytes(12 << 20));
  await restic('init');
  await restic('backup', files);
  writeFileSync(join(files, 'later'), 'x');
  await restic('backup', files);
  await restic('check', '--read-data');
  const target = join(store.folder, 'restored');
  await restic('restore', 'latest', '--target', target);
  assert.equal(digests(join(target, files)), digests(files));
  await restic('forget', '--keep-last', '1', '--prune');
  await restic('check');
});

test('duplicity: back up and restore', async () => {
  await using store = await clientStore();
  const { url, folder } = store;
  await store.run(['/usr/bin/aws', '--endpoint-url', url, 's3', 'mb', 's3://dup']);
  const files = filesMake(join(folder, 'files'), 100);
  const options = [
    '--no-encryption',
    '--s3-endpoint-url',
    url,
    '--allow-source-mismatch',
    '--archive-dir',
    join(folder, 'archive'),
  ];
  await store.run(['/usr/bin/duplicity', 'full', ...options, files, 'boto3+s3://dup/backup']);
  writeFileSync(join(files, 'later'), 'x');
  await store.run(['/usr/bin/duplicity', 'incr', ...options, files, 'boto3+s3://dup/backup']);
  const target = join(folder, 'restored');
  await store.run(['/usr/bin/duplicity', 'restore', ...options, 'boto3+s3://dup/backup', target]);
  assert.equal(digests(target), digests(files));
});
