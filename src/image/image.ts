import type { Tx } from '../kernel/db.ts';
import { UniqueViolation } from '../kernel/db.ts';
import { conflict, Failure, forbidden, invalid, notFound } from '../kernel/errors.ts';
import { propertiesChanged, propertiesSeen } from './property-protection.ts';
import { taskCancel } from '../kernel/task.ts';
import {
  imageSee,
  imageSeeFor,
  projectOf,
  viewerOf,
  visibilityAuthorize,
  type Seen,
} from './image-access.ts';
import { blobDoomAll } from './image-blob.store.ts';
import { blobsReclaim } from './image-blob.ts';
import { imageListSelect, type ListQuery, type Viewer } from './image-list.store.ts';
import { quotaCheck, quotaLimitsOf } from './image-quota.ts';
import type { QuotaLimits } from './image.model.ts';
import { propertyLimit, tagLimit, type Image, type ImageEdit } from './image.model.ts';
import {
  imageDeletedSet,
  imageInsert,
  imageStatusSet,
  imageTouch,
  imageUpdate,
  tagInsert,
  tagRemove,
} from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';

/** What a client says of a new image; the rest has defaults. */
export type ImageNew = Partial<ImageEdit> & { readonly id?: string };

export async function imageCreate(context: ImageContext, wanted: ImageNew): Promise<Image> {
  const { world, ids, clock, actor } = context;
  const owner = wanted.owner === undefined ? projectOf(actor) : wanted.owner;
  const visibility = wanted.visibility ?? 'shared';
  const target = { project_id: owner, owner, visibility };
  if (!context.allows('add_image', target)) {
    throw forbidden(
      owner === projectOf(actor)
        ? 'You are not authorized to complete add_image action.'
        : `You are not permitted to create images owned by '${owner}'`,
    );
  }
  visibilityAuthorize(context, visibility, target);
  const now = clock.now();
  const image: Image = {
    ...emptyImage,
    ...wanted,
    id: wanted.id ?? ids.uuid(),
    owner,
    visibility,
    tags: [...new Set(wanted.tags)].toSorted(),
    createdAt: now,
    updatedAt: now,
  };
  limitsCheck(image);
  propertiesChanged(context, {}, image.properties);
  const limits = await quotaLimitsOf(world, projectOf(actor));
  await imageInsertNew(context, image, limits);
  return image;
}

/** The id's uniqueness, deleted images included, is the primary key's job. */
async function imageInsertNew(
  { world, actor }: ImageContext,
  image: Image,
  limits: QuotaLimits,
): Promise<void> {
  try {
    await world.db.write(async (tx) => {
      await quotaCheck(tx, projectOf(actor), limits, ['image_count_total']);
      await imageInsert(tx, image);
    });
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(`Image ID ${image.id} already exists!`, { cause: error });
  }
}

export const emptyImage: Omit<Image, 'id' | 'owner' | 'visibility' | 'createdAt' | 'updatedAt'> = {
  name: null,
  status: 'queued',
  isProtected: false,
  isHidden: false,
  diskFormat: null,
  containerFormat: null,
  minDiskGib: 0,
  minRamMib: 0,
  sizeBytes: null,
  virtualSizeBytes: null,
  md5: null,
  sha512: null,
  properties: {},
  tags: [],
  stores: [],
  places: [],
  importing: null,
};

export function limitsCheck({ properties, tags }: Pick<ImageEdit, 'properties' | 'tags'>): void {
  const propertyCount = Object.keys(properties).length;
  if (propertyCount > propertyLimit) {
    throw new Failure(
      'too_large',
      `The limit has been exceeded on the number of allowed image properties. Attempted: ${propertyCount}, Maximum: ${propertyLimit}`,
    );
  }
  if (tags.length > tagLimit) throw tagsTooMany(tags.length);
}

const tagsTooMany = (count: number): Failure =>
  new Failure(
    'too_large',
    `The limit has been exceeded on the number of allowed image tags. Attempted: ${count}, Maximum: ${tagLimit}`,
  );

export async function imageShow(context: ImageContext, id: string): Promise<Image> {
  const { image } = await context.world.db.read((tx) => imageSee(context, tx, id));
  return image;
}

export async function imageList(context: ImageContext, query: ListQuery): Promise<Image[]> {
  const viewer = viewerOf(context);
  if (!context.allows('get_images', { project_id: viewer.projectId })) {
    throw forbidden('You are not authorized to complete get_images action.');
  }
  const images = await context.world.db.read((tx) => imageListSelect(tx, viewer, query));
  if (images === null) throw invalid(`No image found with ID ${query.marker}`);
  return images;
}

