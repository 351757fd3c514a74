/** What other services may ask of images. They import this file and no other of this folder. */
import { UniqueViolation } from '../kernel/db.ts';
import type { Actor } from '../kernel/policy.ts';
import { conflict, notFound } from '../kernel/errors.ts';
import { imageUnknown } from './image-access.ts';
import { blobDoomAll } from './image-blob.store.ts';
import { blobsReclaim } from './image-blob.ts';
import { bytesFind } from './image-download.ts';
import { bytesStore } from './image-bytes.ts';
import { nameCheck } from './image-edit.ts';
import { activeLanding, storeChoose } from './image-upload.ts';
import { emptyImage, imageChange, imageDelete, imageList, imageShow, imagesTrim } from './image.ts';
import type { ByteRange, Image, ImageStatus, ImageVisibility } from './image.model.ts';
import { imageInsert, imageSelect, imageStatusSet } from './image.store.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';

export type { HostCopies, HostCopy } from './image.world.ts';
export type { ByteRange, ImageStatus, ImageVisibility } from './image.model.ts';

/** An image as its users in the cloud see it. */
export interface ImageSummary {
  readonly id: string;
  readonly name: string | null;
  readonly status: ImageStatus;
  readonly visibility: ImageVisibility;
  readonly ownerId: string | null;
  readonly isProtected: boolean;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  /** Null until the bytes are there. */
  readonly sizeBytes: number | null;
  /** What the guest sees as the size of its disk; null where the format does not tell. */
  readonly virtualSizeBytes: number | null;
  readonly md5: string | null;
  readonly sha512: string | null;
  /** Custom properties: `hw_disk_bus`, `os_distro`, `base_image_ref` and the like. */
  readonly properties: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface SnapshotNew {
  /** Chosen by the caller and journaled there: creating twice is creating once. */
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly diskFormat: 'qcow2' | 'raw';
  readonly minDiskGib: number;
  readonly minRamMib: number;
  /** Names of base properties (`status`, `owner`, ...) are refused. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface ImageFilter {
  readonly name?: string;
  readonly statuses?: readonly ImageStatus[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly minDiskGib?: number;
  readonly minRamMib?: number;
  /** Milliseconds; the fraction of its second does not count. */
  readonly updatedSince?: number;
}

export interface ImagePort {
  /** Throws `not_found` for what the actor may not see, in any status: the caller judges whether it can boot from it. */
  imageFor(actor: Actor, id: string): Promise<ImageSummary>;
  /** For the cloud itself, which may see all; null: gone. */
  imageGet(id: string): Promise<ImageSummary | null>;
  /** What the actor would list, newest first; `marker` is the id of the last one seen. */
  imageList(
    actor: Actor,
    filter: ImageFilter,
    page: { readonly limit: number; readonly marker: string | null },
  ): Promise<readonly ImageSummary[]>;
  /** Changes the custom properties by the rules of the image API; `change` may run twice. */
  imagePropertiesChange(
    actor: Actor,
    id: string,
    change: (properties: ImageSummary['properties']) => ImageSummary['properties'],
  ): Promise<ImageSummary>;
  /** By the rules of the image API: `forbidden` when protected, `not_found` when not visible. */
  imageDelete(actor: Actor, id: string): Promise<void>;

  /** The bytes of an image that has any; throws `not_found` otherwise, `unavailable` when its store is down. */
  imageRead(id: string, range?: ByteRange): AsyncIterable<Uint8Array>;

