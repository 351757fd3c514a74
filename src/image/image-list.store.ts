import { sql, type Expression, type ExpressionBuilder, type SqlBool } from 'kysely';
import { flag, type Tx } from '../kernel/db.ts';
import type { Image } from './image.model.ts';
import { imagesOf } from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageVisibility } from './image.model.ts';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type TextColumn =
  | 'id'
  | 'name'
  | 'status'
  | 'owner'
  | 'disk_format'
  | 'container_format'
  | 'md5'
  | 'sha512';
export type NumberColumn =
  | 'size'
  | 'virtual_size'
  | 'min_disk'
  | 'min_ram'
  | 'created_at'
  | 'updated_at';
export type SortColumn =
  | 'name'
  | 'status'
  | 'container_format'
  | 'disk_format'
  | 'size'
  | 'id'
  | 'created_at'
  | 'updated_at';

export interface Sort {
  readonly column: SortColumn;
  readonly direction: 'asc' | 'desc';
}

/** Who looks: an administrator sees all, others what is theirs, open to all, or shared with them. */
export interface Viewer {
  readonly isAdmin: boolean;
  readonly projectId: string | null;
}

export interface ListQuery {
  readonly texts: readonly { readonly column: TextColumn; readonly values: readonly string[] }[];
  readonly numbers: readonly {
    readonly column: NumberColumn;
    readonly comparison: Comparison;
    readonly value: number;
  }[];
  readonly properties: readonly (readonly [name: string, value: string])[];
  readonly tags: readonly string[];
  readonly isHidden: boolean;
  readonly isProtected: boolean | null;
  /** Null: all but the community images of others. */
  readonly visibility: ImageVisibility | 'all' | null;
  readonly memberStatus: 'pending' | 'accepted' | 'rejected' | 'all';
  readonly sort: readonly Sort[];
  readonly marker: string | null;
  readonly limit: number;
}

type Build = ExpressionBuilder<ImageTables, 'image'>;

/** Null: the marker is no image that the viewer sees. */
export async function imageListSelect(
  tx: Tx<ImageTables>,
  viewer: Viewer,
  query: ListQuery,
): Promise<Image[] | null> {
  const sort = sortComplete(query.sort);
  const seen = tx.selectFrom('image').where((eb) => eb.and(viewable(eb, viewer, query)));
  let page = seen.where((eb) => eb.and(wanted(eb, viewer, query)));
  if (query.marker !== null) {
    const marker = await seen.selectAll().where('id', '=', query.marker).executeTakeFirst();
    if (marker === undefined) return null;
    page = page.where((eb) => eb.or(after(eb, sort, (column) => marker[column])));
  }
  for (const { column, direction } of sort) page = page.orderBy(sortable(column), direction);
  return imagesOf(tx, await page.selectAll().limit(query.limit).execute());
}

function viewable(
  eb: Build,
  viewer: Viewer,
  { memberStatus }: Pick<ListQuery, 'memberStatus'>,
): Expression<SqlBool>[] {
  const alive = eb('status', 'not in', ['deleted', 'killed']);
  if (viewer.isAdmin) return [alive];
  const open = eb('visibility', 'in', ['public', 'community']);
  const { projectId } = viewer;
  if (projectId === null) return [alive, open];
  const shares = eb
    .selectFrom('image_member')
    .select('image_member.image_id')
    .whereRef('image_member.image_id', '=', 'image.id')
    .where('image_member.member_id', '=', projectId);
  const shared = eb.and([
    eb('visibility', '=', 'shared'),
    eb.exists(
      memberStatus === 'all' ? shares : shares.where('image_member.status', '=', memberStatus),
    ),
  ]);
  return [alive, eb.or([eb('owner', '=', projectId), open, shared])];
}

function wanted(eb: Build, { projectId }: Viewer, query: ListQuery): Expression<SqlBool>[] {
  const { visibility } = query;
  const conditions: Expression<SqlBool>[] = [eb('hidden', '=', flag(query.isHidden))];
  if (query.isProtected !== null) conditions.push(eb('protected', '=', flag(query.isProtected)));
  if (visibility === null) {
    const listed = eb('visibility', '<>', 'community');
    conditions.push(projectId === null ? listed : eb.or([listed, eb('owner', '=', projectId)]));
  } else if (visibility !== 'all') conditions.push(eb('visibility', '=', visibility));
  for (const { column, values } of query.texts) conditions.push(eb(column, 'in', values));
  for (const { column, comparison, value } of query.numbers)
    conditions.push(eb(comparable(column), comparison, value));
  for (const [name, value] of query.properties) {
    conditions.push(
      eb.exists(
        eb
          .selectFrom('image_property')
          .select('image_property.image_id')
          .whereRef('image_property.image_id', '=', 'image.id')
          .where('image_property.name', '=', name)
          .where('image_property.value', '=', value),
      ),
    );
  }
  for (const tag of query.tags) {
    conditions.push(
      eb.exists(
        eb
          .selectFrom('image_tag')
          .select('image_tag.image_id')
          .whereRef('image_tag.image_id', '=', 'image.id')
          .where('image_tag.value', '=', tag),
      ),
    );
  }
  return conditions;
}

/** Times are shown, and so compared, in whole seconds. */
function comparable(column: NumberColumn) {
  const reference = sql.ref<number>(`image.${column}`);
  return column === 'created_at' || column === 'updated_at'
    ? sql<number>`(${reference} / 1000)`
    : reference;
}

/** Rows behind the marker: equal in the first n keys and beyond it in the next. */
function after(
  eb: Build,
  sort: readonly Sort[],
  at: (column: SortColumn) => string | number | null,
): Expression<SqlBool>[] {
  const valueAt = (column: SortColumn): string | number => at(column) ?? nullRank(column);
  return sort.map(({ column, direction }, index) =>
    eb.and([
      ...sort
        .slice(0, index)
        .map((earlier) => eb(sortable(earlier.column), '=', valueAt(earlier.column))),
      eb(sortable(column), direction === 'asc' ? '>' : '<', valueAt(column)),
    ]),
  );
}

const nullable: Readonly<Partial<Record<SortColumn, string | number>>> = {
  name: '',
  container_format: '',
  disk_format: '',
  size: -1,
};
const nullRank = (column: SortColumn): string | number => nullable[column] ?? '';

/** The engines disagree on where null sorts: it is made a value below all others. */
function sortable(column: SortColumn) {
  const rank = nullable[column];
  const reference = sql.ref<string | number>(`image.${column}`);
  if (rank === undefined) return reference;
  return typeof rank === 'number'
    ? sql<string | number>`coalesce(${reference}, -1)`
    : sql<string | number>`coalesce(${reference}, '')`;
}

/** The last key is unique, so that pages neither overlap nor skip. */
function sortComplete(sort: readonly Sort[]): readonly Sort[] {
  const direction = sort[0]?.direction ?? 'desc';
  const missing = (['created_at', 'id'] as const).filter(
    (column) => !sort.some((given) => given.column === column),
  );
  return [...sort, ...missing.map((column) => ({ column, direction }))];
}
