/** The small guest image for tests that boot real guests. */
import { existsSync, readFileSync } from 'node:fs';
import { tinyImageBuild } from '../../src/guestimage/build.ts';
import type { ApiClient } from './client.ts';

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

/** Uploads it where the mirror of the packages cannot be reached. */
export async function tinyUpload(api: ApiClient): Promise<string> {
  const image = { name: 'tiny', disk_format: 'qcow2', container_format: 'bare' };
  const made = await api.insist('POST', '/image/v2/images', { ...image, visibility: 'public' });
  await api.upload(`/image/v2/images/${made.json.id}/file`, readFileSync(await tinyImage()));
  return made.json.id;
}
