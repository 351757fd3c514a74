import { createHash } from 'node:crypto';
import type { Tx } from '../kernel/db.ts';
import { Failure, invalid, notFound } from '../kernel/errors.ts';
import { bytesPump } from './byte-pump.ts';
import { formatJudge, formatRefuse, type Claim } from './format/format-judge.ts';
import { blobHold, blobInsert, blobRelease, type Blob } from './image-blob.store.ts';
import { blobsReclaim } from './image-blob.ts';
import type { Image } from './image.model.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageWorld } from './image.world.ts';
import type { ImageStore, StoreWriter } from './stores/image-store.ts';

/** An uploader not heard of for so long is dead. */
const holdMs = 30_000;
const renewMs = 5_000;

export interface Incoming {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The chunks are nobody else's: their memory is given back at once, which halves the cost of receiving. */
  readonly isOwned: boolean;
  /** What the client says it will send; null: it does not say. */
  readonly sizeBytes: number | null;
}

export interface Digests {
  readonly sizeBytes: number;
  readonly md5: string;
  readonly sha512: string;
}
export interface Written extends Digests {
  readonly virtualSizeBytes: number | null;
}

/** Where bytes go and what becomes of the image meanwhile. */
export interface Landing {
  readonly store: ImageStore;
  /** Puts the image into the state in which it takes bytes, in the transaction that gives the blob its row. */
  claim(tx: Tx<ImageTables>): Promise<Image>;
  /** The bytes are complete, on the disk, and judged safe. False: the image waits for them no more. */
  complete(tx: Tx<ImageTables>, blob: Blob, written: Written): Promise<boolean>;
  /** The image as it was before `claim`; not asked when the blob was no longer ours. */
  release(tx: Tx<ImageTables>, imageId: string): Promise<void>;
  /** What its project may still store; more is refused as soon as it comes. */
  readonly spareBytes?: number | null;
  /** A copy of bytes that are known: they were judged and hashed when they came. */
  readonly known?: Written;
  /** Aborted when whoever writes is to stop. */
  readonly signal?: AbortSignal;
  /** Sees every byte on its way. */
  readonly onChunk?: (chunk: Uint8Array) => void;
  /** Throws when what `onChunk` saw is not what the image says. */
  readonly verify?: () => Promise<void>;
}

interface Writing {
  readonly world: ImageWorld;
  readonly landing: Landing;
  readonly blob: Blob;
  readonly image: Image;
  /** Aborted when the blob is no longer ours: the image was deleted, or we were taken for dead. */
  readonly lost: AbortSignal;
}

/**
 * Takes bytes to their end. The blob has its row before the first byte. Only a blob that is still ours, complete and on
 * the disk, and judged safe, is given to `complete`; anything else releases the image and leaves no byte.
 */
export async function bytesStore(
  world: ImageWorld,
  incoming: Incoming,
  landing: Landing,
): Promise<void> {
  sizeCheck(world, incoming.sizeBytes ?? 0);
  spareCheck(landing, incoming.sizeBytes ?? 0);
  const blobId = world.ids.uuid();
  const { image, blob } = await world.db.write(async (tx) => {
    const claimed = await landing.claim(tx);
    const row = blobNew(claimed.id, blobId, landing.store.id, world.clock.now());
    await blobInsert(tx, row);
    return { image: claimed, blob: row };
  });
  await blobHeld(world, blob, async (lost) => {
    const { signal } = landing;
    const stop = signal === undefined ? lost : AbortSignal.any([lost, signal]);
    try {
      await blobFinish({ world, landing, blob, image, lost: stop }, incoming);
    } catch (error) {
      await blobGiveUp(world, blob, landing);
      throw error;
    }
  });
}

export const blobNew = (imageId: string, blobId: string, store: string, now: number): Blob => ({
  id: blobId,
  image_id: imageId,
  store,
  key: `${imageId}.${blobId}`,
  state: 'writing',
  held_until: now + holdMs,
  size: null,
  virtual_size: null,
  md5: null,
  sha512: null,
  metadata: null,
  created_at: now,
});

export function sizeCheck({ sizeLimitBytes }: ImageWorld, sizeBytes: number): void {
  if (sizeBytes <= sizeLimitBytes) return;
  throw new Failure(
    'too_large',
    `The incoming image is too large: the limit is ${sizeLimitBytes} bytes.`,
    { type: 'ImageSizeLimitExceeded' },
  );
}

