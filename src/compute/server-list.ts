import { sql, type SelectQueryBuilder } from 'kysely';
import type { Context } from '../kernel/context.ts';
import { flag } from '../kernel/db.ts';
import { forbidden, invalid } from '../kernel/errors.ts';
import type { ComputeCellTables } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverFilter, type ServerColumn, type ServerFilter } from './server-filter.ts';
import { projectOf } from './project.ts';
import { flavorParse, shownColumns, type ShownServer } from './server.model.ts';
import { idsPadded, type CellTx } from './server.store.ts';

export const pageMax = 1_000;

export interface ServerPage {
  readonly servers: readonly ShownServer[];
  /** Set when there may be more. */
  readonly next: string | null;
}

interface Sort {
  readonly column: ServerColumn;
  readonly direction: 'asc' | 'desc';
}

interface Page {
  readonly limit: number;
  readonly marker: string | null;
  readonly sorts: readonly Sort[];
}

export async function serverList(
  context: Context<ComputeWorld>,
  query: URLSearchParams,
  rule: string,
  allTenantsRule: string,
): Promise<ServerPage> {
  const { world } = context;
  context.authorize(rule, { project_id: projectOf(context) });
  const page = pageOf(context, query);
  const asked = serverFilter(context, query, allTenantsRule);
  if (asked === null || page.limit === 0) return { servers: [], next: null };
  const filter = await addressesFind(world, asked);
  if (filter === null) return { servers: [], next: null };
  const servers = await world.cell.read((tx) =>
    pageRead(tx, filter, page, world.settings.defaultZone),
  );
  const last = servers.at(-1);
  return { servers, next: last !== undefined && servers.length === page.limit ? last.id : null };
}

/** Addresses are the network service's; it says which servers have them. */
async function addressesFind(
  { network }: ComputeWorld,
  { ip, ip6, ...rest }: ServerFilter,
): Promise<ServerFilter | null> {
  if (ip === undefined && ip6 === undefined) return rest;
  const projectId = rest.projectId ?? null;
  const plain = (pattern: string): string => pattern.replace(/^\^|\$$/g, '').replaceAll('\\.', '.');
  const found = [
    ...(ip === undefined ? [] : await network.serversByAddress(projectId, plain(ip), 4)),
    ...(ip6 === undefined ? [] : await network.serversByAddress(projectId, plain(ip6), 6)),
  ];
  return found.length === 0 ? null : { ...rest, ids: [...new Set(found)] };
}

/** Rows that the database cannot judge (patterns) are judged here, a page at a time. */
async function pageRead(
  tx: CellTx,
  filter: ServerFilter,
  { limit, marker, sorts }: Page,
  defaultZone: string,
): Promise<ShownServer[]> {
  const found: ShownServer[] = [];
  let after = marker === null ? null : await markerFind(tx, filter, marker);
  const zoneHosts = await hostsOfZone(tx, filter.zone, defaultZone);
  for (;;) {
    const wanted = limit - found.length;
    const isJudgedHere = filter.patterns.length > 0 || filter.flavorId !== undefined;
    const size = isJudgedHere ? pageMax : wanted;
    let query = narrowed(tx.selectFrom('server').select(shownColumns), filter, zoneHosts);
    if (after !== null) query = behind(query, sorts, after);
    for (const { column, direction } of sorts) query = query.orderBy(orderOf(column), direction);
    const rows = await query.limit(size).execute();
    found.push(...rows.filter((row) => judge(row, filter)).slice(0, wanted));
    after = rows.at(-1) ?? null;
    if (found.length === limit || rows.length < size) return found;
  }
}

const judge = (row: ShownServer, { patterns, flavorId }: ServerFilter): boolean =>
  patterns.every(([column, pattern]) => {
    const value = row[column];
    return value !== null && pattern(String(value));
  }) &&
  (flavorId === undefined || flavorParse(row.flavor).id === flavorId);

