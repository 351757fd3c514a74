import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Tree, cpioArchive } from '../../src/guestimage/tree.ts';

function sample(order: readonly string[]): Tree {
  const tree = new Tree();
  for (const path of order) tree.file(path, `content of ${path}`, { mode: 0o755 });
  tree.link('/bin/sh', 'busybox');
  return tree;
}

test('a tree lists parents before children, whatever the order of its making', () => {
  const paths = sample(['/usr/lib/b', '/bin/busybox'])
    .entries()
    .map(({ path }) => path);
  assert.deepEqual(paths, ['/bin', '/bin/busybox', '/bin/sh', '/usr', '/usr/lib', '/usr/lib/b']);
  assert.deepEqual(
    sample(['/bin/busybox', '/usr/lib/b']).entries(),
    sample(['/usr/lib/b', '/bin/busybox']).entries(),
  );
});

test('two things cannot be in one place of a tree', () => {
  const tree = sample(['/bin/busybox']);
  assert.throws(() => tree.link('/bin/busybox', 'sh'), /two things in one place: \/bin\/busybox/);
});

test('a cpio archive carries name, type, mode and content of each entry, aligned to four bytes', () => {
  const tree = new Tree();
  tree.file('/init', 'x', { mode: 0o755 });
  const archive = Buffer.from(cpioArchive(tree.entries()));
  const field = (index: number) =>
    Number.parseInt(archive.toString('latin1', 6 + index * 8, 14 + index * 8), 16);
  assert.equal(archive.toString('latin1', 0, 6), '070701');
  assert.equal(field(1), 0o100755);
  assert.equal(field(6), 1);
  assert.equal(field(11), 'init\0'.length);
  // Header 110 bytes, name 5: padded to 116.
  assert.equal(archive.toString('latin1', 110, 114), 'init');
  assert.equal(archive.toString('latin1', 116, 117), 'x');
  assert.equal(archive.toString('latin1', 120, 126), '070701');
  assert.equal(archive.length % 4, 0);
  assert.ok(archive.includes('TRAILER!!!'));
});
