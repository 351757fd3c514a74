import type { Tx } from '../kernel/db.ts';
import type { BlobRead } from './blob/blob.model.ts';
import type { Container } from './container.model.ts';
import {
  isStorableName,
  seqOf,
  type ByteRange,
  type ObjectPart,
  type PartFacts,
  type StoredObject,
} from './object.model.ts';
import type { ObjectRow, ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { isExpired } from './object-put.ts';
import { shardOf } from './shard.ts';
import { piecesOf, type PieceBlob } from './store/blob.store.ts';
import { currentGet, newestVersion, versionBySeq, versionGet } from './store/object.store.ts';
import { objectOf } from './store/rows.ts';

/** An object whose bytes can be read, as often as wanted, until it is closed: deleting it meanwhile cuts nobody. */
export interface OpenObject extends Disposable {
  readonly object: StoredObject;
  /** Checked chunks of at most a MiB, the caller's to keep. `key` as given when it was written. */
  read(range: ByteRange | null, key?: Uint8Array | null): AsyncIterable<Uint8Array>;
  /** The same as one buffer: for what is small. */
  readWhole(range: ByteRange | null, key?: Uint8Array | null): Promise<Uint8Array>;
}

/**
 * The current object, or with `versionId` that version (which may be a delete marker). Null: there is none, or it has
 * expired.
 */
export async function objectGet(
  world: ObjectWorld,
  container: Container,
  name: string,
  versionId: string | null = null,
): Promise<StoredObject | null> {
  const row = await rowFind(world, container, name, versionId);
  return row === null ? null : objectOf(row);
}

/** As `objectGet`, for reading. Close it: `using opened = await objectOpen(...)`. */
export async function objectOpen(
  world: ObjectWorld,
  container: Container,
  name: string,
  versionId: string | null = null,
): Promise<OpenObject | null> {
  const pin = world.blobs.pin();
  try {
    const found = isStorableName(name)
      ? await shardOf(world, container.id).read(async (tx) => {
          const row = await rowIn(tx, world, { id: container.id, name, versionId });
          return row === null ? null : { row, pieces: await piecesOf(tx, row) };
        })
      : null;
    if (found !== null) return openOf(world, found, pin);
  } catch (error) {
    pin[Symbol.dispose]();
    throw error;
  }
  pin[Symbol.dispose]();
  return null;
}

/** The latest delete marker of a name that has no current object; null: there is none. */
export async function markerGet(
  world: ObjectWorld,
  { id }: Container,
  name: string,
): Promise<StoredObject | null> {
  return shardOf(world, id).read(async (tx) => {
    if ((await currentGet(tx, id, name)) !== null) return null;
    const newest = await newestVersion(tx, id, name);
    return newest?.marker === 1 ? objectOf(newest) : null;
  });
}

/** The parts that an object was completed from; empty for one written in one piece. */
export async function objectParts(
  world: ObjectWorld,
  { containerId, name, seq, partCount }: StoredObject,
): Promise<ObjectPart[]> {
  if (partCount === 0) return [];
  const rows = await shardOf(world, containerId).read(async (tx) => {
    const row = await versionBySeq(tx, { containerId, name, seq });
    if (row === null || row.body === null) return [];
    return tx
      .selectFrom('piece')
      .select(['number', 'at', 'size', 'etag', 'facts'])
      .where('list', '=', row.body)
      .orderBy('at')
      .orderBy('number')
      .execute();
  });
  return rows.map(({ number, at, size, etag, facts }) => ({
    number,
    offset: at,
    sizeBytes: size,
    etag,
    facts: JSON.parse(facts) as PartFacts,
  }));
}

async function rowFind(
  world: ObjectWorld,
  { id }: Container,
  name: string,
  versionId: string | null,
): Promise<ObjectRow | null> {
  if (!isStorableName(name)) return null;
  return shardOf(world, id).read((tx) => rowIn(tx, world, { id, name, versionId }));
}

async function rowIn(
  tx: Tx<ShardTables>,
  { clock }: ObjectWorld,
  { id, name, versionId }: { id: number; name: string; versionId: string | null },
): Promise<ObjectRow | null> {
  const key = { containerId: id, name, seq: versionId === null ? null : seqOf(versionId) };
  const row =
    versionId === null
      ? await currentGet(tx, id, name)
      : ((await versionGet(tx, 'object', key)) ?? (await versionGet(tx, 'version', key)));
  // A numbered version is kept whatever becomes of the name: it is found when asked for.
  const isKept = versionId !== null && row?.versioned === 1;
  return row === null || (!isKept && isExpired(row, clock.now())) ? null : row;
}

function openOf(
  world: ObjectWorld,
  { row, pieces }: { readonly row: ObjectRow; readonly pieces: readonly PieceBlob[] },
  pin: Disposable,
): OpenObject {
  const object = objectOf(row);
  const whole = { first: 0, last: object.sizeBytes - 1 };
  return {
    object,
    read: (range, key = null) => piecesRead(world, pieces, { range: range ?? whole, key }),
    readWhole: async (range, key = null) => {
      const read = { range: range ?? whole, key };
      const [only] = pieces;
      if (pieces.length === 1 && only !== undefined && row.pieces === 0) {
        return world.blobs.readWhole(only.blob, read);
      }
      return Buffer.concat(await Array.fromAsync(piecesRead(world, pieces, read)));
    },
    [Symbol.dispose]: () => pin[Symbol.dispose](),
  };
}

async function* piecesRead(
  world: ObjectWorld,
  pieces: readonly PieceBlob[],
  { range: { first, last }, key }: BlobRead,
): AsyncIterable<Uint8Array> {
  for (const { offset, sizeBytes, blob } of pieces) {
    if (offset > last || offset + sizeBytes <= first) continue;
    const range = {
      first: Math.max(first - offset, 0),
      last: Math.min(last - offset, sizeBytes - 1),
    };
    yield* world.blobs.read(blob, { range, key });
  }
}
