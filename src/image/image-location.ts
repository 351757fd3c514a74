/**
 * The older way to say where the bytes of an image lie: `locations` of the image itself, where the operator shows them.
 * A new location is an address of the web, asked before it is written down: how many bytes there are, whether they are
 * safe, and their hash if nobody says it.
 */
import type { Static } from 'typebox';
import { Check } from 'typebox/schema';
import type { Tx } from '../kernel/db.ts';
import { conflict, forbidden, invalid } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { imageAuthorize, imageSee, targetOf, type Seen } from './image-access.ts';
import { storeOf } from './image-blob.ts';
import { blobDoom, blobInsert, blobLive, blobMetadataSet, type Blob } from './image-blob.store.ts';
import { blobNew, bytesJudge, digestsRead, sizeCheck, type Written } from './image-bytes.ts';
import { foundOf } from './image-upload.ts';
import type { Image } from './image.model.ts';
import { imageStatusSet } from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';
import { uriParse } from './import/address-guard.ts';
import type { ImageStore } from './stores/image-store.ts';

const hex = (length: number) => Type.String({ pattern: `^[0-9a-fA-F]{${length}}$` });
const Location = Type.Object({
  url: Type.String(),
  metadata: Type.Record(Type.String(), Type.Unknown()),
  validation_data: Type.Optional(
    Type.Object(
      {
        checksum: Type.Optional(hex(32)),
        os_hash_algo: Type.Optional(Type.String()),
        os_hash_value: Type.Optional(hex(128)),
      },
      { additionalProperties: false },
    ),
  ),
});
type Location = Static<typeof Location>;
const Locations = Type.Array(Location);

