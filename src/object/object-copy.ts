import { notFound } from '../kernel/errors.ts';
import type { Container } from './container.model.ts';
import type { NewEvent } from './event.ts';
import type { OpenObject } from './object-get.ts';
import { nameCheck, objectPut, versionAdd, type Guard } from './object-put.ts';
import type { ObjectFacts, StoredObject } from './object.model.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf, shardsMax } from './shard.ts';
import { bodyShare } from './store/blob.store.ts';
import { versionBySeq } from './store/object.store.ts';

export interface ObjectCopy {
  readonly source: OpenObject;
  readonly name: string;
  readonly contentType: string;
  readonly facts: ObjectFacts;
  readonly expiresAtMs?: number | null;
  /** Instead of the source's. A copy that shares its bytes keeps the source's otherwise. */
  readonly etag?: string;
  readonly guard?: Guard;
  /** Where the bytes are encrypted with one key and shall be with another, or none. The same key twice: as they are. */
  readonly sourceKey?: Uint8Array | null;
  readonly key?: Uint8Array | null;
  readonly events?: (stored: StoredObject) => readonly NewEvent[];
}

/** Makes a new version with the bytes of another one: shared where both lie in one shard, else copied. */
export async function objectCopy(
  world: ObjectWorld,
  target: Container,
  copy: ObjectCopy,
): Promise<StoredObject> {
  nameCheck(copy.name);
  const { source, sourceKey = null, key = null } = copy;
  const isSameKey = sourceKey === key || (sourceKey && key && Buffer.compare(sourceKey, key) === 0);
  const isShareable = source.object.isComposed !== true;
  const isSameShard = source.object.containerId % shardsMax === target.id % shardsMax;
  if (isShareable && isSameShard && isSameKey === true) return bodyShared(world, target, copy);
  const { etag = source.object.etag, source: _source, sourceKey: _sourceKey, ...rest } = copy;
  return objectPut(world, target, {
    ...rest,
    body: source.read(null, sourceKey),
    sizeBytes: source.object.sizeBytes,
    finish: () => ({ etag }),
  });
}

async function bodyShared(
  world: ObjectWorld,
  target: Container,
  { source, name, contentType, facts, expiresAtMs = null, etag, guard, events }: ObjectCopy,
): Promise<StoredObject> {
  const { object } = source;
  return shardOf(world, target.id).write(async (tx) => {
    const row = await versionBySeq(tx, object);
    if (row === null) throw notFound('The source was deleted.', { type: 'NoSuchObject' });
    const body = await bodyShare(tx, row, world.ids.uuid());
    return versionAdd(tx, world, target, {
      name,
      sizeBytes: row.size,
      etag: etag ?? row.etag,
      contentType,
      expiresAtMs,
      body,
      partCount: row.pieces,
      facts,
      ...(guard && { guard }),
      ...(events && { events }),
    });
  });
}
