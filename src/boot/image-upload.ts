import { createReadStream } from 'node:fs';
import { apiClientOpen } from './api-client.ts';
import type { Cloud } from './cloud.ts';

export interface ImageFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha512: string;
  readonly properties: Readonly<Record<string, string>>;
}

interface ImageShown {
  readonly id: string;
  readonly os_hash_value: string | null;
}

export interface ImageUploaded {
  readonly id: string;
  readonly isNew: boolean;
}

const requestLimitMs = 60_000;
const uploadLimitMs = 600_000;

/**
 * Makes a public image of this name hold these bytes. An image that already does is kept; one of the same name with
 * other bytes is removed once the new one is there, so that the name means one image.
 */
export async function imageUpload(cloud: Cloud, file: ImageFile): Promise<ImageUploaded> {
  const client = await apiClientOpen(cloud);
  const timeoutMs = requestLimitMs;
  const listed = await client.call([200], {
    path: `/image/v2/images?name=${encodeURIComponent(file.name)}&visibility=public`,
    timeoutMs,
  });
  const { images } = JSON.parse(listed.body) as { images: ImageShown[] };
  const same = images.find((image) => image.os_hash_value === file.sha512);
  if (same !== undefined) return { id: same.id, isNew: false };
  const made = await client.call([201], {
    method: 'POST',
    path: '/image/v2/images',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      name: file.name,
      disk_format: 'qcow2',
      container_format: 'bare',
      visibility: 'public',
      ...file.properties,
    }),
    timeoutMs,
  });
  const { id } = JSON.parse(made.body) as ImageShown;
  await client.call([204], {
    method: 'PUT',
    path: `/image/v2/images/${id}/file`,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(file.sizeBytes),
    },
    body: createReadStream(file.path, { highWaterMark: 1024 * 1024 }),
    timeoutMs: uploadLimitMs,
  });
  for (const old of images)
    await client.call([204, 404], {
      method: 'DELETE',
      path: `/image/v2/images/${old.id}`,
      timeoutMs,
    });
  return { id, isNew: true };
}
