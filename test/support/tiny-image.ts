/** The small guest image for tests that boot real guests. */
import { tinyImageBuild } from '../../src/guestimage/build.ts';

/** Packages are fetched once per machine; the image is made anew, for it may be what is tested. */
export const tinyImageCacheDir = '/var/tmp/welkin-test-image';

/** The file that WELKIN_TEST_IMAGE names, else one that is built. */
export async function tinyImage(): Promise<string> {
  const given = process.env['WELKIN_TEST_IMAGE'];
  if (given !== undefined) return given;
  const outputPath = `${tinyImageCacheDir}/tiny-${process.pid}.qcow2`;
  await tinyImageBuild({ outputPath, cacheDir: tinyImageCacheDir, onProgress: () => {} });
  return outputPath;
}