  /** `queued`, private to its owner. Repeatable. */
  imageCreate(snapshot: SnapshotNew): Promise<void>;
  /**
   * Takes the bytes to their end, then the image is `active`. Repeatable: an earlier attempt that died is discarded,
   * an image that is active already stays as it is. Throws `not_found` when the image was deleted meanwhile,
   * `unsupported_media` when the bytes are no safe image of the format named, `too_large` when the store is full; the
   * image is `queued` again then.
   */
  imageWrite(id: string, bytes: AsyncIterable<Uint8Array>): Promise<ImageSummary>;
  /**
   * Of the images of a project that have these properties the newest `keep` stay, the others are deleted unless they are
   * protected. Repeatable.
   */
  imagesRotate(
    projectId: string,
    properties: Readonly<Record<string, string>>,
    keep: number,
  ): Promise<void>;
  /** The bytes will never come: `killed`, nothing stored. Repeatable, also for an image that is gone. */
  imageFail(id: string): Promise<void>;
}

export function imagePort(world: ImageWorld): ImagePort {
  const contextOf = (actor: Actor): ImageContext => ({
    world,
    actor,
    clock: world.clock,
    ids: world.ids,
    log: world.log,
    allows: (rule, target = {}) => world.policy.allows(rule, actor, target),
  });
  const summaryGet = async (id: string): Promise<ImageSummary | null> => {
    const image = await world.db.read((tx) => imageSelect(tx, id));
    return image === null ? null : summaryOf(image);
  };
  return {
    imageFor: async (actor, id) => summaryOf(await imageShow(contextOf(actor), id)),
    imageGet: summaryGet,
    async imageList(actor, filter, { limit, marker }) {
      const query = { ...listedAll, ...queryOf(filter), marker, limit };
      return (await imageList(contextOf(actor), query)).map(summaryOf);
    },
    async imagePropertiesChange(actor, id, change) {
      const edited = await imageChange(contextOf(actor), id, (image) => {
        const properties = change(image.properties);
        for (const name of changedNames(image.properties, properties)) nameCheck(name);
        return { ...image, properties };
      });
      return summaryOf(edited);
    },
    imageDelete: (actor, id) => imageDelete(contextOf(actor), id),
    imageRead: (id, range) => imageRead(world, id, range),
    imageCreate: (snapshot) => snapshotCreate(world, snapshot),
    async imageWrite(id, bytes) {
      await snapshotWrite(world, id, bytes);
      const summary = await summaryGet(id);
      if (summary === null) throw imageUnknown(id);
      return summary;
    },
    imagesRotate(projectId, properties, keep) {
      const query = { ...listedAll, ...queryOf({ properties }), marker: null, limit: rotatedMax };
      return imagesTrim(world, { viewer: { isAdmin: false, projectId }, query }, keep);
    },
    imageFail: (id) => snapshotFail(world, id),
  };
}

/** One backup makes one too many; after a rotation that was lowered the next one goes on. */
const rotatedMax = 1_000;

const listedAll = {
  tags: [],
  isHidden: false,
  isProtected: null,
  visibility: null,
  memberStatus: 'accepted',
  sort: [{ column: 'created_at', direction: 'desc' }],
} as const;

const queryOf = (filter: ImageFilter) => ({
  texts: [
    ...(filter.name === undefined ? [] : [{ column: 'name', values: [filter.name] } as const]),
    ...(filter.statuses === undefined
      ? []
      : [{ column: 'status', values: filter.statuses } as const]),
  ],
  numbers: (
    [
      ['min_disk', filter.minDiskGib],
      ['min_ram', filter.minRamMib],
      [
        'updated_at',
        filter.updatedSince === undefined ? undefined : Math.floor(filter.updatedSince / 1000),
      ],
    ] as const
  ).flatMap(([column, value]) =>
    value === undefined ? [] : [{ column, comparison: '>=', value } as const],
  ),
  properties: Object.entries(filter.properties ?? {}),
});

const changedNames = (
  before: ImageSummary['properties'],
  after: ImageSummary['properties'],
): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => before[name] !== after[name],
  );

const summaryOf = ({
  isHidden: _hidden,
  owner,
  stores: _stores,
  places: _places,
  importing: _importing,
  ...image
}: Image): ImageSummary => ({
  ...image,
  ownerId: owner,
});

async function* imageRead(
  world: ImageWorld,
  id: string,
  range: ByteRange | undefined,
): AsyncIterable<Uint8Array> {
  const source = await bytesFind(world, id);
  if (source === null) throw notFound(`Image ${id} has no data.`);
  yield* source.read(range ?? { offset: 0, lengthBytes: source.sizeBytes });
}

async function snapshotCreate(world: ImageWorld, snapshot: SnapshotNew): Promise<void> {
  const { id, ownerId, ...wanted } = snapshot;
  const now = world.clock.now();
  try {
    await world.db.write(async (tx) => {
      if ((await imageSelect(tx, id)) !== null) return;
      await imageInsert(tx, {
        ...emptyImage,
        ...wanted,
        id,
        owner: ownerId,
        visibility: 'private',
        containerFormat: 'bare',
        createdAt: now,
        updatedAt: now,
      });
    });
  } catch (error) {
    // Created before, and deleted by its owner since.
    if (error instanceof UniqueViolation) throw imageUnknown(id);
    throw error;
  }
}

/** A task writes under its lease, so that whoever else still writes to the image is dead or about to learn it. */
async function snapshotWrite(
  world: ImageWorld,
  id: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const before = await world.db.read((tx) => imageSelect(tx, id));
  if (before?.status === 'active') return;
  await bytesStore(
    world,
    { bytes, isOwned: false, sizeBytes: null },
    {
      ...activeLanding(world, storeChoose(world, null)),
      async claim(tx) {
        const image = await imageSelect(tx, id);
        if (image === null) throw imageUnknown(id);
        await blobDoomAll(tx, id);
        const change = { status: 'saving', updated_at: world.clock.now() } as const;
        if (await imageStatusSet(tx, id, ['queued', 'saving'], change)) return image;
        throw conflict(`Image status transition from ${image.status} to saving is not allowed`);
      },
    },
  );
}

async function snapshotFail(world: ImageWorld, id: string): Promise<void> {
  await world.db.write(async (tx) => {
    const change = { status: 'killed', updated_at: world.clock.now() } as const;
    if (await imageStatusSet(tx, id, ['queued', 'saving'], change)) await blobDoomAll(tx, id);
  });
  await blobsReclaim(world, id);
}
