import type { Tx } from '../kernel/db.ts';
import { bytesCompare, prefixEnd } from './container.ts';
import type { Container } from './container.model.ts';
import { isExpired } from './object-put.ts';
import type { ListedVersion, StoredObject } from './object.model.ts';
import type { ObjectRow, ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardOf } from './shard.ts';
import {
  currentPage,
  versionGet,
  versionPage,
  type NameRange,
  type VersionPlace,
} from './store/object.store.ts';
import { objectOf } from './store/rows.ts';

export interface ObjectList {
  readonly prefix?: string;
  /** One or more characters; names are rolled up behind its first occurrence after the prefix. */
  readonly delimiter?: string;
  /** Exclusive. With `isReverse` names before it. A rolled-up prefix as marker skips all that begins with it. */
  readonly marker?: string;
  /** Exclusive. */
  readonly endMarker?: string;
  readonly isReverse?: boolean;
  /** Objects and rolled-up prefixes together. */
  readonly limit: number;
}

export type ListEntry =
  | { readonly kind: 'object'; readonly object: StoredObject }
  | { readonly kind: 'prefix'; readonly prefix: string };

export interface ObjectPage {
  readonly entries: readonly ListEntry[];
  readonly isTruncated: boolean;
}

export const entryName = (entry: ListEntry): string =>
  entry.kind === 'object' ? entry.object.name : entry.prefix;

/** A page of S3, and the one entry more that tells whether others follow. */
const batchMax = 1001;
const batchMin = 32;

/**
 * One page of current objects in the order of their UTF-8 bytes. Costs as much as the page has entries: what is rolled
 * up into one prefix is jumped over.
 */
export async function objectList(
  world: ObjectWorld,
  { id }: Container,
  list: ObjectList,
): Promise<ObjectPage> {
  const { limit, isReverse = false } = list;
  const entries: ListEntry[] = [];
  if (limit < 1) return { entries, isTruncated: false };
  const nowMs = world.clock.now();
  const range = new Range(list);
  // One read transaction: a page is of one moment.
  return shardOf(world, id).read(async (tx) => {
    let rolled: string | null = null;
    for (let batch = (list.delimiter ?? '') === '' ? batchMax : batchMin; ;) {
      const size = Math.min(batch, limit + 1 - entries.length);
      const rows = await currentPage(tx, range.bounds(id), { isReverse, limit: size });
      for (const row of rows) {
        if (rolled !== null && row.name.startsWith(rolled)) continue;
        rolled = null;
        if (isExpired(row, nowMs)) continue;
        if (entries.length === limit) return { entries, isTruncated: true };
        rolled = rolledUp(row.name, list);
        if (rolled === null) entries.push({ kind: 'object', object: objectOf(row) });
        else entries.push({ kind: 'prefix', prefix: rolled });
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < size) return { entries, isTruncated: false };
      if (rolled === null) range.passName(last.name);
      else range.passPrefix(rolled);
      batch = Math.min(batch * 2, batchMax);
    }
  });
}

/** The prefix that stands for a name; null: the name stands for itself. */
function rolledUp(
  name: string,
  { prefix = '', delimiter = '' }: Pick<ObjectList, 'prefix' | 'delimiter'>,
): string | null {
  if (delimiter === '') return null;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? null : name.slice(0, at + delimiter.length);
}

/** What is still to be listed. */
class Range {
  readonly #isReverse: boolean;
  #from: string | null = null;
  #isFromIncluded = true;
  #to: string | null = null;

  constructor(list: ObjectList) {
    const { prefix = '', marker = '', endMarker = '', isReverse = false } = list;
    this.#isReverse = isReverse;
    if (prefix !== '') {
      this.#raise(prefix, true);
      this.#lower(prefixEnd(prefix));
    }
    const [low, high] = isReverse ? [endMarker, marker] : [marker, endMarker];
    if (low !== '') this.#raise(low, false);
    if (high !== '') this.#lower(high);
    if (isRolledUp(marker, list)) this.passPrefix(marker);
  }

