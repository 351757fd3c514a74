import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cloudUse, tinyEnsure } from '../support/cloud.ts';

test('openstacksdk walks the same way, as a member without any admin right', async () => {
  await using cloud = await cloudUse();
  await tinyEnsure(cloud);
  const dir = mkdtempSync(join(tmpdir(), 'welkin-sdk-'));
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'key')]);
    const script = join(import.meta.dirname, 'sdk-walk.py');
    const { stdout } = await promisify(execFile)(
      '/usr/bin/python3',
      [script, 'welkin-demo', join(dir, 'key.pub')],
      { env: { ...process.env, OS_CLIENT_CONFIG_FILE: join(cloud.stateDir, 'clouds.yaml') } },
    );
    assert.match(stdout, /everything deleted\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
