import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { tinyImageBuild } from '../../../src/guestimage/build.ts';
import { tinyImageCacheDir } from '../../support/tiny-image.ts';
import { folderMake } from './machine.ts';

test('two builds give the same image, bit for bit', async (t) => {
  const folder = await folderMake(t);
  const build = async (name: string): Promise<string> => {
    const outputPath = join(folder, name);
    const image = await tinyImageBuild({
      outputPath,
      cacheDir: tinyImageCacheDir,
      onProgress: () => {},
    });
    assert.equal(image.path, outputPath);
    return image.sha512;
  };
  assert.equal(await build('one.qcow2'), await build('two.qcow2'));
});