async function markerFind(tx: CellTx, filter: ServerFilter, id: string): Promise<ShownServer> {
  let query = tx.selectFrom('server').select(shownColumns).where('id', '=', id);
  if (filter.projectId !== undefined) query = query.where('project_id', '=', filter.projectId);
  const row = await query.executeTakeFirst();
  if (row === undefined) throw invalid(`marker [${id}] not found`);
  return row;
}

async function hostsOfZone(
  tx: CellTx,
  zone: string | undefined,
  defaultZone: string,
): Promise<readonly string[] | null> {
  if (zone === undefined) return null;
  const hosts = await tx.selectFrom('host').select(['name', 'availability_zone']).execute();
  return hosts
    .filter(({ availability_zone }) => (availability_zone ?? defaultZone) === zone)
    .map(({ name }) => name);
}

type Query = SelectQueryBuilder<ComputeCellTables, 'server', ShownServer>;

function narrowed(query: Query, filter: ServerFilter, zoneHosts: readonly string[] | null): Query {
  let to = query;
  if (filter.projectId !== undefined) to = to.where('project_id', '=', filter.projectId);
  if (filter.deleted !== undefined) to = to.where('deleted', '=', flag(filter.deleted));
  if (filter.ids !== undefined) to = to.where('id', 'in', idsPadded(filter.ids));
  if (filter.vmStates !== undefined) to = to.where('vm_state', 'in', filter.vmStates);
  if (filter.taskStates !== undefined) to = to.where('task_state', 'in', filter.taskStates);
  if (filter.changedSince !== undefined) to = to.where('updated_at', '>=', filter.changedSince);
  if (filter.changedBefore !== undefined) to = to.where('updated_at', '<=', filter.changedBefore);
  if (filter.locked !== undefined) {
    to = to.where('locked_by', filter.locked ? 'is not' : 'is', null);
  }
  for (const [column, value] of filter.exact) to = to.where(column, '=', value as never);
  for (const [column, ms] of filter.seconds) {
    to = to.where(column, '>=', ms as never).where(column, '<', (ms + 1000) as never);
  }
  if (zoneHosts !== null) {
    const { zone = '' } = filter;
    to = to.where((e) =>
      e.or([
        ...(zoneHosts.length > 0 ? [e('host', 'in', zoneHosts)] : []),
        e.and([e('host', 'is', null), e('zone_wanted', '=', zone)]),
      ]),
    );
  }
  return tagged(to, filter);
}

/** A tag is there when taking it out changes the text: exact on both engines, and safe for any tag. */
function tagged(query: Query, { tags, tagsAny, notTags, notTagsAny }: ServerFilter): Query {
  const has = (tag: string) => sql<boolean>`replace(tags, ${`,${tag},`}, '') <> tags`;
  const hasNot = (tag: string) => sql<boolean>`replace(tags, ${`,${tag},`}, '') = tags`;
  let to = query;
  for (const tag of tags ?? []) to = to.where(has(tag));
  if (tagsAny !== undefined) to = to.where((e) => e.or(tagsAny.map(has)));
  if (notTags !== undefined) to = to.where((e) => e.or(notTags.map(hasNot)));
  for (const tag of notTagsAny ?? []) to = to.where(hasNot(tag));
  return to;
}

/** NULL sorts first on one engine and last on the other: where it can occur it is the smallest. */
const orderOf = (column: ServerColumn) =>
  columnsWithNull[column] === undefined
    ? sql.ref(column)
    : sql`coalesce(${sql.ref(column)}, ${columnsWithNull[column]})`;

const columnsWithNull: Partial<Record<ServerColumn, string | number>> = {
  access_ip_v4: '',
  access_ip_v6: '',
  zone_wanted: '',
  description: '',
  host: '',
  image_id: '',
  key_name: '',
  launched_at: -1,
  locked_by: '',
  task_state: '',
  terminated_at: -1,
};