export interface LocationView {
  readonly url: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface LocationChange {
  readonly operation: 'add' | 'replace' | 'remove';
  /** Null: the whole list; else a place in it, `-` behind the last. */
  readonly position: string | null;
  readonly value: unknown;
}

/** A change, with what the web says of the addresses that are new. */
type Found =
  | { readonly operation: 'remove'; readonly position: string | null }
  | { readonly operation: 'add'; readonly position: string | null; readonly taken: Taken }
  | {
      readonly operation: 'replace';
      readonly locations: readonly Location[];
      /** Of an image that had none. */
      readonly taken: readonly Taken[];
    };

interface Taken {
  readonly location: Location;
  readonly store: ImageStore;
  readonly written: Written;
}

/** Null: nobody sees them. What the caller may not see is an empty list. */
export function locationsSeen(context: ImageContext, image: Image): LocationView[] | null {
  if (!context.world.settings.showsLocations) return null;
  if (!context.allows('get_image_location', targetOf(image, null))) return [];
  return image.places.flatMap(({ store: id, key, metadata }) => {
    const store = storeOf(context.world, id);
    return store === null ? [] : [{ url: store.urlOf(key), metadata: { ...metadata, store: id } }];
  });
}

/** Reads what has to be read before the transaction of the change. */
export async function locationsFind(
  context: ImageContext,
  id: string,
  changes: readonly LocationChange[],
): Promise<Found[]> {
  const [first] = changes;
  if (first === undefined) return [];
  const { world } = context;
  if (!world.settings.showsLocations) {
    const verb = first.operation === 'replace' ? 'update' : first.operation;
    throw forbidden(`It's not allowed to ${verb} locations if locations are invisible.`);
  }
  const { image, target } = await world.db.read((tx) => imageSee(context, tx, id));
  imageAuthorize(context, 'modify_image', target);
  for (const { operation } of changes) imageAuthorize(context, ruleOf[operation], target);
  const found: Found[] = [];
  for (const { operation, position, value } of changes) {
    if (operation === 'remove') found.push({ operation, position });
    else if (operation === 'add') {
      if (!Check(Location, value)) throw invalid('A location has a url, metadata, and no more.');
      statusCheck(image, 'add');
      found.push({ operation, position, taken: await locationTake(world, image, value) });
    } else {
      if (position !== null || !Check(Locations, value))
        throw invalid('Locations are replaced all at once.');
      statusCheck(image, 'replace');
      const taken: Taken[] = [];
      if (image.places.length === 0)
        for (const location of value) taken.push(await locationTake(world, image, location));
      found.push({ operation, locations: value, taken });
    }
  }
  return found;
}

const ruleOf = {
  add: 'set_image_location',
  replace: 'set_image_location',
  remove: 'delete_image_location',
} as const;

function statusCheck({ status }: Image, verb: string): void {
  if (status === 'queued' || status === 'active') return;
  throw conflict(`It's not allowed to ${verb} locations if image status is ${status}.`);
}

async function locationTake(world: ImageWorld, image: Image, location: Location): Promise<Taken> {
  const store = world.stores.find(({ type }) => type === 'http');
  if (store === undefined) throw invalid('Invalid location: no store takes addresses of the web.');
  const { href } = uriParse(location.url, world.settings.download);
  const sizeBytes = await store.sizeOf(href);
  if (sizeBytes === null) throw invalid('The address does not say how many bytes it has.');
  sizeCheck(world, sizeBytes);
  const { checksum: md5, os_hash_value: sha512 } = location.validation_data ?? {};
  const digests =
    md5 === undefined || sha512 === undefined
      ? await digestsRead(store.read(href, 0, sizeBytes))
      : { sizeBytes, md5, sha512 };
  if ((md5 ?? digests.md5) !== digests.md5 || (sha512 ?? digests.sha512) !== digests.sha512) {
    throw conflict('The bytes at the location have another hash than the one given.');
  }
  return { location, store, written: await bytesJudge(image, store, href, digests) };
}

export async function locationsChange(
  context: ImageContext,
  tx: Tx<ImageTables>,
  { image, target }: Seen,
  changes: readonly Found[],
): Promise<void> {
  for (const change of changes) {
    imageAuthorize(context, ruleOf[change.operation], target);
    const blobs = await blobLive(tx, image.id);
    if (change.operation === 'remove') await locationRemove(tx, blobs, change.position);
    else if (change.operation === 'add') {
      const { position } = change;
      if (position !== '-' && position !== String(blobs.length)) {
        throw invalid(`Invalid position for adding a location: ${position ?? 'none'}.`);
      }
      await locationAdd(context, tx, image.id, change.taken);
    } else if (blobs.length > 0) {
      await locationsRename(context.world, tx, blobs, change.locations);
    } else for (const taken of change.taken) await locationAdd(context, tx, image.id, taken);
  }
}

/** The first makes the image active; another must have the same bytes. */
async function locationAdd(
  { world, ids, clock }: ImageContext,
  tx: Tx<ImageTables>,
  imageId: string,
  { location, store, written }: Taken,
): Promise<void> {
  const now = clock.now();
  const said = location.validation_data;
  const algorithm = said?.os_hash_algo ?? 'sha512';
  const found = { ...foundOf(written), status: 'active', updated_at: now } as const;
  if (algorithm === 'sha512' && (await imageStatusSet(tx, imageId, ['queued'], found))) {
    // All of it is written already.
  } else {
    const before = await tx
      .selectFrom('image')
      .select(['status', 'size', 'md5', 'sha512'])
      .where('id', '=', imageId)
      .executeTakeFirstOrThrow();
    if (before.status === 'queued') throw invalid('os_hash_algo must be sha512.');
    const isSame =
      algorithm === 'sha512' &&
      before.status === 'active' &&
      before.size === written.sizeBytes &&
      (said?.checksum ?? before.md5) === before.md5 &&
      (said?.os_hash_value ?? before.sha512) === before.sha512;
    if (!isSame) throw conflict('The bytes at the location are not those of the image.');
  }
  const blobId = ids.uuid();
  const { href } = uriParse(location.url, world.settings.download);
  const last = (await blobLive(tx, imageId)).at(-1);
  await blobInsert(tx, {
    // Their time is their order: no two of an image have the same.
    ...blobNew(imageId, blobId, store.id, Math.max(now, (last?.created_at ?? 0) + 1)),
    key: `${href}#${blobId}`,
    state: 'live',
    held_until: 0,
    metadata: metadataText(location),
  });
}

async function locationRemove(
  tx: Tx<ImageTables>,
  blobs: readonly Blob[],
  position: string | null,
): Promise<void> {
  const blob = /^\d+$/.test(position ?? '') ? blobs[Number(position)] : undefined;
  if (blob === undefined) throw invalid('Invalid position for removing a location.');
  if (blobs.length === 1) throw forbidden('Cannot remove the last location of an image.');
  await blobDoom(tx, blob.id);
}

/** Addresses stay; what is said of them changes. */
async function locationsRename(
  world: ImageWorld,
  tx: Tx<ImageTables>,
  blobs: readonly Blob[],
  locations: readonly Location[],
): Promise<void> {
  const urls = blobs.map(({ store, key }) => storeOf(world, store)?.urlOf(key));
  if (urls.length !== locations.length || urls.some((url, at) => url !== locations[at]?.url)) {
    throw invalid('Replacing a list of locations may not change its addresses.');
  }
  for (const [at, location] of locations.entries())
    await blobMetadataSet(tx, blobs[at]?.id ?? '', metadataText(location));
}

function metadataText({ metadata }: Location): string {
  const { store: _, ...rest } = metadata;
  return JSON.stringify(rest);
}
