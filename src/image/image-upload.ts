import type { Tx } from '../kernel/db.ts';
import { conflict, invalid, notFound } from '../kernel/errors.ts';
import { imageSeeFor, projectOf } from './image-access.ts';
import { blobComplete, blobStage, type Blob } from './image-blob.store.ts';
import { bytesStore, type Incoming, type Landing, type Written } from './image-bytes.ts';
import type { Image, ImageStatus } from './image.model.ts';
import { quotaCheck, quotaLimitsOf, spareBytesOf } from './image-quota.ts';
import type { QuotaName } from './image.model.ts';
import { signatureCheck } from './image-signature.ts';
import { imageStatusSet } from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';
import type { ImageStore } from './stores/image-store.ts';

/** `PUT /v2/images/:id/file`. */
export async function imageUpload(
  context: ImageContext,
  id: string,
  incoming: Incoming,
  storeId: string | null = null,
): Promise<void> {
  const { world, clock } = context;
  const quotas = await quotasOf(context, ['image_size_total', 'image_count_uploading']);
  const signature = signatureCheck(world);
  await bytesStore(world, incoming, {
    ...activeLanding(world, storeChoose(world, storeId)),
    ...signature.landing,
    spareBytes: await spareBytesOf(world, projectOf(context.actor)),
    async claim(tx) {
      const { image } = await imageSeeFor(context, tx, id, 'upload_image');
      formatsRequire(image);
      await quotas(tx, image);
      await statusTake(tx, image, { to: 'saving', now: clock.now() });
      signature.begin(image);
      return image;
    },
  });
}

/** `PUT /v2/images/:id/stage`: the bytes wait for an import. */
export async function imageStage(
  context: ImageContext,
  id: string,
  incoming: Incoming,
): Promise<void> {
  const { world, clock } = context;
  const quotas = await quotasOf(context, ['image_stage_total', 'image_count_uploading']);
  await bytesStore(world, incoming, {
    store: world.staging,
    spareBytes: await spareBytesOf(world, projectOf(context.actor)),
    async claim(tx) {
      const { image } = await imageSeeFor(context, tx, id, 'modify_image');
      await quotas(tx, image);
      await statusTake(tx, image, { to: 'uploading', now: clock.now() });
      return image;
    },
    complete: (tx, blob, written) => stagedComplete(tx, blob, written),
    release: (tx, imageId) => statusRelease(tx, imageId, 'uploading', clock.now()),
  });
}

/** Bytes that make the image active when they are complete. */
export const activeLanding = (
  world: ImageWorld,
  store: ImageStore,
): Omit<Landing, 'claim'> & { readonly store: ImageStore } => ({
  store,
  async complete(tx, blob, written) {
    const isComplete = await blobComplete(tx, blob.id);
    const isActive = await imageStatusSet(tx, blob.image_id, ['saving'], {
      ...foundOf(written),
      status: 'active',
      updated_at: world.clock.now(),
    });
    return isComplete && isActive;
  },
  release: (tx, imageId) => statusRelease(tx, imageId, 'saving', world.clock.now()),
});

export const foundOf = (
  written: Written,
): Pick<Blob, 'size' | 'virtual_size' | 'md5' | 'sha512'> => ({
  size: written.sizeBytes,
  virtual_size: written.virtualSizeBytes,
  md5: written.md5,
  sha512: written.sha512,
});

export const stagedComplete = async (
  tx: Tx<ImageTables>,
  blob: Blob,
  written: Written,
): Promise<boolean> => blobStage(tx, blob.id, foundOf(written));

async function statusRelease(
  tx: Tx<ImageTables>,
  imageId: string,
  from: ImageStatus,
  now: number,
): Promise<void> {
  await imageStatusSet(tx, imageId, [from], { status: 'queued', updated_at: now });
}

/** The limits are asked before the transaction: they are another service's. */
async function quotasOf(
  context: ImageContext,
  names: readonly QuotaName[],
): Promise<(tx: Tx<ImageTables>, image: Image) => Promise<void>> {
  const owner = projectOf(context.actor);
  const limits = await quotaLimitsOf(context.world, owner);
  return (tx) => quotaCheck(tx, owner, limits, names);
}

function formatsRequire({ diskFormat, containerFormat }: Image): void {
  const missing = [
    ...(diskFormat === null ? ['disk_format'] : []),
    ...(containerFormat === null ? ['container_format'] : []),
  ];
  if (missing.length === 0) return;
  const noun = missing.length === 1 ? 'Property' : 'Properties';
  throw invalid(`${noun} ${missing.join(', ')} must be set prior to saving data.`);
}

async function statusTake(
  tx: Tx<ImageTables>,
  image: Image,
  { to, now }: { readonly to: ImageStatus; readonly now: number },
): Promise<void> {
  if (await imageStatusSet(tx, image.id, ['queued'], { status: to, updated_at: now })) return;
  throw conflict(`Image status transition from ${image.status} to ${to} is not allowed`);
}

export const isWritable = ({ type }: ImageStore): boolean => type !== 'http';

export function storeChoose({ stores }: ImageWorld, id: string | null): ImageStore {
  const store = id === null ? stores.find(isWritable) : stores.find((one) => one.id === id);
  if (store === undefined) throw invalid(`Unknown scheme '${id}' found in URI`);
  if (!isWritable(store)) throw invalid(`The store ${store.id} takes no bytes.`);
  return store;
}

export const storeUnknown = (id: string) =>
  notFound(`The selected store ${id} is not available on this node.`);
