import type { Tx } from '../kernel/db.ts';
import { forbidden } from '../kernel/errors.ts';
import type { Container } from './container.model.ts';
import { eventsAppend, type NewEvent } from './event.ts';
import { nameEvents } from './follow.ts';
import { isExpired, type Guard } from './object-put.ts';
import { isStorableName, seqOf, type StoredObject } from './object.model.ts';
import type { ObjectRow, ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import { bodyRelease } from './store/blob.store.ts';
import { containerById, countsAdd } from './store/container.store.ts';
import {
  currentPut,
  currentRemove,
  newestVersion,
  versionGet,
  versionInsert,
  versionRemove,
} from './store/object.store.ts';
import { markerRowOf, objectOf } from './store/rows.ts';
import { currentRetire, placeFind, Tally } from './version.ts';

export interface ObjectDelete {
  readonly name: string;
  /** Removes this version for good; null: the current object, which becomes an older version where those are kept. */
  readonly versionId?: string | null;
  /** Sees the version that would go. */
  readonly guard?: Guard;
  /** May remove what is locked in governance mode. */
  readonly bypassesGovernance?: boolean;
  /** When a current version goes for good, the one before becomes current (S3). False: the name has none (Swift). */
  readonly promotes?: boolean;
  /** False: the deletion leaves no marker; what was current stays a version where versions are kept (Swift). */
  readonly marks?: boolean;
  readonly events?: (deleted: Deleted) => readonly NewEvent[];
}

export interface Deleted {
  /** What went, or is not current any more; null: there was nothing. */
  readonly object: StoredObject | null;
  /** The delete marker that was made. */
  readonly marker: StoredObject | null;
}

/** Deletes as the container's versioning says. Deleting what is not there is no failure: `object` is null. */
export async function objectDelete(
  world: ObjectWorld,
  container: Container,
  { name, versionId = null, ...options }: ObjectDelete,
): Promise<Deleted> {
  if (!isStorableName(name)) return { object: null, marker: null };
  return shardOf(world, container.id).write(async (tx) => {
    const fresh = await containerById(tx, container.id);
    const deleted =
      versionId === null
        ? await currentDelete(tx, world, fresh, { name, ...options })
        : await versionDelete(tx, world, fresh, { name, versionId, ...options });
    const told = deleted.object === null ? [] : nameEvents(fresh, name, world.ticksUs());
    await eventsAppend(tx, world, [...told, ...(options.events?.(deleted) ?? [])]);
    return deleted;
  });
}

type ShardTx = Tx<ShardTables>;

async function currentDelete(
  tx: ShardTx,
  world: ObjectWorld,
  container: Container,
  { name, guard, marks = true }: ObjectDelete,
): Promise<Deleted> {
  const { id, versioning } = container;
  const nowMs = world.clock.now();
  const { current, seq } = await placeFind(tx, container, name, world.ticksUs());
  const object = current === null || isExpired(current, nowMs) ? null : objectOf(current);
  guard?.(object, container);
  const tally = new Tally();
  if (versioning === 'off' && current === null) return { object: null, marker: null };
  await currentRetire(tx, container, { name, current }, { tally, nowMs });
  if (current !== null) await currentRemove(tx, id, name);
  let marker: ObjectRow | null = null;
  if (versioning !== 'off' && marks) {
    marker = markerRowOf(id, name, { seq, isVersioned: versioning === 'enabled' });
    await versionInsert(tx, marker);
    tally.version(marker, 1);
  }
  await countsAdd(tx, id, tally);
  return { object, marker: marker === null ? null : objectOf(marker) };
}

async function versionDelete(
  tx: ShardTx,
  world: ObjectWorld,
  container: Container,
  { name, versionId, guard, bypassesGovernance = false, promotes = true }: ObjectDelete,
): Promise<Deleted> {
  const { id } = container;
  const nowMs = world.clock.now();
  const key = { containerId: id, name, seq: seqOf(versionId ?? 'null') };
  const current = await versionGet(tx, 'object', key);
  const row = current ?? (await versionGet(tx, 'version', key));
  guard?.(row === null ? null : objectOf(row), container);
  if (row === null) return { object: null, marker: null };
  lockCheck(objectOf(row), nowMs, bypassesGovernance);
  const tally = new Tally();
  if (current !== null) {
    await currentRemove(tx, id, name);
    tally.current(row, -1);
  } else {
    await versionRemove(tx, row);
    tally.version(row, -1);
  }
  await bodyRelease(tx, row, nowMs);
  if (promotes) await newestPromote(tx, { id, name }, tally);
  await countsAdd(tx, id, tally);
  return { object: objectOf(row), marker: null };
}

/** What is newest now is current, unless it is a marker. */
async function newestPromote(
  tx: ShardTx,
  { id, name }: { readonly id: number; readonly name: string },
  tally: Tally,
): Promise<void> {
  if (await currentIsThere(tx, id, name)) return;
  const newest = await newestVersion(tx, id, name);
  if (newest === null || newest.marker === 1) return;
  await versionRemove(tx, newest);
  tally.version(newest, -1);
  await currentPut(tx, newest);
  tally.current(newest, 1);
}

async function currentIsThere(tx: ShardTx, id: number, name: string): Promise<boolean> {
  const row = await tx
    .selectFrom('object')
    .select('seq')
    .where('container_id', '=', id)
    .where('name', '=', name)
    .executeTakeFirst();
  return row !== undefined;
}

/** A lock holds against everybody, the store's own reconcilers included. */
function lockCheck({ facts }: StoredObject, nowMs: number, bypassesGovernance: boolean): void {
  const { lock, legalHold } = facts;
  const isLocked = lock !== undefined && lock.untilMs > nowMs;
  const isOpen = !isLocked || (lock.mode === 'GOVERNANCE' && bypassesGovernance);
  if (legalHold !== true && isOpen) return;
  throw forbidden('The version is locked against deletion.', { type: 'ObjectLocked' });
}