/** Reads, changes and writes in one transaction; `change` may run again and only computes; `more` is written with it. */
export async function imageChange(
  context: ImageContext,
  id: string,
  change: (image: Image) => ImageEdit,
  more: (tx: Tx<ImageTables>, seen: Seen) => Promise<void> = async () => {},
): Promise<Image> {
  const now = context.clock.now();
  return context.world.db.write(async (tx) => {
    const { image, target } = await imageSeeFor(context, tx, id, 'modify_image');
    const changed = change(propertiesSeen(context, image));
    const properties = propertiesChanged(context, image.properties, changed.properties);
    const edit = { ...changed, properties };
    if (edit.visibility !== image.visibility) visibilityAuthorize(context, edit.visibility, target);
    if (edit.owner !== image.owner && !context.allows('context_is_admin')) {
      throw forbidden("Owner can't be updated by non admin.");
    }
    limitsCheck(edit);
    await imageUpdate(tx, id, edit, now);
    await more(tx, { image, target });
    return { ...image, ...edit, tags: [...new Set(edit.tags)].toSorted(), updatedAt: now };
  });
}

export async function imageDelete(context: ImageContext, id: string): Promise<void> {
  const { world, clock } = context;
  await world.db.write(async (tx) => {
    const { image } = await imageSeeFor(context, tx, id, 'delete_image');
    if (image.isProtected) {
      throw forbidden(`Image ${id} is protected and cannot be deleted.`);
    }
    await imageForget(tx, id, clock.now());
  });
  await imageSweep(world, id);
}

async function imageForget(tx: Tx<ImageTables>, id: string, now: number): Promise<void> {
  await blobDoomAll(tx, id);
  await taskCancel(tx, id, now);
  await imageDeletedSet(tx, id, now);
}

async function imageSweep(world: ImageWorld, id: string): Promise<void> {
  world.tasks.cancelled(id);
  await blobsReclaim(world, id);
}

/** Deletes what comes after the first `keep` of a list; protected images stay, and count. Repeatable. */
export async function imagesTrim(
  world: ImageWorld,
  list: { readonly viewer: Viewer; readonly query: ListQuery },
  keep: number,
): Promise<void> {
  const excess = await world.db.write(async (tx) => {
    const found = (await imageListSelect(tx, list.viewer, list.query)) ?? [];
    const own = found.filter(({ owner }) => owner === list.viewer.projectId);
    const gone = own.slice(keep).filter(({ isProtected }) => !isProtected);
    for (const { id } of gone) await imageForget(tx, id, world.clock.now());
    return gone;
  });
  for (const { id } of excess) await imageSweep(world, id);
}

export async function imageDeactivate(context: ImageContext, id: string): Promise<void> {
  await context.world.db.write((tx) => activitySet(context, tx, id, 'deactivate'));
}

export async function imageReactivate(context: ImageContext, id: string): Promise<void> {
  await context.world.db.write((tx) => activitySet(context, tx, id, 'reactivate'));
}

async function activitySet(
  context: ImageContext,
  tx: Tx<ImageTables>,
  id: string,
  verb: 'deactivate' | 'reactivate',
): Promise<void> {
  const { image } = await imageSeeFor(context, tx, id, verb);
  if (image.status !== 'active' && image.status !== 'deactivated') {
    throw forbidden(`Not allowed to ${verb} image in status '${image.status}'`);
  }
  const [from, to] =
    verb === 'deactivate'
      ? (['active', 'deactivated'] as const)
      : (['deactivated', 'active'] as const);
  await imageStatusSet(tx, id, [from], { status: to, updated_at: context.clock.now() });
}

export async function imageTagAdd(context: ImageContext, id: string, tag: string): Promise<void> {
  await context.world.db.write(async (tx) => {
    const { image } = await imageSeeFor(context, tx, id, 'modify_image');
    if (image.tags.includes(tag)) return;
    if (image.tags.length >= tagLimit) throw tagsTooMany(image.tags.length + 1);
    await tagInsert(tx, id, tag);
    await imageTouch(tx, id, context.clock.now());
  });
}

export async function imageTagRemove(
  context: ImageContext,
  id: string,
  tag: string,
): Promise<void> {
  await context.world.db.write(async (tx) => {
    await imageSeeFor(context, tx, id, 'modify_image');
    if (!(await tagRemove(tx, id, tag))) throw notFound('The resource could not be found.');
    await imageTouch(tx, id, context.clock.now());
  });
}