  bounds(containerId: number): NameRange {
    const [from, isFromIncluded, to] = [this.#from, this.#isFromIncluded, this.#to];
    return { containerId, from, isFromIncluded, to, isToIncluded: false };
  }

  passName(name: string): void {
    if (this.#isReverse) this.#lower(name);
    else this.#raise(name, false);
  }

  passPrefix(prefix: string): void {
    if (this.#isReverse) return this.#lower(prefix);
    const end = prefixEnd(prefix);
    // Nothing can follow: an empty range.
    if (end === null) this.#to = '';
    else this.#raise(end, true);
  }

  #raise(name: string, isIncluded: boolean): void {
    const order = this.#from === null ? 1 : bytesCompare(name, this.#from);
    if (order < 0) return;
    this.#isFromIncluded = order === 0 ? this.#isFromIncluded && isIncluded : isIncluded;
    this.#from = name;
  }

  #lower(name: string | null): void {
    if (name === null) return;
    if (this.#to === null || bytesCompare(name, this.#to) < 0) this.#to = name;
  }
}

/** A page may end at a prefix that stands for many names: all of them are behind us. */
const isRolledUp = (marker: string, list: Pick<ObjectList, 'prefix' | 'delimiter'>): boolean =>
  marker.startsWith(list.prefix ?? '') && rolledUp(marker, list) === marker;

export interface VersionList {
  readonly prefix?: string;
  readonly delimiter?: string;
  /** Behind this name; with `versionMarker` behind that version of it. */
  readonly marker?: string;
  readonly versionMarker?: string;
  readonly limit: number;
}

export type VersionEntry =
  | { readonly kind: 'version'; readonly version: ListedVersion }
  | { readonly kind: 'prefix'; readonly prefix: string };

export interface VersionPage {
  readonly entries: readonly VersionEntry[];
  readonly isTruncated: boolean;
}

/** One page of all versions and delete markers: by name, newest first. */
export async function versionList(
  world: ObjectWorld,
  { id }: Container,
  list: VersionList,
): Promise<VersionPage> {
  const { prefix = '', limit } = list;
  const entries: VersionEntry[] = [];
  if (limit < 1) return { entries, isTruncated: false };
  const to = prefixEnd(prefix);
  return shardOf(world, id).read(async (tx) => {
    let place = await placeFirst(tx, id, list);
    // Names whose newest version was listed before are not to have a second latest.
    let known = place === null || place.seq === null || place.seq < 0 ? '' : place.name;
    let rolled: string | null = null;
    for (;;) {
      const size = Math.min(batchMax, limit + 1 - entries.length);
      const rows = await versionPage(tx, id, place, { to, limit: size });
      for (const row of rows) {
        if (rolled !== null && row.name.startsWith(rolled)) continue;
        if (entries.length === limit) return { entries, isTruncated: true };
        rolled = rolledUp(row.name, list);
        if (rolled === null) {
          const isLatest = row.current === 1 || (row.current === 0 && known !== row.name);
          entries.push({ kind: 'version', version: listedOf(row, isLatest) });
          place = { name: row.name, seq: row.seq };
          known = row.name;
        } else {
          entries.push({ kind: 'prefix', prefix: rolled });
          place = placeBehind(rolled);
        }
      }
      if (rows.length < size || place === null) return { entries, isTruncated: false };
    }
  });
}

/** A getter stays one: facts are parsed when looked at. */
const listedOf = (row: Omit<ObjectRow, 'body'>, isLatest: boolean): ListedVersion =>
  Object.assign(objectOf(row), { isLatest });

function placeBehind(prefix: string): VersionPlace | null {
  const end = prefixEnd(prefix);
  return end === null ? null : { name: end, seq: null };
}

async function placeFirst(
  tx: Tx<ShardTables>,
  containerId: number,
  list: VersionList,
): Promise<VersionPlace | null> {
  const { prefix = '', marker = '', versionMarker = '' } = list;
  const start = prefix === '' ? null : { name: prefix, seq: null };
  if (marker === '' || bytesCompare(marker, prefix) < 0) return start;
  if (versionMarker === '') {
    return isRolledUp(marker, list) ? placeBehind(marker) : { name: marker, seq: -1 };
  }
  if (versionMarker !== 'null') return { name: marker, seq: Number(versionMarker) };
  const key = { containerId, name: marker, seq: null };
  const row = (await versionGet(tx, 'object', key)) ?? (await versionGet(tx, 'version', key));
  return { name: marker, seq: row?.seq ?? -1 };
}
