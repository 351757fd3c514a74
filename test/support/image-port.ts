/** The image service as compute sees it, in memory: for tests of what compute does, not of images. */
import { createHash } from 'node:crypto';
import { notFound } from '../../src/kernel/errors.ts';
import type { ImagePort, ImageSummary } from '../../src/image/port.ts';

export interface MemoryImages extends ImagePort {
  readonly images: Map<string, ImageSummary>;
}

export const imageId = '00000000-0000-4000-8000-0000000000ff';
const bytes = Buffer.alloc(512, 7);

export const imageSummary = (change: Partial<ImageSummary> = {}): ImageSummary => ({
  id: imageId,
  name: 'tiny',
  status: 'active',
  visibility: 'public',
  ownerId: 'f'.repeat(32),
  isProtected: false,
  diskFormat: 'raw',
  containerFormat: 'bare',
  minDiskGib: 0,
  minRamMib: 0,
  sizeBytes: bytes.length,
  virtualSizeBytes: bytes.length,
  md5: createHash('md5').update(bytes).digest('hex'),
  sha512: createHash('sha512').update(bytes).digest('hex'),
  properties: {},
  tags: [],
  createdAt: 0,
  updatedAt: 0,
  ...change,
});

export function imagesMemory(): MemoryImages {
  const images = new Map([[imageId, imageSummary()]]);
  const find = (id: string): ImageSummary => {
    const image = images.get(id);
    if (image === undefined) throw notFound(`No image found with ID ${id}`);
    return image;
  };
  return {
    images,
    imageFor: async (_, id) => find(id),
    imageGet: async (id) => images.get(id) ?? null,
    imageList: async (_, { name, properties = {} }) =>
      [...images.values()].filter(
        (image) =>
          (name === undefined || image.name === name) &&
          Object.entries(properties).every(([key, value]) => image.properties[key] === value),
      ),
    imagePropertiesChange: async (_, id, change) => {
      const before = find(id);
      const after = { ...before, properties: change(before.properties) };
      images.set(id, after);
      return after;
    },
    imageDelete: async (_, id) => void images.delete(id),
    async *imageRead(id) {
      find(id);
      yield bytes;
    },
    imageCreate: async (wanted) => {
      if (images.has(wanted.id)) return;
      const { id, name, ownerId, diskFormat, minDiskGib, minRamMib, properties } = wanted;
      const empty = { status: 'queued', sizeBytes: null, sha512: null, md5: null } as const;
      const own = { id, name, ownerId, diskFormat, minDiskGib, minRamMib, properties };
      images.set(id, imageSummary({ ...own, ...empty, visibility: 'private' }));
    },
    imageWrite: async (id, stream) => {
      const image = find(id);
      if (image.status === 'active') return image;
      let sizeBytes = 0;
      for await (const chunk of stream) sizeBytes += chunk.length;
      const active = { ...find(id), status: 'active', sizeBytes, sha512: 'x' } as const;
      images.set(id, active);
      return active;
    },
    imagesRotate: async (projectId, properties, keep) => {
      const own = [...images.values()].filter(
        (image) =>
          image.ownerId === projectId &&
          Object.entries(properties).every(([key, value]) => image.properties[key] === value),
      );
      for (const { id } of own.toReversed().slice(keep)) images.delete(id);
    },
    imageFail: async (id) => {
      const image = images.get(id);
      if (image !== undefined) images.set(id, { ...image, status: 'killed' });
    },
  };
}
