/**
 * The host's copies of images, on which the disks of servers are built: `<image>.<format>` and, made last, a
 * `<image>.json` that says the copy is whole. QEMU reads them as an unprivileged user and nobody writes them.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, invalid } from '../../kernel/errors.ts';
import type { ImageFacts } from '../api.ts';
import { turnsOpen } from '../network/turns.ts';
import { fileReplace, jsonRead, jsonWrite, writeAll } from './files.ts';
import { qcow2HeadBytes, qcow2HeaderRead } from './qcow2.ts';

export interface CachedImage extends ImageFacts {
  readonly path: string;
  readonly virtualSizeBytes: number;
}

export interface ImageCache {
  list(): readonly CachedImage[];
  get(imageId: string): CachedImage | null;
  /** Image whose copy lies at this path. */
  idOf(path: string): string | null;
  put(facts: ImageFacts, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  delete(imageId: string): Promise<void>;
}

export async function imageCacheOpen(directory: string): Promise<ImageCache> {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const cache = new Cache(directory);
  await cache.load();
  return cache;
}

const bufferBytes = 1 << 20;
const zeroes = Buffer.alloc(bufferBytes);

class Cache implements ImageCache {
  readonly #directory: string;
  readonly #images = new Map<string, CachedImage>();
  readonly #turns = turnsOpen();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What a killed agent left half made is removed. */
  async load(): Promise<void> {
    const names = await readdir(this.#directory);
    for (const name of names.filter((one) => one.endsWith('.json'))) {
      const image = await jsonRead<CachedImage>(join(this.#directory, name));
      if (image !== null && names.includes(`${image.imageId}.${image.format}`)) {
        this.#images.set(image.imageId, { ...image, path: this.#path(image) });
      }
    }
    const whole = [...this.#images.values()].flatMap(({ imageId, format }) => [
      `${imageId}.json`,
      `${imageId}.${format}`,
    ]);
    for (const name of names.filter((one) => !whole.includes(one))) {
      await rm(join(this.#directory, name), { force: true });
    }
  }

  list(): readonly CachedImage[] {
    return [...this.#images.values()];
  }

  get(imageId: string): CachedImage | null {
    return this.#images.get(imageId) ?? null;
  }

  idOf(path: string): string | null {
    return this.list().find((image) => image.path === path)?.imageId ?? null;
  }

  /** Whoever brings an image that is being brought waits, and brings its own bytes if those were not good. */
  put(facts: ImageFacts, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#turns.alone(facts.imageId, async () => {
      const known = this.#images.get(facts.imageId);
      if (known === undefined) return this.#write(facts, bytes);
      if (known.sha512 === facts.sha512) return;
      throw conflict(`This host has other bytes for image ${facts.imageId}.`);
    });
  }

  async delete(imageId: string): Promise<void> {
    const image = this.#images.get(imageId);
    if (image === undefined) return;
    // From now on nobody builds on it.
    this.#images.delete(imageId);
    await this.#turns.alone(imageId, async () => {
      await rm(join(this.#directory, `${imageId}.json`), { force: true });
      await rm(image.path, { force: true });
    });
  }

  async #write(facts: ImageFacts, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(facts);
    let virtualSizeBytes = facts.sizeBytes;
    await fileReplace(
      path,
      async (file) => {
        await bytesWrite(file, facts, bytes);
        if (facts.format === 'qcow2') virtualSizeBytes = await qcow2Check(path, facts.imageId);
      },
      { mode: 0o644 },
    );
    const image: CachedImage = { ...facts, path, virtualSizeBytes };
    try {
      await jsonWrite(join(this.#directory, `${facts.imageId}.json`), image);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    this.#images.set(facts.imageId, image);
  }

  #path({ imageId, format }: ImageFacts): string {
    return join(this.#directory, `${imageId}.${format}`);
  }
}

const badImage = (message: string): Error => invalid(message, { type: 'bad_image' });

async function bytesWrite(
  file: FileHandle,
  facts: ImageFacts,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const hash = createHash('sha512');
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let filled = 0;
  let sizeBytes = 0;
  const flush = async (): Promise<void> => {
    const part = buffer.subarray(0, filled);
    hash.update(part);
    if (!part.equals(zeroes.subarray(0, filled))) await writeAll(file, part, sizeBytes);
    sizeBytes += filled;
    filled = 0;
  };
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + bufferBytes - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === bufferBytes) await flush();
    }
    if (sizeBytes > facts.sizeBytes) break;
  }
  await flush();
  await file.truncate(sizeBytes);
  if (sizeBytes !== facts.sizeBytes || hash.digest('hex') !== facts.sha512) {
    throw badImage(`The bytes of image ${facts.imageId} are not those of its size and checksum.`);
  }
}

/** A backing or data file would have QEMU read a file of the host that the image names. */
async function qcow2Check(path: string, imageId: string): Promise<number> {
  const header = await qcow2FileRead(`${path}.tmp`);
  if (header === null) throw badImage(`Image ${imageId} is no qcow2 image.`);
  if (header.backingPath !== null || header.hasExternalData || header.isEncrypted) {
    throw badImage(`Image ${imageId} refers to another file or is encrypted.`);
  }
  return header.virtualSizeBytes;
}

export async function qcow2FileRead(path: string): Promise<ReturnType<typeof qcow2HeaderRead>> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(qcow2HeadBytes),
      0,
      qcow2HeadBytes,
      0,
    );
    return qcow2HeaderRead(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
