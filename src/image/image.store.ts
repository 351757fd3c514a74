import type { Insertable, Selectable } from 'kysely';
import { flag, type Tx } from '../kernel/db.ts';
import type { Image, ImageEdit, ImagePlace, ImageStatus, Importing } from './image.model.ts';
import type { ImageBlobTable, ImageTable, ImageTables } from './image.tables.ts';

export async function imageInsert(tx: Tx<ImageTables>, image: Image): Promise<void> {
  await tx.insertInto('image').values(rowOf(image)).execute();
  await detailsInsert(tx, image.id, image);
}

/** Null: there is no such image, or it was deleted. */
export async function imageSelect(tx: Tx<ImageTables>, id: string): Promise<Image | null> {
  const row = await tx
    .selectFrom('image')
    .selectAll()
    .where('id', '=', id)
    .where('status', '<>', 'deleted')
    .executeTakeFirst();
  if (row === undefined) return null;
  const [image] = await imagesOf(tx, [row]);
  return image ?? null;
}

/** Rows with their properties, tags and stores: three statements, however many rows. */
export async function imagesOf(
  tx: Tx<ImageTables>,
  rows: readonly Selectable<ImageTable>[],
): Promise<Image[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const properties = await tx
    .selectFrom('image_property')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('name')
    .execute();
  const tags = await tx
    .selectFrom('image_tag')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('value')
    .execute();
  const blobs = await tx
    .selectFrom('image_blob')
    .select(['image_id', 'store', 'key', 'metadata'])
    .where('image_id', 'in', ids)
    .where('state', '=', 'live')
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  const propertiesById = Map.groupBy(properties, ({ image_id }) => image_id);
  const tagsById = Map.groupBy(tags, ({ image_id }) => image_id);
  const blobsById = Map.groupBy(blobs, ({ image_id }) => image_id);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: row.status,
    visibility: row.visibility,
    owner: row.owner,
    isProtected: row.protected === 1,
    isHidden: row.hidden === 1,
    diskFormat: row.disk_format,
    containerFormat: row.container_format,
    minDiskGib: row.min_disk,
    minRamMib: row.min_ram,
    sizeBytes: row.size,
    virtualSizeBytes: row.virtual_size,
    md5: row.md5,
    sha512: row.sha512,
    properties: Object.fromEntries(
      (propertiesById.get(row.id) ?? []).map(({ name, value }) => [name, value]),
    ),
    tags: (tagsById.get(row.id) ?? []).map(({ value }) => value),
    stores: (blobsById.get(row.id) ?? []).map(({ store }) => store).toSorted(),
    places: (blobsById.get(row.id) ?? []).map(placeOf),
    importing: importingOf(row),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));
}

const placeOf = ({
  store,
  key,
  metadata,
}: Pick<ImageBlobTable, 'store' | 'key' | 'metadata'>): ImagePlace => ({
  store,
  key,
  metadata: metadata === null ? {} : (JSON.parse(metadata) as ImagePlace['metadata']),
});

const listOf = (text: string | null): string[] => (text ?? '').split(',').filter(Boolean);

const importingOf = (row: Selectable<ImageTable>): Importing | null =>
  row.importing_to === null && row.import_task === null
    ? null
    : {
        taskId: row.import_task,
        toStores: listOf(row.importing_to),
        failedStores: listOf(row.import_failed),
      };

export async function imageUpdate(
  tx: Tx<ImageTables>,
  id: string,
  edit: ImageEdit,
  now: number,
): Promise<void> {
  await tx
    .updateTable('image')
    .set({ ...columnsOf(edit), updated_at: now })
    .where('id', '=', id)
    .execute();
  await detailsRemove(tx, id);
  await detailsInsert(tx, id, edit);
}

export async function imageTouch(tx: Tx<ImageTables>, id: string, now: number): Promise<void> {
  await tx.updateTable('image').set({ updated_at: now }).where('id', '=', id).execute();
}

/** False: the image was in none of the states named. */
export async function imageStatusSet(
  tx: Tx<ImageTables>,
  id: string,
  from: readonly ImageStatus[],
  change: Partial<ImageTable> & { status: ImageStatus; updated_at: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('image')
    .set(change)
    .where('id', '=', id)
    .where('status', 'in', from)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** False: another import is under way, or the image is gone. */
export async function importingSet(
  tx: Tx<ImageTables>,
  id: string,
  taskId: string | null,
  { taskId: nextTaskId, toStores, failedStores }: Importing,
): Promise<boolean> {
  const one = tx
    .updateTable('image')
    .set({
      import_task: nextTaskId,
      importing_to: toStores.join(','),
      import_failed: failedStores.join(','),
    })
    .where('id', '=', id)
    .where('status', '<>', 'deleted');
  const { numUpdatedRows } = await (
    taskId === null ? one.where('import_task', 'is', null) : one.where('import_task', '=', taskId)
  ).executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The row stays, so that the id is never given to another image; all that belongs to it goes. */
export async function imageDeletedSet(tx: Tx<ImageTables>, id: string, now: number): Promise<void> {
  await tx
    .updateTable('image')
    .set({ status: 'deleted', updated_at: now })
    .where('id', '=', id)
    .execute();
  await detailsRemove(tx, id);
  await tx.deleteFrom('image_member').where('image_id', '=', id).execute();
}

export async function imageKilledBefore(tx: Tx<ImageTables>, time: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('image')
    .select('id')
    .where('status', '=', 'killed')
    .where('updated_at', '<', time)
    .limit(1_000)
    .execute();
  return rows.map(({ id }) => id);
}

export async function tagInsert(tx: Tx<ImageTables>, id: string, value: string): Promise<void> {
  await tx
    .insertInto('image_tag')
    .values({ image_id: id, value })
    .onConflict((c) => c.doNothing())
    .execute();
}

export async function tagRemove(tx: Tx<ImageTables>, id: string, value: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('image_tag')
    .where('image_id', '=', id)
    .where('value', '=', value)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

async function detailsInsert(
  tx: Tx<ImageTables>,
  id: string,
  { properties, tags }: Pick<ImageEdit, 'properties' | 'tags'>,
): Promise<void> {
  const pairs = Object.entries(properties);
  if (pairs.length > 0) {
    await tx
      .insertInto('image_property')
      .values(pairs.map(([name, value]) => ({ image_id: id, name, value })))
      .execute();
  }
  const values = [...new Set(tags)];
  if (values.length > 0) {
    await tx
      .insertInto('image_tag')
      .values(values.map((value) => ({ image_id: id, value })))
      .execute();
  }
}

async function detailsRemove(tx: Tx<ImageTables>, id: string): Promise<void> {
  await tx.deleteFrom('image_property').where('image_id', '=', id).execute();
  await tx.deleteFrom('image_tag').where('image_id', '=', id).execute();
}

const columnsOf = (edit: ImageEdit) => ({
  name: edit.name,
  visibility: edit.visibility,
  owner: edit.owner,
  protected: flag(edit.isProtected),
  hidden: flag(edit.isHidden),
  disk_format: edit.diskFormat,
  container_format: edit.containerFormat,
  min_disk: edit.minDiskGib,
  min_ram: edit.minRamMib,
});

const rowOf = (image: Image): Insertable<ImageTable> => ({
  ...columnsOf(image),
  id: image.id,
  status: image.status,
  size: image.sizeBytes,
  virtual_size: image.virtualSizeBytes,
  md5: image.md5,
  sha512: image.sha512,
  import_task: null,
  importing_to: null,
  import_failed: null,
  created_at: image.createdAt,
  updated_at: image.updatedAt,
});
