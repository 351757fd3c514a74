import type { Tx } from '../kernel/db.ts';
import { notFound } from '../kernel/errors.ts';
import type { Container } from './container.model.ts';
import { seqOf, type StoredObject } from './object.model.ts';
import type { ObjectRow, ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import { containerById, countsAdd } from './store/container.store.ts';
import { objectOf } from './store/rows.ts';
import { bodyRelease } from './store/blob.store.ts';
import {
  currentGet,
  currentPut,
  newestVersion,
  versionGet,
  versionInsert,
  versionRemove,
} from './store/object.store.ts';

type ShardTx = Tx<ShardTables>;

/** What a change did to a container's counters. */
export class Tally {
  objects = 0;
  bytes = 0;
  versions = 0;
  versionBytes = 0;

  current(row: ObjectRow, sign: 1 | -1): void {
    this.objects += sign;
    this.bytes += sign * row.size;
  }

  version(row: ObjectRow, sign: 1 | -1): void {
    this.versions += sign;
    this.versionBytes += sign * row.size;
  }
}

export interface Place {
  readonly current: ObjectRow | null;
  /** Greater than that of every version of the name. */
  readonly seq: number;
}

/** What a new version of a name comes after. */
export async function placeFind(
  tx: ShardTx,
  { id, versioning }: Container,
  name: string,
  nowUs: number,
): Promise<Place> {
  const current = await currentGet(tx, id, name);
  const newest = versioning === 'off' ? null : await newestVersion(tx, id, name);
  return { current, seq: Math.max(nowUs, (current?.seq ?? 0) + 1, (newest?.seq ?? 0) + 1) };
}

/**
 * Makes room for a new version: what is current becomes a version where the container keeps them, else it goes. The
 * row in `object` is left: the caller replaces or removes it.
 */
export async function currentRetire(
  tx: ShardTx,
  { id, versioning }: Container,
  { name, current }: { readonly name: string; readonly current: ObjectRow | null },
  { tally, nowMs }: { readonly tally: Tally; readonly nowMs: number },
): Promise<void> {
  if (current !== null) {
    tally.current(current, -1);
    const isKept =
      versioning === 'enabled' || (versioning === 'suspended' && current.versioned === 1);
    if (isKept) {
      await versionInsert(tx, current);
      tally.version(current, 1);
    } else {
      await bodyRelease(tx, current, nowMs);
    }
  }
  if (versioning !== 'suspended') return;
  // There is one version without a number at most: the new one.
  const unnumbered = await versionGet(tx, 'version', { containerId: id, name, seq: null });
  if (unnumbered === null) return;
  await versionRemove(tx, unnumbered);
  await bodyRelease(tx, unnumbered, nowMs);
  tally.version(unnumbered, -1);
}

/**
 * An older version becomes the current one as it is, and what was current an older one. Throws `not_found` (type
 * `NoSuchObject`) when there is no such version, or when it is a delete marker.
 */
export async function versionPromote(
  world: ObjectWorld,
  { id }: Container,
  { name, versionId }: { readonly name: string; readonly versionId: string },
): Promise<StoredObject> {
  return shardOf(world, id).write(async (tx) => {
    await containerById(tx, id);
    const key = { containerId: id, name, seq: seqOf(versionId) };
    const current = await currentGet(tx, id, name);
    if (current !== null && objectOf(current).versionId === versionId) return objectOf(current);
    const wanted = await versionGet(tx, 'version', key);
    if (wanted === null || wanted.marker === 1) {
      throw notFound('There is no such version.', { type: 'NoSuchObject' });
    }
    const tally = new Tally();
    await versionRemove(tx, wanted);
    tally.version(wanted, -1);
    if (current !== null) {
      await versionInsert(tx, current);
      tally.current(current, -1);
      tally.version(current, 1);
    }
    await currentPut(tx, wanted);
    tally.current(wanted, 1);
    await countsAdd(tx, id, tally);
    return objectOf(wanted);
  });
}
