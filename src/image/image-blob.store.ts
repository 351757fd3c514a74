import type { Selectable } from 'kysely';
import type { Tx } from '../kernel/db.ts';
import type { ImageBlobTable, ImageTables } from './image.tables.ts';

export type Blob = Selectable<ImageBlobTable>;

export async function blobInsert(tx: Tx<ImageTables>, blob: Blob): Promise<void> {
  await tx.insertInto('image_blob').values(blob).execute();
}

export async function blobLive(tx: Tx<ImageTables>, imageId: string): Promise<Blob[]> {
  return tx
    .selectFrom('image_blob')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('state', '=', 'live')
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

export async function blobMetadataSet(
  tx: Tx<ImageTables>,
  id: string,
  metadata: string,
): Promise<void> {
  await tx.updateTable('image_blob').set({ metadata }).where('id', '=', id).execute();
}

/** False: the blob is no longer its uploader's, who must stop. */
export async function blobHold(
  tx: Tx<ImageTables>,
  id: string,
  heldUntil: number,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('image_blob')
    .set({ held_until: heldUntil })
    .where('id', '=', id)
    .where('state', '=', 'writing')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function blobComplete(tx: Tx<ImageTables>, id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('image_blob')
    .set({ state: 'live', held_until: 0 })
    .where('id', '=', id)
    .where('state', '=', 'writing')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Complete, but not the image's before its import ends. */
export async function blobStage(
  tx: Tx<ImageTables>,
  id: string,
  found: Pick<Blob, 'size' | 'virtual_size' | 'md5' | 'sha512'>,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('image_blob')
    .set({ ...found, state: 'staged', held_until: 0 })
    .where('id', '=', id)
    .where('state', '=', 'writing')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function blobVirtualSizeSet(
  tx: Tx<ImageTables>,
  id: string,
  virtualSizeBytes: number | null,
): Promise<void> {
  await tx
    .updateTable('image_blob')
    .set({ virtual_size: virtualSizeBytes })
    .where('id', '=', id)
    .where('state', '=', 'staged')
    .execute();
}

export async function blobStaged(tx: Tx<ImageTables>, imageId: string): Promise<Blob[]> {
  return tx
    .selectFrom('image_blob')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('state', '=', 'staged')
    .orderBy('created_at')
    .execute();
}

/**
 * What an import has put into stores becomes the image's: one copy a store, also where another process that was taken for
 * dead has put one there too.
 */
export async function blobStagedPublish(
  tx: Tx<ImageTables>,
  imageId: string,
  stores: readonly string[],
): Promise<void> {
  const staged = await blobStaged(tx, imageId);
  for (const store of stores) {
    const id = staged.find((blob) => blob.store === store)?.id;
    if (id === undefined) continue;
    await tx.updateTable('image_blob').set({ state: 'live' }).where('id', '=', id).execute();
  }
}

/** All that is not the image's: whoever still writes has lost it. */
export async function blobStagedDoom(tx: Tx<ImageTables>, imageId: string): Promise<void> {
  await tx
    .updateTable('image_blob')
    .set({ state: 'doomed' })
    .where('image_id', '=', imageId)
    .where('state', 'in', ['writing', 'staged'])
    .execute();
}

/** Staged bytes whose image waits for them no more. */
export async function blobStagedStray(tx: Tx<ImageTables>): Promise<string[]> {
  const rows = await tx
    .selectFrom('image_blob')
    .innerJoin('image', 'image.id', 'image_blob.image_id')
    .select('image_blob.id')
    .where('image_blob.state', '=', 'staged')
    .where('image.import_task', 'is', null)
    .where('image.status', '<>', 'uploading')
    .limit(1_000)
    .execute();
  return rows.map(({ id }) => id);
}

/** Complete bytes may go at once; what is being written goes when its uploader has let go. */
export async function blobDoomAll(tx: Tx<ImageTables>, imageId: string): Promise<void> {
  await tx
    .updateTable('image_blob')
    .set({ state: 'doomed' })
    .where('image_id', '=', imageId)
    .execute();
}

/** True: the blob was still being written by the one who lets go of it. */
export async function blobRelease(tx: Tx<ImageTables>, id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('image_blob')
    .set({ state: 'doomed', held_until: 0 })
    .where('id', '=', id)
    .where('state', '=', 'writing')
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return true;
  await tx.updateTable('image_blob').set({ held_until: 0 }).where('id', '=', id).execute();
  return false;
}

export async function blobDoom(tx: Tx<ImageTables>, id: string): Promise<void> {
  await tx.updateTable('image_blob').set({ state: 'doomed' }).where('id', '=', id).execute();
}

/** Uploads whose uploader has not been heard of in time; or the one named, if it is such. */
export async function blobAbandoned(
  tx: Tx<ImageTables>,
  now: number,
  id: string | null = null,
): Promise<Blob[]> {
  const all = tx
    .selectFrom('image_blob')
    .selectAll()
    .where('state', '=', 'writing')
    .where('held_until', '<', now)
    .limit(1_000);
  return (id === null ? all : all.where('id', '=', id)).execute();
}

export async function blobDoomed(
  tx: Tx<ImageTables>,
  now: number,
  store: string,
  imageId: string | null,
): Promise<Blob[]> {
  const all = tx
    .selectFrom('image_blob')
    .selectAll()
    .where('store', '=', store)
    .where('state', '=', 'doomed')
    .where('held_until', '<', now)
    .limit(1_000);
  return (imageId === null ? all : all.where('image_id', '=', imageId)).execute();
}

/** Only after its bytes are gone. */
export async function blobRemove(tx: Tx<ImageTables>, id: string): Promise<void> {
  await tx.deleteFrom('image_blob').where('id', '=', id).where('state', '=', 'doomed').execute();
}

export async function blobKeysKnown(
  tx: Tx<ImageTables>,
  store: string,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectFrom('image_blob')
    .select('key')
    .where('store', '=', store)
    .where('key', 'in', keys)
    .execute();
  return new Set(rows.map(({ key }) => key));
}
