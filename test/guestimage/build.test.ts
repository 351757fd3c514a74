import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyImageBuild } from '../../src/guestimage/build.ts';

test('a user that would not be one line of /etc/passwd is refused before anything is done', async () => {
  for (const user of ['root', 'Cirros', 'a:b', 'a\nb', '', '../x']) {
    const build = tinyImageBuild({
      outputPath: '/nowhere/tiny.qcow2',
      cacheDir: '/proc/nowhere',
      user,
      onProgress: assert.fail,
    });
    await assert.rejects(build, /is no name for the user/);
  }
});
