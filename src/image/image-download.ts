import { Failure, forbidden, invalid } from '../kernel/errors.ts';
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

/** Null: the image has no bytes yet. `preferred`: stores that are asked first, in this order. */
export async function imageDownload(
  context: ImageContext,
  id: string,
  preferred: readonly string[],
): Promise<Download | null> {
  const { world } = context;
  const image = await world.db.read(async (tx) => {
    const seen = await imageSee(context, tx, id);
    if (seen.image.status === 'deactivated' && !context.allows('context_is_admin')) {
      throw forbidden(
        'The requested image has been deactivated. Image data download is forbidden.',
      );
    }
    imageAuthorize(context, 'download_image', seen.target);
    if (preferred.length > 0) imageAuthorize(context, 'download_from_store', seen.target);
    return seen.image;
  });
  const unknown = preferred.find((store) => world.stores.every(({ id: known }) => known !== store));
  if (unknown !== undefined) throw invalid(`Store '${unknown}' is not configured.`);
  const source = await bytesFind(world, id, preferred);
  return source === null ? null : { image, ...source };
}

/** The first store that has the bytes and answers. */
export async function bytesFind(
  world: ImageWorld,
  id: string,
  preferred: readonly string[] = [],
): Promise<Pick<Download, 'sizeBytes' | 'read'> | null> {
  const placeOf = (store: string): number => preferred.indexOf(store) + 1 || Infinity;
  const live = await world.db.read((tx) => blobLive(tx, id));
  const blobs = live.toSorted((a, b) => compare(placeOf(a.store), placeOf(b.store)));
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

/** Infinity from infinity is no number. */
const compare = (a: number, b: number): number => (a === b ? 0 : a - b);

/** The part of a body that `Range: bytes=...` asks for; null without one. Several ranges at once are refused. */
export function rangeParse(header: string | undefined, sizeBytes: number): ByteRange | null {
  if (header === undefined) return null;
  if (header.includes(',')) {
    throw invalid('Requests with multiple ranges are not supported. Make several requests.');
  }
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

/** Clients of old ask by `Content-Range: bytes 0-4/*` or `/10`; Glance still answers them. */
export function contentRangeParse(header: string | undefined, sizeBytes: number): ByteRange | null {
  if (header === undefined) return null;
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header.trim()) ?? [];
  const [offset, end] = [Number(first), Number(last) + 1];
  const isOther = total !== '*' && Number(total) !== sizeBytes;
  if (first === undefined || offset >= end || end > sizeBytes || isOther)
    throw rangeRefused(header, sizeBytes);
  return { offset, lengthBytes: end - offset };
}

const rangeRefused = (header: string, sizeBytes: number): Failure =>
  new Failure('invalid', `Invalid range: ${header}`, {
    type: 'RangeNotSatisfiable',
    headers: { 'Content-Range': `bytes */${sizeBytes}` },
  });
