import { invalid } from '../kernel/errors.ts';
import type {
  Comparison,
  ListQuery,
  NumberColumn,
  Sort,
  SortColumn,
  TextColumn,
} from './image-list.store.ts';
import { visibilities } from './image.model.ts';

const limitDefault = 25;
const limitMax = 1_000;

const sortColumns: readonly SortColumn[] = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
];

/** Filters by text; those marked true take `in:a,b`. */
const textFilters: Readonly<Record<string, { column: TextColumn; several: boolean }>> = {
  id: { column: 'id', several: true },
  name: { column: 'name', several: true },
  status: { column: 'status', several: true },
  container_format: { column: 'container_format', several: true },
  disk_format: { column: 'disk_format', several: true },
  owner: { column: 'owner', several: false },
  checksum: { column: 'md5', several: false },
  os_hash_value: { column: 'sha512', several: false },
};
const numberFilters: readonly NumberColumn[] = ['size', 'virtual_size', 'min_disk', 'min_ram'];
const timeComparisons: Readonly<Record<string, Comparison>> = {
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  neq: '<>',
  eq: '=',
};
const memberStatuses = ['pending', 'accepted', 'rejected', 'all'] as const;
const notFilters: ReadonlySet<string> = new Set([
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
  'member_status',
  'tag',
  'visibility',
  'os_hidden',
  'protected',
  'deleted',
]);

/** The query of `GET /v2/images`: a name that is no filter is a custom property. */
export function listParse(query: URLSearchParams): ListQuery {
  if (query.has('changes-since')) {
    throw invalid('The "changes-since" filter is no longer available on v2.');
  }
  const protectedText = query.get('protected');
  const filters = [...query].filter(([name]) => !notFilters.has(name)).map(filterParse);
  return {
    texts: filters.flatMap((filter) => (filter.kind === 'text' ? [filter] : [])),
    numbers: filters.flatMap((filter) => (filter.kind === 'number' ? [filter] : [])),
    properties: filters.flatMap((filter) =>
      filter.kind === 'property' ? [[filter.name, filter.value] as const] : [],
    ),
    tags: query.getAll('tag').map((tag) => tag.trim()),
    isHidden: boolParse('os_hidden', (query.get('os_hidden') ?? 'false').toLowerCase()),
    isProtected: protectedText === null ? null : boolParse('protected', protectedText),
    visibility: visibilityParse(query.get('visibility')),
    memberStatus: memberStatusParse(query.get('member_status') ?? 'accepted'),
    sort: sortParse(query),
    marker: query.get('marker'),
    limit: limitParse(query.get('limit')),
  };
}

type Filter =
  | { readonly kind: 'text'; readonly column: TextColumn; readonly values: readonly string[] }
  | {
      readonly kind: 'number';
      readonly column: NumberColumn;
      readonly comparison: Comparison;
      readonly value: number;
    }
  | { readonly kind: 'property'; readonly name: string; readonly value: string };

function filterParse([name, value]: readonly [string, string]): Filter {
  const textFilter = Object.hasOwn(textFilters, name) ? textFilters[name] : undefined;
  if (textFilter !== undefined) {
    const { column, several } = textFilter;
    return { kind: 'text', column, values: several ? valuesParse(value) : [value] };
  }
  if (name === 'created_at' || name === 'updated_at') return timeFilterParse(name, value);
  const [, base, end] = /^(.+?)(_min|_max)?$/.exec(name) ?? [];
  const column = numberFilters.find((one) => one === base);
  if (column === undefined) return { kind: 'property', name, value };
  const comparison = end === '_min' ? '>=' : end === '_max' ? '<=' : '=';
  if (!/^[+-]?\d{1,18}$/.test(value.trim())) {
    throw invalid('Unable to filter on a range with a non-numeric value.');
  }
  return { kind: 'number', column, comparison, value: Number(value) };
}