/** Rows that come after this one in the order: larger in the first column that differs. */
function behind(query: Query, sorts: readonly Sort[], after: ShownServer): Query {
  const value = (column: ServerColumn) => after[column] ?? columnsWithNull[column] ?? null;
  const steps = sorts.map(({ column, direction }, index) => {
    const equals = sorts
      .slice(0, index)
      .map((sort) => sql<boolean>`${orderOf(sort.column)} = ${value(sort.column)}`);
    const further =
      direction === 'asc'
        ? sql<boolean>`${orderOf(column)} > ${value(column)}`
        : sql<boolean>`${orderOf(column)} < ${value(column)}`;
    return [...equals, further];
  });
  return query.where((e) => e.or(steps.map((step) => e.and(step))));
}

const sortColumns: Readonly<Record<string, ServerColumn>> = {
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  auto_disk_config: 'disk_config',
  availability_zone: 'zone_wanted',
  config_drive: 'config_drive',
  created_at: 'created_at',
  display_description: 'description',
  display_name: 'name',
  host: 'host',
  hostname: 'hostname',
  image_ref: 'image_id',
  // Nova sorts by numbers of its own: the size of the machine comes nearest.
  instance_type_id: 'ram_mib',
  key_name: 'key_name',
  launch_index: 'launch_index',
  launched_at: 'launched_at',
  locked_by: 'locked_by',
  node: 'host',
  power_state: 'power_state',
  progress: 'progress',
  project_id: 'project_id',
  task_state: 'task_state',
  terminated_at: 'terminated_at',
  updated_at: 'updated_at',
  user_id: 'user_id',
  uuid: 'id',
  vm_state: 'vm_state',
};
/** The same for every server. */
const sortConstants = ['kernel_id', 'ramdisk_id', 'root_device_name'];
/** Taken and ignored below 2.75. */
const sortIgnored = [
  ...['architecture', 'cell_name', 'cleaned', 'default_ephemeral_device', 'default_swap_device'],
  ...['deleted', 'deleted_at', 'disable_terminate', 'ephemeral_gb', 'ephemeral_key_uuid', 'id'],
  ...['key_data', 'launched_on', 'memory_mb', 'os_type', 'reservation_id', 'root_gb'],
  ...['shutdown_terminate', 'user_data', 'vcpus', 'vm_mode'],
];

function pageOf(context: Context<ComputeWorld>, query: URLSearchParams): Page {
  const limit = query.get('limit');
  if (limit !== null && !/^\d{1,10}$/.test(limit)) {
    throw invalid(
      `Invalid input for query parameters limit. Value: ${limit}. '${limit}' does not match '^[0-9]*$'`,
    );
  }
  const directions = query.getAll('sort_dir');
  const sorts: Sort[] = [];
  for (const [index, key] of query.getAll('sort_key').entries()) {
    const direction = directions[index] ?? directions[0] ?? 'desc';
    if (direction !== 'asc' && direction !== 'desc') {
      throw invalid(`Unknown sort direction, must be 'desc' or 'asc'`);
    }
    const column = sortColumnOf(context, key);
    if (column !== null) sorts.push({ column, direction });
  }
  const first = directions[0] ?? 'desc';
  if (first !== 'asc' && first !== 'desc') {
    throw invalid(`Unknown sort direction, must be 'desc' or 'asc'`);
  }
  if (sorts.length === 0) sorts.push({ column: 'created_at', direction: first });
  // Two rows never tie: the id comes last.
  if (!sorts.some(({ column }) => column === 'id')) sorts.push({ column: 'id', direction: first });
  return {
    limit: limit === null ? pageMax : Math.min(Number(limit), pageMax),
    marker: query.get('marker'),
    sorts,
  };
}

function sortColumnOf(context: Context<ComputeWorld>, key: string): ServerColumn | null {
  if ((key === 'host' || key === 'node') && !context.allows('context_is_admin')) {
    throw forbidden(`Only administrators can sort servers by ${key}`);
  }
  const column = sortColumns[key];
  if (column !== undefined) return column;
  if (sortConstants.includes(key)) return null;
  if (key === 'locked' && context.since('2.73')) return 'locked_by';
  if (!context.since('2.75') && (key === 'locked' || sortIgnored.includes(key))) return null;
  throw invalid(`Invalid input for query parameters sort_key. Value: ${key}.`);
}
