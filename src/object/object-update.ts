import { notFound } from '../kernel/errors.ts';
import type { Container } from './container.model.ts';
import { eventsAppend } from './event.ts';
import { nameEvents } from './follow.ts';
import { isExpired } from './object-put.ts';
import { seqOf, type ObjectFacts, type StoredObject } from './object.model.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import { containerById } from './store/container.store.ts';
import { currentGet, factsWrite, versionGet } from './store/object.store.ts';
import { objectOf } from './store/rows.ts';

export interface ObjectChange {
  readonly facts?: ObjectFacts;
  readonly contentType?: string;
  readonly expiresAtMs?: number | null;
  /** Last-Modified moves (Swift's POST); S3's tags, ACLs and locks leave it. */
  readonly touches?: boolean;
}

export interface ObjectUpdate {
  readonly name: string;
  /** Null: the current object. */
  readonly versionId?: string | null;
  /** Runs inside the transaction, synchronously and perhaps more than once; what it throws changes nothing. */
  readonly change: (object: StoredObject, container: Container) => ObjectChange;
}

/** Changes what is known of an object, not its bytes. Throws `not_found` (type `NoSuchObject`). */
export async function objectUpdate(
  world: ObjectWorld,
  { id }: Container,
  { name, versionId = null, change }: ObjectUpdate,
): Promise<StoredObject> {
  return shardOf(world, id).write(async (tx) => {
    const container = await containerById(tx, id);
    const key = { containerId: id, name, seq: versionId === null ? null : seqOf(versionId) };
    const current =
      versionId === null ? await currentGet(tx, id, name) : await versionGet(tx, 'object', key);
    const row = current ?? (versionId === null ? null : await versionGet(tx, 'version', key));
    if (row === null || isExpired(row, world.clock.now())) {
      throw notFound('There is no such object.', { type: 'NoSuchObject' });
    }
    const old = objectOf(row);
    const { facts, contentType, expiresAtMs, touches = false } = change(old, container);
    const changed = {
      ...row,
      ...(facts && { facts: JSON.stringify(facts) }),
      ...(contentType !== undefined && { content_type: contentType }),
      ...(expiresAtMs !== undefined && { expires_ms: expiresAtMs }),
      ...(touches && { modified_us: Math.max(world.ticksUs(), row.modified_us + 1) }),
    };
    await factsWrite(tx, current === null ? 'version' : 'object', changed);
    if (touches) await eventsAppend(tx, world, nameEvents(container, name, changed.modified_us));
    return objectOf(changed);
  });
}
