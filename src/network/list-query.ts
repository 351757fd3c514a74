/** Reads the query of a list: filters, fields, order and page, as every list of the API understands them. */
import type { Attribute } from './collection.ts';
import { badRequest } from './network.errors.ts';

export interface ListQuery {
  readonly filters: ReadonlyMap<string, readonly string[]>;
  readonly tags: readonly {
    readonly tags: readonly string[];
    readonly isAll: boolean;
    readonly isNot: boolean;
  }[];
  readonly fields: readonly string[];
  readonly sort: readonly { readonly key: string; readonly isDescending: boolean }[];
  readonly limit: number | null;
  readonly marker: string | null;
  readonly isReverse: boolean;
}

const tagFilters: Readonly<Record<string, { isAll: boolean; isNot: boolean }>> = {
  tags: { isAll: true, isNot: false },
  'tags-any': { isAll: false, isNot: false },
  'not-tags': { isAll: true, isNot: true },
  'not-tags-any': { isAll: false, isNot: true },
};
const pageParameters = new Set([
  'fields',
  'limit',
  'marker',
  'page_reverse',
  'sort_key',
  'sort_dir',
]);

export function listQueryParse(
  query: URLSearchParams,
  attributes: Readonly<Record<string, Attribute>>,
  isTaggable: boolean,
): ListQuery {
  const filters = new Map<string, string[]>();
  const tags: ListQuery['tags'][number][] = [];
  const unknown: string[] = [];
  for (const name of new Set(query.keys())) {
    if (pageParameters.has(name)) continue;
    const values = query.getAll(name);
    const tagFilter = isTaggable ? tagFilters[name] : undefined;
    if (tagFilter !== undefined) {
      tags.push({ ...tagFilter, tags: values.flatMap((value) => value.split(',')) });
    } else if (Object.hasOwn(attributes, name)) filters.set(name, values);
    else unknown.push(name);
  }
  if (unknown.length > 0) {
    throw badRequest(
      `[${unknown.map((name) => `'${name}'`).join(', ')}] is invalid attribute for filtering`,
    );
  }
  return {
    filters,
    tags,
    fields: query.getAll('fields'),
    sort: sortParse(query, attributes),
    limit: limitParse(query.get('limit')),
    marker: query.get('marker'),
    isReverse: ['true', '1'].includes((query.get('page_reverse') ?? '').toLowerCase()),
  };
}

function sortParse(
  query: URLSearchParams,
  attributes: Readonly<Record<string, Attribute>>,
): ListQuery['sort'] {
  const keys = query.getAll('sort_key');
  const directions = query.getAll('sort_dir');
  if (keys.length !== directions.length) {
    throw badRequest('The number of sort_keys and sort_dirs must be same');
  }
  return keys.map((key, index) => {
    const attribute = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
    if (attribute?.isSortKey !== true) {
      throw badRequest(`[${JSON.stringify(key)}] is invalid attribute for sort keys`);
    }
    const direction = directions[index];
    if (direction !== 'asc' && direction !== 'desc') {
      throw badRequest("Sort direction must be one of 'asc', 'desc'");
    }
    return { key, isDescending: direction === 'desc' };
  });
}

function limitParse(text: string | null): number | null {
  if (text === null || text === '') return null;
  if (!/^\d{1,9}$/.test(text)) {
    throw badRequest(`Limit must be an integer 0 or greater and not '${text}'`);
  }
  // 0 asks for no limit.
  return Number(text) === 0 ? null : Number(text);
}

export interface PageLink {
  readonly rel: 'next' | 'previous';
  readonly href: string;
}

/** Links to the pages around this one; none without a limit. */
export function pageLinks(
  base: string,
  query: URLSearchParams,
  { limit, isReverse }: ListQuery,
  ids: readonly string[],
): PageLink[] {
  if (limit === null) return [];
  const href = (marker: string | undefined, reverse: boolean): string => {
    const copy = new URLSearchParams(query);
    copy.delete('marker');
    copy.delete('page_reverse');
    if (marker !== undefined) copy.set('marker', marker);
    if (reverse) copy.set('page_reverse', 'True');
    return `${base}?${copy.toString()}`;
  };
  const isShort = ids.length < limit;
  const next = { rel: 'next', href: href(ids.at(-1), false) } as const;
  const previous = { rel: 'previous', href: href(ids[0], true) } as const;
  return [...(isShort && !isReverse ? [] : [next]), ...(isShort && isReverse ? [] : [previous])];
}
