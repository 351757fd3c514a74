import { sql, type RawBuilder, type SelectQueryBuilder } from 'kysely';
import { invalid } from '../kernel/errors.ts';

/** What a client may ask of a list: Keystone filters by exact value, and by part where the column is a text. */
export interface Listing {
  readonly conditions: readonly Condition[];
  readonly limit: number | null;
  readonly marker: string | null;
}

interface Condition {
  readonly column: string;
  readonly is: 'equal' | 'containing' | 'starting' | 'ending';
  readonly value: string | number;
  readonly ignoresCase: boolean;
}

const comparisons: Readonly<Record<string, Condition['is']>> = {
  contains: 'containing',
  startswith: 'starting',
  endswith: 'ending',
};

type ColumnKind = 'text' | 'flag';
export type Columns = Readonly<Record<string, ColumnKind>>;

export const everything: Listing = { conditions: [], limit: null, marker: null };
const pageMax = 10_000;

export function listingOf(query: URLSearchParams, columns: Columns): Listing {
  const conditions: Condition[] = [];
  for (const [key, value] of query) {
    const [column = '', comparison] = key.split('__', 2);
    const kind = columns[column];
    if (kind === undefined) continue;
    const condition = conditionOf({ column, comparison, kind, value });
    if (condition !== null) conditions.push(condition);
  }
  return { conditions, limit: limitOf(query.get('limit')), marker: query.get('marker') };
}

export const equals = (column: string, value: string | number): Listing => ({
  ...everything,
  conditions: [{ column, is: 'equal', value, ignoresCase: false }],
});

/** Both sets of conditions; the page of the first. */
export const listingAnd = (listing: Listing, other: Listing): Listing => ({
  ...listing,
  conditions: [...listing.conditions, ...other.conditions],
});

function conditionOf(asked: {
  column: string;
  comparison: string | undefined;
  kind: ColumnKind;
  value: string;
}): Condition | null {
  const { column, comparison, kind, value } = asked;
  const equal = { column, is: 'equal', ignoresCase: false } as const;
  if (kind === 'flag') return { ...equal, value: truthOf(value) ? 1 : 0 };
  if (comparison === undefined) return { ...equal, value };
  const is = comparisons[comparison.replace(/^i/, '')];
  return is === undefined ? null : { column, is, value, ignoresCase: comparison.startsWith('i') };
}

/** `?enabled` alone means true, and so does whatever is not a word for false. */
export const truthOf = (text: string): boolean =>
  !['0', 'false', 'f', 'no', 'n', 'off'].includes(text.trim().toLowerCase());

export const isAsked = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value !== null && truthOf(value);
};

function limitOf(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) {
    throw invalid(`Invalid input for query parameter limit: ${text} is not a natural number.`);
  }
  const limit = Number(text);
  return limit === 0 ? null : Math.min(limit, pageMax);
}

/** One row more than asked for tells whether there is a next page. */
export function listingApply<DB, Table extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Table, Row>,
  { conditions, limit, marker }: Listing,
): SelectQueryBuilder<DB, Table, Row> {
  let narrowed = query;
  for (const condition of conditions) narrowed = narrowed.where(conditionSql(condition));
  if (marker !== null) narrowed = narrowed.where(sql<boolean>`id > ${marker}`);
  narrowed = narrowed.orderBy(sql`id`);
  return limit === null ? narrowed : narrowed.limit(limit + 1);
}

/** LIKE minds case on one engine and not on the other, so the parts are compared by hand. */
function conditionSql({ column, is, value, ignoresCase }: Condition): RawBuilder<boolean> {
  const name = ignoresCase ? sql`lower(${sql.ref(column)})` : sql.ref(column);
  const wanted = ignoresCase ? String(value).toLowerCase() : value;
  const { length } = String(value);
  switch (is) {
    case 'equal':
      return sql<boolean>`${name} = ${wanted}`;
    case 'containing':
      return wanted === ''
        ? sql<boolean>`1 = 1`
        : sql<boolean>`replace(${name}, ${wanted}, '') <> ${name}`;
    case 'starting':
      return sql<boolean>`substr(${name}, 1, ${sql.lit(length)}) = ${wanted}`;
    case 'ending':
      return sql<boolean>`length(${name}) >= ${sql.lit(length)} and substr(${name}, length(${name}) - ${sql.lit(length - 1)}) = ${wanted}`;
  }
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Id of the last item where more follow. */
  readonly nextMarker: string | null;
}

export function pageOf<Item extends { readonly id: string }>(
  found: readonly Item[],
  { limit }: Listing,
): Page<Item> {
  if (limit === null || found.length <= limit) return { items: found, nextMarker: null };
  const items = found.slice(0, limit);
  return { items, nextMarker: items.at(-1)?.id ?? null };
}

export const wholePage = <Item>(items: readonly Item[]): Page<Item> => ({
  items,
  nextMarker: null,
});
