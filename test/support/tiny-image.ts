/** The small guest image for tests that boot real guests. */
import { existsSync } from 'node:fs';
import { tinyImageBuild } from '../../src/guestimage/build.ts';

/** Where `welkin test` puts the image before it starts the tests. */
const builtPath = '.state/tiny.qcow2';

/** The file that WELKIN_TINY_IMAGE names, else the one that is built already, else one that is built now. */
export async function tinyImage(): Promise<string> {
  const path = process.env['WELKIN_TINY_IMAGE'] ?? builtPath;
  if (existsSync(path)) return path;
  const cacheDir = '.state/image-cache';
  const { path: built } = await tinyImageBuild({
    outputPath: builtPath,
    cacheDir,
    onProgress: () => {},
  });
  return built;
}