/** `in:a,"b,c"`, or one value. */
function valuesParse(text: string): readonly string[] {
  const colon = text.indexOf(':');
  if (colon === -1) return [text];
  const [operator, rest] = [text.slice(0, colon), text.slice(colon + 1)];
  if (operator === 'eq') return [rest];
  if (operator !== 'in') throw invalid(`Unable to filter by unknown operator '${operator}'.`);
  const values: string[] = [];
  const item = /\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*))(,|$)/gy;
  for (let at = 0; ;) {
    item.lastIndex = at;
    const match = item.exec(rest);
    if (match === null) throw invalid(`Invalid filter value ${rest}. The quote is not closed.`);
    values.push((match[1] ?? match[2] ?? '').replaceAll(/\\(.)/g, '$1'));
    if (match[3] === '') return values;
    at = item.lastIndex;
  }
}

function timeFilterParse(column: 'created_at' | 'updated_at', text: string): Filter {
  const [, operator, rest] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  const comparison = timeComparisons[operator ?? 'eq'];
  if (comparison === undefined) throw invalid('Unable to filter on a unknown operator.');
  const iso = operator === undefined ? text : (rest ?? '');
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(iso);
  const value = /^\d{4}-\d\d-\d\d/.test(iso) ? Date.parse(hasZone ? iso : `${iso}Z`) : NaN;
  if (Number.isNaN(value)) {
    throw invalid(`Bad "${column}" query filter format. Use ISO 8601 DateTime notation.`);
  }
  return { kind: 'number', column, comparison, value: Math.floor(value / 1_000) };
}

function boolParse(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalid(
    `Invalid value '${text}' for '${name}' filter. Valid values are 'true' or 'false'.`,
  );
}

function visibilityParse(text: string | null): ListQuery['visibility'] {
  if (text === null || text === '') return null;
  if (text === 'all') return 'all';
  const visibility = visibilities.find((one) => one === text);
  if (visibility === undefined) throw invalid(`Invalid visibility value: ${text}`);
  return visibility;
}

function memberStatusParse(text: string): ListQuery['memberStatus'] {
  const status = memberStatuses.find((one) => one === text);
  if (status === undefined) throw invalid(`Invalid status: ${text}`);
  return status;
}

function limitParse(text: string | null): number {
  if (text === null) return limitDefault;
  if (!/^[+-]?\d+$/.test(text.trim())) throw invalid('limit param must be an integer');
  const limit = Number(text);
  if (limit < 0) throw invalid('limit param must be positive');
  return Math.min(limit, limitMax);
}

/** `sort=name:asc,size`, or pairs of `sort_key` and `sort_dir`; one direction serves all keys. */
function sortParse(query: URLSearchParams): Sort[] {
  const sort = query.get('sort');
  const keys = query.getAll('sort_key');
  const directions = query.getAll('sort_dir');
  if (sort !== null) {
    if (keys.length > 0 || directions.length > 0) {
      throw invalid('Old and new sorting syntax cannot be combined');
    }
    return sort.split(',').map((part) => {
      const [key = '', direction = ''] = part.split(':', 2);
      return { column: columnParse(key), direction: directionParse(direction || 'desc') };
    });
  }
  if (directions.length > 1 && directions.length !== Math.max(keys.length, 1)) {
    throw invalid('Number of sort dirs does not match the number of sort keys');
  }
  return (keys.length === 0 ? ['created_at'] : keys).map((key, index) => ({
    column: columnParse(key),
    direction: directionParse(directions[index] ?? directions[0] ?? 'desc'),
  }));
}

function columnParse(text: string): SortColumn {
  const column = sortColumns.find((one) => one === text.trim());
  if (column !== undefined) return column;
  throw invalid(
    `Invalid sort key: ${text}. It must be one of the following: ${sortColumns.join(', ')}.`,
  );
}

function directionParse(text: string): Sort['direction'] {
  const direction = text.trim();
  if (direction === 'asc' || direction === 'desc') return direction;
  throw invalid(`Invalid sort direction: ${text}`);
}
