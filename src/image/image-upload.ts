import { createHash } from 'node:crypto';
import { bufferFree } from '../kernel/buffer-free.ts';
import type { Tx } from '../kernel/db.ts';
import { conflict, Failure, invalid, notFound } from '../kernel/errors.ts';
import { formatJudge, formatRefuse, type Claim } from './format/format-judge.ts';
import { imageSeeFor } from './image-access.ts';
import { blobComplete, blobHold, blobInsert, blobRelease, type Blob } from './image-blob.store.ts';
import { blobsReclaim } from './image-blob.ts';
import type { Image } from './image.model.ts';
import { imageStatusSet } from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';
import type { ImageStore, StoreWriter } from './stores/image-store.ts';

/** An uploader not heard of for so long is dead. */
const holdMs = 30_000;
const renewMs = 5_000;
const bufferBytes = 1 << 20;

export interface Incoming {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The chunks are nobody else's: their memory is given back at once, which halves the cost of receiving. */
  readonly isOwned: boolean;
  /** What the client says it will send; null: it does not say. */
  readonly sizeBytes: number | null;
  readonly storeId: string | null;
}

/** `PUT /v2/images/:id/file`. */
export async function imageUpload(
  context: ImageContext,
  id: string,
  incoming: Incoming,
): Promise<void> {
  await bytesStore(context.world, incoming, async (tx) => {
    const { image } = await imageSeeFor(context, tx, id, 'upload_image');
    formatsRequire(image);
    await savingSet(tx, image, context.clock.now());
    return image;
  });
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

async function savingSet(tx: Tx<ImageTables>, image: Image, now: number): Promise<void> {
  const change = { status: 'saving', updated_at: now } as const;
  if (await imageStatusSet(tx, image.id, ['queued'], change)) return;
  throw conflict(`Image status transition from ${image.status} to saving is not allowed`);
}

interface Writing {
  readonly world: ImageWorld;
  readonly blob: Blob;
  readonly store: ImageStore;
  readonly claim: Claim;
  /** Aborted when the blob is no longer ours: the image was deleted, or we were taken for dead. */
  readonly lost: AbortSignal;
}

/**
 * Takes bytes to their end and makes the image `active`. `claim` puts the image into `saving`; in the same transaction
 * the blob gets its row, before the first byte. Only a blob that is still ours, complete and on the disk, and judged
 * safe, makes the image active; anything else puts it back to `queued` and leaves no byte.
 */
export async function bytesStore(
  world: ImageWorld,
  incoming: Incoming,
  claim: (tx: Tx<ImageTables>) => Promise<Image>,
): Promise<void> {
  const store = storeChoose(world, incoming.storeId);
  sizeCheck(world, incoming.sizeBytes ?? 0);
  const blobId = world.ids.uuid();
  const { image, blob } = await world.db.write(async (tx) => {
    const claimed = await claim(tx);
    const now = world.clock.now();
    const row: Blob = {
      id: blobId,
      image_id: claimed.id,
      store: store.id,
      key: `${claimed.id}.${blobId}`,
      state: 'writing',
      held_until: now + holdMs,
      created_at: now,
    };
    await blobInsert(tx, row);
    return { image: claimed, blob: row };
  });
  const lost = new AbortController();
  const done = new AbortController();
  const holding = blobHoldWhile(world, blob, lost, done.signal);
  try {
    await imageFill({ world, blob, store, claim: image, lost: lost.signal }, incoming);
  } catch (error) {
    await blobGiveUp(world, blob);
    throw error;
  } finally {
    done.abort();
    await holding;
  }
}

function storeChoose({ stores }: ImageWorld, id: string | null): ImageStore {
  const store = id === null ? stores[0] : stores.find((one) => one.id === id);
  if (store === undefined) throw invalid(`Unknown scheme '${id}' found in URI`);
  return store;
}

function sizeCheck({ sizeLimitBytes }: ImageWorld, sizeBytes: number): void {
  if (sizeBytes <= sizeLimitBytes) return;
  throw new Failure(
    'too_large',
    `The incoming image is too large: the limit is ${sizeLimitBytes} bytes.`,
    { type: 'ImageSizeLimitExceeded' },
  );
}

async function imageFill(writing: Writing, incoming: Incoming): Promise<void> {
  const { world, blob, store, claim } = writing;
  const digests = await blobFill(writing, incoming);
  const { sizeBytes, md5, sha512 } = digests;
  const { virtualSizeBytes } = await formatJudge(claim, {
    sizeBytes,
    read: (offset, length) => storeBytes(store, blob.key, offset, length),
  });
  await world.db.write(async (tx) => {
    const isComplete = await blobComplete(tx, blob.id);
    const isActive = await imageStatusSet(tx, blob.image_id, ['saving'], {
      status: 'active',
      size: sizeBytes,
      virtual_size: virtualSizeBytes,
      md5,
      sha512,
      updated_at: world.clock.now(),
    });
    if (!isComplete || !isActive) throw uploadGone(blob.image_id);
  });
}

interface Digests {
  readonly sizeBytes: number;
  readonly md5: string;
  readonly sha512: string;
}

async function blobFill(writing: Writing, incoming: Incoming): Promise<Digests> {
  const writer = await writing.store.write(writing.blob.key);
  try {
    const digests = await bytesPump(writing, incoming, writer);
    if (incoming.sizeBytes !== null && incoming.sizeBytes !== digests.sizeBytes) {
      throw invalid(
        `The image has ${digests.sizeBytes} bytes where ${incoming.sizeBytes} were announced.`,
      );
    }
    await writer.finish();
    return digests;
  } catch (error) {
    await writer.abort();
    if (writing.lost.aborted) throw uploadGone(writing.blob.image_id, error);
    throw error;
  }
}

/** Two buffers: one is hashed and written while the other fills. Small writes would cost twice the time. */
async function bytesPump(
  { world, lost, claim }: Writing,
  { bytes, isOwned }: Incoming,
  writer: StoreWriter,
): Promise<Digests> {
  const md5 = createHash('md5');
  const sha512 = createHash('sha512');
  let [filling, spare] = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)];
  let written = Promise.resolve();
  let filledBytes = 0;
  let sizeBytes = 0;
  const flush = async (): Promise<void> => {
    const chunk = filling.subarray(0, filledBytes);
    if (sizeBytes <= bufferBytes) formatRefuse(claim, chunk);
    await written;
    written = writer.write(chunk);
    // Its failure is met at the next flush; until then nobody waits for it.
    written.catch(() => {});
    md5.update(chunk);
    sha512.update(chunk);
    [filling, spare] = [spare, filling];
    filledBytes = 0;
  };
  for await (const chunk of bytes) {
    if (lost.aborted) throw new Error('the upload is no longer wanted');
    sizeBytes += chunk.length;
    sizeCheck(world, sizeBytes);
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + bufferBytes - filledBytes);
      filling.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes === bufferBytes) await flush();
    }
    if (isOwned) bufferFree(chunk);
  }
  if (filledBytes > 0) await flush();
  await written;
  return { sizeBytes, md5: md5.digest('hex'), sha512: sha512.digest('hex') };
}

async function storeBytes(
  store: ImageStore,
  key: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, offset, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Says that the uploader lives, until `done`. */
async function blobHoldWhile(
  { db, clock }: ImageWorld,
  { id }: Blob,
  lost: AbortController,
  done: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(renewMs, done);
    if (done.aborted) return;
    try {
      if (!(await db.write((tx) => blobHold(tx, id, clock.now() + holdMs)))) lost.abort();
    } catch {
      // The database may be back before the hold ends; if not, the last transaction of the upload decides.
    }
  }
}

async function blobGiveUp(world: ImageWorld, blob: Blob): Promise<void> {
  await world.db.write(async (tx) => {
    if (!(await blobRelease(tx, blob.id))) return;
    const change = { status: 'queued', updated_at: world.clock.now() } as const;
    await imageStatusSet(tx, blob.image_id, ['saving'], change);
  });
  await blobsReclaim(world, blob.image_id);
}

const uploadGone = (id: string, cause?: unknown): Failure =>
  notFound(
    `Image ${id} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`,
    { type: 'Gone', cause },
  );
