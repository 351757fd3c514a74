import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { isoSeconds } from '../kernel/clock.ts';
import type { Attribute, Collection, Condition, Identified, Viewer } from './collection.ts';
import type { ListQuery } from './list-query.ts';
import { badRequest } from './network.errors.ts';
import type { NetworkTx } from './network.world.ts';

/** One page of rows, filtered and sorted by the database; in the order in which they are shown. */
export async function rowsList<Row extends Identified, View extends object>(
  tx: NetworkTx,
  collection: Collection<Row, View>,
  query: ListQuery,
  viewer: Viewer,
): Promise<Row[]> {
  const conditions = filterConditions(collection, query, viewer);
  const { isReverse, limit, marker } = query;
  const sort = [
    ...query.sort.map(({ key, isDescending }) => {
      const { column = 'id', as = 'text' } = collection.attributes[key] ?? {};
      const value =
        as === 'text' ? sql`COALESCE(t.${sql.ref(column)}, '')` : sql.ref(`t.${column}`);
      return { column, value, isDescending: isDescending !== isReverse };
    }),
    { column: 'id', value: sql.ref('t.id'), isDescending: isReverse },
  ];
  if (marker !== null) {
    const { rows } = await sql<Record<string, unknown>>`SELECT t.* FROM
      ${sql.table(collection.table)} AS t WHERE t.id = ${marker}`.execute(tx);
    const [at] = rows;
    if (at === undefined) throw badRequest(`Marker ${marker} could not be found.`);
    conditions.push(afterMarker(sort, at));
  }
  const order = sort.map(({ value, isDescending }) =>
    isDescending ? sql`${value} DESC` : sql`${value}`,
  );
  const { rows } = await sql<Row>`SELECT t.* FROM ${sql.table(collection.table)} AS t
    WHERE ${all(conditions)} ORDER BY ${sql.join(order)}
    ${limit === null ? sql`` : sql`LIMIT ${limit}`}`.execute(tx);
  return isReverse ? rows.toReversed() : rows;
}

interface SortColumn {
  readonly column: string;
  readonly value: RawBuilder<unknown>;
  readonly isDescending: boolean;
}

/** Everything that sorts behind the marker: equal in the first n keys and behind it in the next. */
function afterMarker(
  sort: readonly SortColumn[],
  at: Readonly<Record<string, unknown>>,
): Condition {
  const alternatives = sort.map(({ column, value, isDescending }, index) => {
    const equal = sort
      .slice(0, index)
      .map((before) => sql<SqlBool>`${before.value} = ${at[before.column] ?? ''}`);
    const bound = at[column] ?? '';
    const behind = isDescending
      ? sql<SqlBool>`${value} < ${bound}`
      : sql<SqlBool>`${value} > ${bound}`;
    return all([...equal, behind]);
  });
  return sql<SqlBool>`(${sql.join(alternatives, sql` OR `)})`;
}

const all = (conditions: readonly Condition[]): Condition =>
  conditions.length === 0
    ? sql<SqlBool>`1 = 1`
    : sql<SqlBool>`(${sql.join([...conditions], sql` AND `)})`;

function filterConditions<Row extends Identified, View extends object>(
  collection: Collection<Row, View>,
  query: ListQuery,
  viewer: Viewer,
): Condition[] {
  const conditions: Condition[] = [];
  if (!viewer.seesAll) conditions.push(collection.visible(viewer.projectId ?? ''));
  for (const [name, values] of query.filters) {
    const attribute = collection.attributes[name];
    if (attribute !== undefined)
      conditions.push(attributeCondition(name, attribute, values, viewer));
  }
  for (const { tags, isAll, isNot } of query.tags) {
    const hits = tags.map(
      (tag) => sql<SqlBool>`EXISTS (SELECT 1 FROM network_tag
        WHERE network_tag.resource_id = t.id AND network_tag.tag = ${tag})`,
    );
    const hit = sql<SqlBool>`(${sql.join(hits, isAll ? sql` AND ` : sql` OR `)})`;
    conditions.push(isNot ? sql<SqlBool>`NOT ${hit}` : hit);
  }
  return conditions;
}

function attributeCondition(
  name: string,
  { column, as, where }: Attribute,
  values: readonly string[],
  viewer: Viewer,
): Condition {
  if (where !== undefined) return where(values, viewer);
  const at = sql.ref(`t.${column ?? name}`);
  if (as === 'time') {
    const times = values.map((value) => Date.parse(value.endsWith('Z') ? value : `${value}Z`));
    if (times.some(Number.isNaN)) throw badRequest(`Invalid time in filter ${name}.`);
    const seconds = times.map((time) => Date.parse(isoSeconds(time)));
    const spans = seconds.map(
      (from) => sql<SqlBool>`(${at} >= ${from} AND ${at} < ${from + 1000})`,
    );
    return sql<SqlBool>`(${sql.join(spans, sql` OR `)})`;
  }
  const wanted = values.map((value) => valueOf(name, as ?? 'text', value));
  const isEmptyAsked = as !== 'flag' && as !== 'integer' && values.includes('');
  const among = sql<SqlBool>`${at} IN (${sql.join(wanted)})`;
  return isEmptyAsked ? sql<SqlBool>`(${among} OR ${at} IS NULL)` : among;
}

function valueOf(name: string, as: 'text' | 'flag' | 'integer' | 'time', value: string) {
  if (as === 'flag') return flagOf(name, value) ? 1 : 0;
  if (as !== 'integer') return value;
  if (!/^-?\d{1,15}$/.test(value)) throw badRequest(`'${value}' is not an integer.`);
  return Number(value);
}

/** Neutron's reading of a boolean in a query. */
export function flagOf(name: string, value: string): boolean {
  const word = value.toLowerCase();
  if (['true', '1', 't', 'on', 'yes', 'y'].includes(word)) return true;
  if (['false', '0', 'f', 'off', 'no', 'n'].includes(word)) return false;
  throw badRequest(`Invalid value for ${name}: '${value}' cannot be converted to boolean.`);
}

/** Tags by resource, for views. */
export async function tagsOf(
  tx: NetworkTx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const found = new Map<string, string[]>();
  if (ids.length === 0) return found;
  const rows = await tx
    .selectFrom('network_tag')
    .selectAll()
    .where('resource_id', 'in', ids)
    .orderBy('tag')
    .execute();
  for (const { resource_id, tag } of rows) {
    const tags = found.get(resource_id);
    if (tags === undefined) found.set(resource_id, [tag]);
    else tags.push(tag);
  }
  return found;
}

/** Something below the resource changed: its revision says so. */
export async function revisionRaise(
  tx: NetworkTx,
  table: 'network' | 'subnet' | 'port' | 'router' | 'security_group',
  id: string,
  now: number,
): Promise<void> {
  await tx
    .updateTable(table)
    .set((e) => ({ revision: e('revision', '+', 1), updated_at: now }))
    .where('id', '=', id)
    .execute();
}
