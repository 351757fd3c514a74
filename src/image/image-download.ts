import { Failure, forbidden } from '../kernel/errors.ts';
import { imageAuthorize, imageSee } from './image-access.ts';
import { storeOf } from './image-blob.ts';
import { blobLive } from './image-blob.store.ts';
import type { Image } from './image.model.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';
import type { ByteRange } from './image.model.ts';

export interface Download {
  readonly image: Image;
  readonly sizeBytes: number;
  read(range: ByteRange): AsyncIterable<Uint8Array>;
}

/** Null: the image has no bytes yet. */
export async function imageDownload(context: ImageContext, id: string): Promise<Download | null> {
  const { world } = context;
  const image = await world.db.read(async (tx) => {
    const seen = await imageSee(context, tx, id);
    if (seen.image.status === 'deactivated' && !context.allows('context_is_admin')) {
      throw forbidden(
        'The requested image has been deactivated. Image data download is forbidden.',
      );
    }
    imageAuthorize(context, 'download_image', seen.target);
    return seen.image;
  });
  const source = await bytesFind(world, id);
  return source === null ? null : { image, ...source };
}

/** The first store that has the bytes and answers. */
export async function bytesFind(
  world: ImageWorld,
  id: string,
): Promise<Pick<Download, 'sizeBytes' | 'read'> | null> {
  const blobs = await world.db.read((tx) => blobLive(tx, id));
  let failure: unknown = null;
  for (const { store: storeId, key } of blobs) {
    const store = storeOf(world, storeId);
    try {
      const sizeBytes = await store?.sizeOf(key);
      if (store === null || sizeBytes === null || sizeBytes === undefined) continue;
      return {
        sizeBytes,
        read: ({ offset, lengthBytes }) => store.read(key, offset, lengthBytes),
      };
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== null) throw failure;
  if (blobs.length > 0)
    world.log.error('the bytes of an image are not in its store', { image: id });
  return null;
}

/** The part of a body that `Range: bytes=...` asks for; null without one. Several ranges at once are refused. */
export function rangeParse(header: string | undefined, sizeBytes: number): ByteRange | null {
  if (header === undefined) return null;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.replaceAll(' ', ''));
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (first === '' && last === '') throw rangeRefused(header, sizeBytes);
  if (first === '') {
    const lengthBytes = Math.min(Number(last), sizeBytes);
    if (lengthBytes === 0) throw rangeRefused(header, sizeBytes);
    return { offset: sizeBytes - lengthBytes, lengthBytes };
  }
  const offset = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (offset >= end) throw rangeRefused(header, sizeBytes);
  return { offset, lengthBytes: end - offset };
}

const rangeRefused = (header: string, sizeBytes: number): Failure =>
  new Failure('invalid', `Invalid range: ${header}`, {
    type: 'RangeNotSatisfiable',
    headers: { 'Content-Range': `bytes */${sizeBytes}` },
  });
