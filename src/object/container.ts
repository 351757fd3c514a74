import { conflict, notFound } from '../kernel/errors.ts';
import { UniqueViolation } from '../kernel/db.ts';
import type { Container, Documents, Versioning } from './container.model.ts';
import { isStorableName } from './object.model.ts';
import type { ObjectWorld } from './object.world.ts';
import { bucketClaim, bucketRelease } from './bucket.ts';
import { eventsAppend } from './event.ts';
import { walkEvents } from './follow.ts';
import { containerExpire } from './reconcile/expiry.ts';
import { containerIdMake, shardAt, shardNumberOf, shardOf } from './shard.ts';
import {
  containerByName,
  containerById,
  containerInsert,
  containerIsEmpty,
  containerRemove,
  containersAfter,
  containersOfAccount,
  containerWrite,
  type ContainerPage,
} from './store/container.store.ts';
import { uploadsDrop } from './store/upload.store.ts';

/** Null: there is none. */
export async function containerGet(
  world: ObjectWorld,
  account: string,
  name: string,
): Promise<Container | null> {
  if (!isStorableName(name) || !isStorableName(account)) return null;
  const shard = shardAt(world, shardNumberOf(world, account, name));
  return shard.read((tx) => containerByName(tx, account, name));
}

/** As it is now; throws `not_found` when it was deleted. */
export const containerFresh = (world: ObjectWorld, { id }: Container): Promise<Container> =>
  shardOf(world, id).read((tx) => containerById(tx, id));

export interface ContainerCreate {
  readonly account: string;
  readonly name: string;
  readonly documents: Documents;
  readonly versioning?: Versioning;
}

/**
 * Makes the container unless it is there. The bucket name is claimed too when it is free: whoever comes second is found
 * by its owner only. A front that needs the name for itself looks at `bucketAccount` first.
 */
export async function containerCreate(
  world: ObjectWorld,
  { account, name, documents, versioning = 'off' }: ContainerCreate,
): Promise<{ readonly container: Container; readonly isNew: boolean }> {
  const number = shardNumberOf(world, account, name);
  const shard = shardAt(world, number);
  await bucketClaim(world, account, name);
  const nowUs = world.ticksUs();
  const wanted: Container = {
    id: containerIdMake(world.ids, number),
    account,
    name,
    createdUs: nowUs,
    modifiedUs: nowUs,
    versioning,
    documents,
    counts: { objects: 0, bytes: 0, versions: 0, versionBytes: 0 },
  };
  try {
    await shard.write((tx) => containerInsert(tx, wanted));
    return { container: wanted, isNew: true };
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    const container = await containerGet(world, account, name);
    if (container === null) throw conflict('The container is being deleted.', { cause: error });
    return { container, isNew: false };
  }
}

export interface ContainerChange {
  readonly documents?: Documents;
  readonly versioning?: Versioning;
}

/**
 * Changes documents or versioning by what is there now: `change` runs inside the transaction, synchronously and perhaps
 * more than once; what it throws changes nothing. Documents are replaced whole: spread the old ones.
 */
export async function containerUpdate(
  world: ObjectWorld,
  { id }: Container,
  change: (container: Container) => ContainerChange,
): Promise<Container> {
  return shardOf(world, id).write(async (tx) => {
    const old = await containerById(tx, id);
    const changed: Container = { ...old, ...change(old), modifiedUs: world.ticksUs() };
    await containerWrite(tx, changed);
    await eventsAppend(tx, world, walkEvents(old, changed));
    return changed;
  });
}

/** Throws `conflict` (type `ContainerNotEmpty`) while any object or version is in it. */
export async function containerDelete(world: ObjectWorld, container: Container): Promise<void> {
  const { id, account, name } = container;
  if (container.counts.objects > 0) await containerExpire(world, id);
  await shardOf(world, id).write(async (tx) => {
    if ((await containerByName(tx, account, name))?.id !== id) {
      throw notFound('The container was deleted.', { type: 'NoSuchContainer' });
    }
    if (!(await containerIsEmpty(tx, id))) {
      throw conflict('The container is not empty.', { type: 'ContainerNotEmpty' });
    }
    await uploadsDrop(tx, id, world.clock.now());
    await containerRemove(tx, id);
  });
  await bucketRelease(world, account, name);
}

export interface ContainerList {
  readonly account: string;
  readonly prefix?: string;
  /** Exclusive, as in both APIs. */
  readonly marker?: string;
  readonly endMarker?: string;
  readonly isReverse?: boolean;
  readonly limit: number;
}

/** One page of an account's containers, in the order of UTF-8 bytes. Asks every shard for a page. */
export async function containerList(
  world: ObjectWorld,
  { account, prefix = '', marker = '', endMarker = '', isReverse = false, limit }: ContainerList,
): Promise<Container[]> {
  const [low, high] = isReverse ? [endMarker, marker] : [marker, endMarker];
  const page: ContainerPage = {
    account,
    from: bytesMax(low === '' ? null : low, prefix),
    before: bytesMin(high === '' ? null : high, prefixEnd(prefix)),
    isReverse,
    // The low marker itself may come along and is dropped below.
    limit: limit + 1,
  };
  const pages = await Promise.all(
    world.shards.map((shard) => shard.read((tx) => containersOfAccount(tx, page))),
  );
  const sign = isReverse ? -1 : 1;
  return pages
    .flat()
    .filter(({ name }) => name !== low)
    .toSorted((a, b) => sign * bytesCompare(a.name, b.name))
    .slice(0, limit);
}

/** Every container of the store, for reconcilers. */
export async function* containerWalk(world: ObjectWorld): AsyncIterable<Container> {
  const pageSize = 200;
  for (const shard of world.shards) {
    for (let after = -1; ;) {
      const at = after;
      const page = await shard.read((tx) => containersAfter(tx, at, pageSize));
      yield* page;
      if (page.length < pageSize) break;
      after = page.at(-1)?.id ?? 0;
    }
  }
}

export const bytesCompare = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a), Buffer.from(b));

const bytesMax = (a: string | null, b: string): string | null =>
  a === null ? (b === '' ? null : b) : bytesCompare(a, b) > 0 ? a : b;

const bytesMin = (a: string | null, b: string | null): string | null =>
  a === null || b === null ? (a ?? b) : bytesCompare(a, b) < 0 ? a : b;

/** The first text behind all that begin with the prefix; null: there is none. */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix);
  while (points.length > 0) {
    const code = points.pop()?.codePointAt(0) ?? 0;
    if (code === 0x10ffff) continue;
    // Surrogates are no characters: what follows U+D7FF is U+E000.
    return points.join('') + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1);
  }
  return null;
}
