/** Needs the machine's package mirror, so it runs outside the namespaces of the data plane's tests. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tinyImageBuild } from '../../src/guestimage/build.ts';

test('two builds give the same image, bit for bit', async (t) => {
  const folder = await mkdtemp('/var/tmp/welkin-image-');
  t.after(() => rm(folder, { recursive: true, force: true }));
  const build = async (name: string): Promise<string> => {
    const outputPath = join(folder, name);
    const cacheDir = join(folder, 'cache');
    const image = await tinyImageBuild({ outputPath, cacheDir, onProgress: () => {} });
    assert.equal(image.path, outputPath);
    return image.sha512;
  };
  assert.equal(await build('one.qcow2'), await build('two.qcow2'));
});
