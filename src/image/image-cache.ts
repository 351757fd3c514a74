/** The cache of the API is what hosts keep: copies of images on which the disks of their servers are built. */
import { conflict, Failure, forbidden, invalid } from '../kernel/errors.ts';
import { imageAuthorize, imageSee, imageSeeFor, imageUnknown, type Seen } from './image-access.ts';
import type { HostCopy, ImageContext } from './image.world.ts';

export interface CacheState {
  readonly copies: readonly HostCopy[];
  readonly queued: readonly string[];
}

export async function imageCacheShow(context: ImageContext): Promise<CacheState> {
  cacheAuthorize(context, 'cache_list');
  const { copies } = context.world;
  return { copies: await copies.list(), queued: await copies.queued() };
}

export async function imageCacheAdd(
  context: ImageContext,
  id: string,
  requestId: string,
): Promise<void> {
  const { image } = await context.world.db.read((tx) =>
    imageSeeFor(context, tx, id, 'cache_image'),
  );
  if (image.status !== 'active') {
    throw invalid('Only images with status active can be targeted for queueing');
  }
  if (image.diskFormat !== 'raw' && image.diskFormat !== 'qcow2') {
    throw invalid(`Hosts keep images of the formats raw and qcow2, not ${image.diskFormat}`);
  }
  await context.world.copies.queue(id, requestId);
}

/** Also of an image that was deleted since, as long as a host has it. */
export async function imageCacheRemove(context: ImageContext, id: string): Promise<void> {
  const { copies } = context.world;
  const seen = await imageFind(context, id);
  if (seen === null && !(await isCached(context, id))) throw imageUnknown(id);
  imageAuthorize(context, 'cache_delete', seen?.target ?? {});
  await copies.unqueue(id);
  const stay = await copies.remove(id);
  if (stay.length > 0) throw conflict(`Image ${id} stays: servers are built on it`);
}

/** What servers are built on stays. */
export async function imageCacheClear(context: ImageContext, target: string): Promise<void> {
  cacheAuthorize(context, 'cache_delete');
  if (!['', 'cache', 'queue'].includes(target)) {
    throw invalid(
      "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.",
    );
  }
  const { copies } = context.world;
  if (target !== 'cache') await copies.unqueue(null);
  if (target !== 'queue') await copies.remove(null);
}

function cacheAuthorize(context: ImageContext, rule: string): void {
  if (!context.allows(rule)) {
    throw forbidden(`You are not authorized to complete ${rule} action.`);
  }
}

async function imageFind(context: ImageContext, id: string): Promise<Seen | null> {
  try {
    return await context.world.db.read((tx) => imageSee(context, tx, id));
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}

async function isCached({ world: { copies } }: ImageContext, id: string): Promise<boolean> {
  if ((await copies.queued()).includes(id)) return true;
  return (await copies.list()).some(({ imageId }) => imageId === id);
}
