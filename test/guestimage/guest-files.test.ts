/** The guest's own scripts, as far as the shell and awk of the host can run them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../src/guestimage/files/', import.meta.url));

function flattened(document: unknown): Record<string, string> {
  const input = JSON.stringify(document, null, 1);
  const output = execFileSync('awk', ['-f', `${folder}json-lines.awk`], { input }).toString();
  const pairs = output.trimEnd().split('\n');
  return Object.fromEntries(pairs.map((line) => line.split('\t', 2) as [string, string]));
}

test('every shell script of the guest parses', () => {
  const scripts = readdirSync(folder).filter(
    (name) => !/\.awk$|\.cfg$|^fstab$|^inittab$/.test(name),
  );
  assert.ok(scripts.length > 10);
  for (const name of scripts) {
    const { status, stderr } = spawnSync('sh', ['-n', folder + name]);
    assert.equal(status, 0, `${name}: ${String(stderr)}`);
  }
});

test('metadata becomes one line per value, and a nested name is no top-level one', () => {
  const lines = flattened({
    uuid: '1-2',
    meta: { uuid: 'of the user', empty: '' },
    keys: [{ name: 'k', type: 'ssh' }],
    launch_index: 0,
    public_keys: { 'my key': 'ssh-rsa AAAA me\n' },
    nothing: null,
    none: {},
    hostname: 'vm.example',
  });
  assert.deepEqual(lines, {
    uuid: '1-2',
    'meta/uuid': 'of the user',
    'meta/empty': '',
    'keys/0/name': 'k',
    'keys/0/type': 'ssh',
    launch_index: '0',
    'public_keys/my key': 'ssh-rsa AAAA me ',
    nothing: 'null',
    hostname: 'vm.example',
  });
});

test('escapes of JSON strings are undone', () => {
  assert.deepEqual(flattened({ admin_pass: 'q" b\\ s/ \u0001A', after: 'x' }), {
    admin_pass: 'q" b\\ s/ \u0001A',
    after: 'x',
  });
});
