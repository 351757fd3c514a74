import type { Tx } from '../kernel/db.ts';
import { Failure, invalid } from '../kernel/errors.ts';
import type { WrittenBlob } from './blob/blob.model.ts';
import type { Container } from './container.model.ts';
import {
  isStorableName,
  type ObjectFacts,
  type StoredObject,
  type StreamHash,
} from './object.model.ts';
import type { ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import { blobInsert } from './store/blob.store.ts';
import { containerById, countsAdd } from './store/container.store.ts';
import { currentPut } from './store/object.store.ts';
import { objectOf, objectRowOf } from './store/rows.ts';
import { currentRetire, placeFind, Tally } from './version.ts';
import { eventsAppend, type NewEvent } from './event.ts';
import { nameEvents } from './follow.ts';

/**
 * Decides inside the transaction that makes the change visible, synchronously and perhaps more than once: conditional
 * writes, locks, quotas. What it throws changes nothing. `container` has the counts of this moment.
 */
export type Guard = (current: StoredObject | null, container: Container) => void;

export interface ObjectPut {
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array> | Uint8Array;
  /** What the client announced; another length is refused. Null: it did not. */
  readonly sizeBytes: number | null;
  readonly contentType: string;
  readonly facts: ObjectFacts;
  readonly expiresAtMs?: number | null;
  /** When it was written elsewhere; absent: now. */
  readonly modifiedUs?: number;
  /** Smaller than the store's own limit. */
  readonly limitBytes?: number;
  /** Fed with the body as it comes in. */
  readonly hashes?: readonly StreamHash[];
  /** 32 bytes: keep the bytes encrypted. The same key is needed for every read. */
  readonly key?: Uint8Array | null;
  /** After the last byte and before anything is visible: throws to refuse, or changes what will be kept. */
  readonly finish?: (got: Received) => Finished;
  readonly guard?: Guard;
  /** Put in the queue in the same transaction. */
  readonly events?: (stored: StoredObject) => readonly NewEvent[];
}

export interface Received {
  /** Hex. */
  readonly md5: string;
  readonly sizeBytes: number;
}

export interface Finished {
  /** Instead of the MD5. */
  readonly etag?: string;
  readonly contentType?: string;
  readonly facts?: ObjectFacts;
}

/**
 * Writes a new version. Nothing is seen of it before the last byte is on the disk, and everything after; what was there
 * before is replaced or kept as an older version by the container's versioning.
 */
export async function objectPut(
  world: ObjectWorld,
  container: Container,
  put: ObjectPut,
): Promise<StoredObject> {
  nameCheck(put.name);
  return bodyWrite(world, put, async ({ md5, sizeBytes, blob }, finishedMs) => {
    const { etag, contentType, facts } = {
      etag: md5,
      contentType: put.contentType,
      facts: put.facts,
      ...put.finish?.({ md5, sizeBytes }),
    };
    return shardOf(world, container.id).write(async (tx) => {
      if (blob !== null) await blobInsert(tx, blob, { finishedMs, nowMs: world.clock.now() });
      return versionAdd(tx, world, container, {
        name: put.name,
        sizeBytes,
        etag,
        contentType,
        expiresAtMs: put.expiresAtMs ?? null,
        ...(put.modifiedUs !== undefined && { modifiedUs: put.modifiedUs }),
        body: blob?.id ?? null,
        partCount: 0,
        facts,
        ...(put.guard && { guard: put.guard }),
        ...(put.events && { events: put.events }),
      });
    });
  });
}

export function nameCheck(name: string): void {
  if (!isStorableName(name)) throw invalid('The name is empty or is no text.');
}

/** Writes the bytes, then lets `commit` make the database know them. */
export async function bodyWrite<T>(
  world: ObjectWorld,
  put: Pick<ObjectPut, 'body' | 'sizeBytes' | 'limitBytes' | 'hashes' | 'key'>,
  commit: (written: WrittenBlob, finishedMs: number) => Promise<T>,
): Promise<T> {
  const written = await world.blobs.write(put.body, {
    sizeBytes: put.sizeBytes,
    limitBytes: Math.min(put.limitBytes ?? Infinity, world.settings.objectLimitBytes),
    hashes: put.hashes ?? [],
    key: put.key ?? null,
  });
  const finishedMs = world.clock.now();
  try {
    return await commit(written, finishedMs);
  } catch (error) {
    // Only what was surely refused: after any other error the commit may have happened.
    if (error instanceof Failure && written.blob !== null) await world.blobs.discard(written.blob);
    throw error;
  }
}

export interface NewVersion {
  readonly name: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  readonly expiresAtMs: number | null;
  readonly modifiedUs?: number;
  readonly body: string | null;
  readonly partCount: number;
  readonly facts: ObjectFacts;
  readonly guard?: Guard;
  readonly events?: (stored: StoredObject) => readonly NewEvent[];
}

/** The one place where a version becomes current. The bytes are known to the database already. */
export async function versionAdd(
  tx: Tx<ShardTables>,
  world: ObjectWorld,
  { id }: Container,
  { guard, events, ...version }: NewVersion,
): Promise<StoredObject> {
  const nowMs = world.clock.now();
  const container = await containerById(tx, id);
  const { current, seq } = await placeFind(tx, container, version.name, world.ticksUs());
  guard?.(current === null || isExpired(current, nowMs) ? null : objectOf(current), container);
  const tally = new Tally();
  await currentRetire(tx, container, { name: version.name, current }, { tally, nowMs });
  const isVersioned = container.versioning === 'enabled';
  const row = objectRowOf({ ...version, containerId: id, seq, isVersioned });
  await currentPut(tx, row);
  tally.current(row, 1);
  await countsAdd(tx, id, tally);
  const stored = objectOf(row);
  const queued = [...nameEvents(container, version.name, seq), ...(events?.(stored) ?? [])];
  await eventsAppend(tx, world, queued);
  return stored;
}

export const isExpired = (row: { readonly expires_ms: number | null }, nowMs: number): boolean =>
  row.expires_ms !== null && row.expires_ms <= nowMs;
