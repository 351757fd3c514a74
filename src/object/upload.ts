import { createHash } from 'node:crypto';
import { invalid, notFound } from '../kernel/errors.ts';
import { prefixEnd } from './container.ts';
import type { Container } from './container.model.ts';
import type { NewEvent } from './event.ts';
import {
  bodyWrite,
  nameCheck,
  versionAdd,
  type Guard,
  type ObjectPut,
  type Received,
} from './object-put.ts';
import type { ObjectFacts, PartFacts, StoredObject } from './object.model.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import { blobInsert } from './store/blob.store.ts';
import { containerById } from './store/container.store.ts';
import {
  partPage,
  partsToPieces,
  partUpsert,
  uploadById,
  uploadForget,
  uploadInsert,
  uploadPage,
  uploadRemove,
  type UploadPlace,
} from './store/upload.store.ts';
import type { Upload, UploadPart } from './upload.model.ts';

export interface UploadCreate {
  readonly name: string;
  readonly contentType: string;
  /** What the object will have. */
  readonly facts: ObjectFacts;
}

export async function uploadCreate(
  world: ObjectWorld,
  { id }: Container,
  create: UploadCreate,
): Promise<Upload> {
  nameCheck(create.name);
  const upload = {
    ...create,
    id: world.ids.uuid().replaceAll('-', ''),
    containerId: id,
    createdUs: world.ticksUs(),
  };
  await shardOf(world, id).write(async (tx) => {
    await containerById(tx, id);
    await uploadInsert(tx, upload);
  });
  return upload;
}

/** Null: there is none, or it was completed or aborted. */
export const uploadGet = (
  world: ObjectWorld,
  { id }: Container,
  uploadId: string,
): Promise<Upload | null> => shardOf(world, id).read((tx) => uploadById(tx, id, uploadId));

export interface UploadList {
  readonly prefix?: string;
  /** Behind this place. */
  readonly after?: UploadPlace;
  readonly limit: number;
}

/** By name, then by age. A front that rolls names up asks again behind what it rolled up. */
export const uploadList = (
  world: ObjectWorld,
  { id }: Container,
  { prefix = '', after, limit }: UploadList,
): Promise<Upload[]> => {
  const range = { from: prefix, to: prefixEnd(prefix), limit };
  return shardOf(world, id).read((tx) => uploadPage(tx, id, after ?? null, range));
};

export interface PartPut extends Pick<
  ObjectPut,
  'body' | 'sizeBytes' | 'limitBytes' | 'hashes' | 'key'
> {
  readonly number: number;
  /** After the last byte: throws to refuse, or gives what to remember of the part. */
  readonly finish?: (got: Received) => { readonly facts?: PartFacts; readonly etag?: string };
}

/** Takes the place of a part with the same number. A copied part is one whose body is read from an object. */
export async function partPut(
  world: ObjectWorld,
  upload: Upload,
  put: PartPut,
): Promise<UploadPart> {
  return bodyWrite(world, put, async ({ md5, sizeBytes, blob }, finishedMs) => {
    const { facts = {}, etag = md5 } = put.finish?.({ md5, sizeBytes }) ?? {};
    const part = { number: put.number, sizeBytes, etag, modifiedUs: world.ticksUs(), facts };
    await shardOf(world, upload.containerId).write(async (tx) => {
      await uploadCheck(tx, upload);
      const nowMs = world.clock.now();
      if (blob !== null) await blobInsert(tx, blob, { finishedMs, nowMs });
      const kept = { blob: blob?.id ?? null, nowMs };
      await partUpsert(tx, upload.id, part, kept);
    });
    return part;
  });
}

export const partList = (
  world: ObjectWorld,
  { containerId, id }: Upload,
  { after = 0, limit }: { readonly after?: number; readonly limit: number },
): Promise<UploadPart[]> =>
  shardOf(world, containerId).read((tx) => partPage(tx, id, after, limit));

export interface UploadComplete {
  /** Ascending. Parts that are not named are dropped. */
  readonly numbers: readonly number[];
  /**
   * Sees the parts named, inside the transaction: throws to refuse (too small, another ETag), or says what the object
   * has. `etag` is by default the MD5 of the parts' MD5s with their count, as in S3.
   */
  readonly finish?: (parts: readonly UploadPart[]) => {
    readonly etag?: string;
    readonly facts?: ObjectFacts;
  };
  readonly guard?: Guard;
  readonly events?: (stored: StoredObject) => readonly NewEvent[];
}

/** Makes one object of the parts, without moving their bytes. */
export async function uploadComplete(
  world: ObjectWorld,
  container: Container,
  upload: Upload,
  { numbers, finish, guard, events }: UploadComplete,
): Promise<StoredObject> {
  return shardOf(world, container.id).write(async (tx) => {
    await uploadCheck(tx, upload);
    const all = new Map(
      (await partPage(tx, upload.id, 0, partsMax)).map((part) => [part.number, part]),
    );
    const parts = numbers.map((number) => {
      const part = all.get(number);
      if (part !== undefined) return part;
      throw invalid(`Part ${number} was not uploaded.`, { type: 'InvalidPart' });
    });
    const given = { etag: compositeEtag(parts), facts: upload.facts, ...finish?.(parts) };
    const list = world.ids.uuid();
    await partsToPieces(tx, { uploadId: upload.id, list, numbers }, world.clock.now());
    await uploadForget(tx, upload.id);
    return versionAdd(tx, world, container, {
      name: upload.name,
      sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      contentType: upload.contentType,
      expiresAtMs: null,
      body: list,
      partCount: parts.length,
      ...given,
      ...(guard && { guard }),
      ...(events && { events }),
    });
  });
}

const partsMax = 10_001;

/** Drops the upload and its parts. What is not there any more is no failure. */
export async function uploadAbort(world: ObjectWorld, upload: Upload): Promise<void> {
  await shardOf(world, upload.containerId).write((tx) =>
    uploadRemove(tx, upload.id, world.clock.now()),
  );
}

type ShardTx = Parameters<typeof uploadById>[0];

async function uploadCheck(tx: ShardTx, { containerId, id }: Upload): Promise<void> {
  if ((await uploadById(tx, containerId, id)) !== null) return;
  throw notFound('The upload was completed or aborted.', { type: 'NoSuchUpload' });
}

function compositeEtag(parts: readonly UploadPart[]): string {
  const md5 = createHash('md5');
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}