function spareCheck({ spareBytes = null }: Pick<Landing, 'spareBytes'>, sizeBytes: number): void {
  if (spareBytes === null || sizeBytes <= spareBytes) return;
  throw new Failure(
    'too_large',
    `Image exceeds the storage quota: ${Math.max(0, spareBytes)} bytes are left.`,
    { type: 'StorageQuotaFull' },
  );
}

async function blobFinish(writing: Writing, incoming: Incoming): Promise<void> {
  const { world, landing, blob, image } = writing;
  const digests = await blobFill(writing, incoming);
  const written = landing.known ?? (await bytesJudge(image, landing.store, blob.key, digests));
  await world.db.write(async (tx) => {
    if (!(await landing.complete(tx, blob, written))) throw uploadGone(blob.image_id);
  });
}

export async function digestsRead(bytes: AsyncIterable<Uint8Array>): Promise<Digests> {
  const [md5, sha512] = [createHash('md5'), createHash('sha512')];
  let sizeBytes = 0;
  for await (const chunk of bytes) {
    md5.update(chunk);
    sha512.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, md5: md5.digest('hex'), sha512: sha512.digest('hex') };
}

/** The format may not be named before the bytes are there (staging): they are judged when they are imported. */
export async function bytesJudge(
  image: Claim,
  store: ImageStore,
  key: string,
  digests: Digests,
): Promise<Written> {
  if (image.diskFormat === null) return { ...digests, virtualSizeBytes: null };
  const { virtualSizeBytes } = await formatJudge(image, {
    sizeBytes: digests.sizeBytes,
    read: (offset, length) => storeBytes(store, key, offset, length),
  });
  return { ...digests, virtualSizeBytes };
}

async function blobFill(writing: Writing, incoming: Incoming): Promise<Digests> {
  const { landing, blob, lost } = writing;
  const writer = await landing.store.write(blob.key);
  try {
    const digests = await bytesTake(writing, incoming, writer);
    if (incoming.sizeBytes !== null && incoming.sizeBytes !== digests.sizeBytes) {
      throw invalid(
        `The image has ${digests.sizeBytes} bytes where ${incoming.sizeBytes} were announced.`,
      );
    }
    if (landing.known !== undefined && landing.known.sha512 !== digests.sha512) {
      throw new Failure('unavailable', 'The bytes of the image changed while they were copied.');
    }
    await landing.verify?.();
    await writer.finish();
    return digests;
  } catch (error) {
    await writer.abort();
    if (lost.aborted) throw uploadGone(blob.image_id, error);
    throw error;
  }
}

const hashesAll = ['md5', 'sha512'] as const;

async function bytesTake(
  { world, lost, image, landing }: Writing,
  { bytes, isOwned, sizeBytes: announced }: Incoming,
  writer: StoreWriter,
): Promise<Digests> {
  const { known, onChunk } = landing;
  const { sizeBytes, hashes } = await bytesPump(bytes, writer, {
    // Of a copy the MD5 is known; one hash tells whether it is the same.
    algorithms: known === undefined ? hashesAll : ['sha512'],
    sizeBytes: announced,
    isOwned,
    check(sizeBytes) {
      if (lost.aborted) throw new Error('the upload is no longer wanted');
      sizeCheck(world, sizeBytes);
      spareCheck(landing, sizeBytes);
    },
    onChunk(chunk, offset) {
      if (offset === 0 && image.diskFormat !== null)
        formatRefuse(image, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      onChunk?.(chunk);
    },
  });
  return { sizeBytes, md5: hashes.md5 ?? known?.md5 ?? '', sha512: hashes.sha512 ?? '' };
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

/** Says that the writer of the blob lives, until `work` is done. */
export async function blobHeld(
  { db, clock }: ImageWorld,
  { id }: Blob,
  work: (lost: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  const done = new AbortController();
  const hold = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(renewMs, done.signal);
      if (done.signal.aborted) return;
      try {
        if (!(await db.write((tx) => blobHold(tx, id, clock.now() + holdMs)))) lost.abort();
      } catch {
        // The database may be back before the hold ends; if not, the last transaction of the upload decides.
      }
    }
  };
  const holding = hold();
  try {
    await work(lost.signal);
  } finally {
    done.abort();
    await holding;
  }
}

export async function blobGiveUp(
  world: ImageWorld,
  blob: Blob,
  { release }: Pick<Landing, 'release'>,
): Promise<void> {
  await world.db.write(async (tx) => {
    if (await blobRelease(tx, blob.id)) await release(tx, blob.image_id);
  });
  await blobsReclaim(world, blob.image_id);
}

export const uploadGone = (id: string, cause?: unknown): Failure =>
  notFound(
    `Image ${id} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`,
    { type: 'Gone', cause },
  );
