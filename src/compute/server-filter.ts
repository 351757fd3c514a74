import type { Context } from '../kernel/context.ts';
import { forbidden, invalid } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { patternParse, type Pattern } from './pattern.ts';
import { projectOf } from './project.ts';
import { rootDevice, statesOfStatus, type ShownServer } from './server.model.ts';

/** What a list is narrowed to. Undefined: anything. */
export interface ServerFilter {
  readonly projectId?: string;
  readonly deleted?: boolean;
  readonly ids?: readonly string[];
  readonly vmStates?: readonly string[];
  readonly taskStates?: readonly string[];
  /** Columns that must hold exactly this. */
  readonly exact: readonly (readonly [ServerColumn, string | number])[];
  /** Columns in which a pattern is found. */
  readonly patterns: readonly (readonly [ServerColumn, Pattern])[];
  /** Columns whose time is in the second that starts here. */
  readonly seconds: readonly (readonly [ServerColumn, number])[];
  readonly zone?: string;
  readonly locked?: boolean;
  readonly changedSince?: number;
  readonly changedBefore?: number;
  readonly tags?: readonly string[];
  readonly tagsAny?: readonly string[];
  readonly notTags?: readonly string[];
  readonly notTagsAny?: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly flavorId?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export type ServerColumn = Exclude<keyof ShownServer, 'flavor'>;

/** Nova's names of columns, and how a value is compared: as a pattern in text, exactly in what is no text. */
const columns: Readonly<Record<string, readonly [ServerColumn, 'pattern' | 'exact' | 'number']>> = {
  name: ['name', 'pattern'],
  display_name: ['name', 'pattern'],
  description: ['description', 'pattern'],
  display_description: ['description', 'pattern'],
  hostname: ['hostname', 'pattern'],
  key_name: ['key_name', 'pattern'],
  host: ['host', 'exact'],
  node: ['host', 'pattern'],
  user_id: ['user_id', 'exact'],
  image: ['image_id', 'exact'],
  image_ref: ['image_id', 'exact'],
  reservation_id: ['reservation_id', 'pattern'],
  launch_index: ['launch_index', 'number'],
  uuid: ['id', 'exact'],
  power_state: ['power_state', 'number'],
  progress: ['progress', 'number'],
  locked_by: ['locked_by', 'exact'],
  access_ip_v4: ['access_ip_v4', 'pattern'],
  access_ip_v6: ['access_ip_v6', 'pattern'],
};

/** What anybody may filter by; administrators may by everything. */
const openTo: readonly (readonly [since: string, names: readonly string[]])[] = [
  [
    '2.1',
    ['reservation_id', 'name', 'status', 'image', 'flavor', 'ip', 'changes-since', 'all_tenants'],
  ],
  ['2.5', ['ip6']],
  ['2.26', ['tags', 'tags-any', 'not-tags', 'not-tags-any']],
  ['2.66', ['changes-before']],
  ['2.73', ['locked']],
  [
    '2.83',
    [
      ...['availability_zone', 'config_drive', 'key_name', 'created_at', 'launched_at'],
      ...['terminated_at', 'power_state', 'task_state', 'vm_state', 'progress', 'user_id'],
    ],
  ],
  ['2.90', ['hostname']],
];

const paging = ['sort_key', 'sort_dir', 'limit', 'marker'];
const others = [
  ...['status', 'flavor', 'ip', 'ip6', 'changes-since', 'changes-before', 'all_tenants'],
  ...['tags', 'tags-any', 'not-tags', 'not-tags-any', 'locked', 'vm_state', 'task_state'],
  ...['availability_zone', 'config_drive', 'created_at', 'launched_at', 'terminated_at'],
  ...['project_id', 'tenant_id', 'deleted', 'soft_deleted', 'kernel_id', 'ramdisk_id'],
  ...['root_device_name', 'auto_disk_config'],
];
/** They name tables that Nova joins; it refuses them at every version. */
const refused = [
  ...['block_device_mapping', 'services', 'metadata', 'system_metadata', 'info_cache'],
  ...['security_groups', 'pci_devices'],
];
export const serverQuery: readonly string[] = [...paging, ...others, ...Object.keys(columns)];

/** Null: the filter cannot match anything. */
export function serverFilter(
  context: Context<ComputeWorld>,
  query: URLSearchParams,
  allTenantsRule: string,
): ServerFilter | null {
  const params = paramsAllowed(context, query);
  const filter: Draft = {
    exact: [],
    patterns: [],
    seconds: [],
  };
  if (!constantsMatch(params)) return null;
  columnsRead(params, filter);
  if (!statesRead(context, query, params, filter)) return null;
  timesRead(params, filter);
  for (const [name, key] of tagKeys) {
    const text = params.get(name);
    if (text !== null) filter[key] = text.split(',');
  }
  const ip = params.get('ip');
  if (ip !== null) filter.ip = ip;
  const ip6 = params.get('ip6');
  if (ip6 !== null) filter.ip6 = ip6;
  const flavor = params.get('flavor');
  if (flavor !== null) filter.flavorId = flavor;
  const zone = params.get('availability_zone');
  if (zone !== null) filter.zone = zone;
  const locked = params.get('locked');
  if (locked !== null) filter.locked = boolStrict('locked', locked);

  if (isAllTenants(params)) {
    context.authorize(allTenantsRule);
    const project = params.get('project_id') ?? params.get('tenant_id');
    if (project !== null) filter.projectId = project;
  } else {
    filter.projectId = projectOf(context);
  }
  return filter;
}

const tagKeys = [
  ['tags', 'tags'],
  ['tags-any', 'tagsAny'],
  ['not-tags', 'notTags'],
  ['not-tags-any', 'notTagsAny'],
] as const;

/** What the caller may not filter by is left out, as Nova does; from 2.75 on what is unknown is an error. */
function paramsAllowed(context: Context<ComputeWorld>, query: URLSearchParams): URLSearchParams {
  for (const name of query.keys()) {
    if (name.startsWith('_') || refused.includes(name)) {
      throw invalid(`Invalid filter field: ${name}.`);
    }
    if (context.since('2.75') && !serverQuery.includes(name)) {
      throw invalid(
        `Invalid input for query parameters: Additional properties are not allowed ('${name}' was unexpected)`,
      );
    }
  }
  if (context.allows('os_compute_api:servers:allow_all_filters')) return query;
  const open = new Set(openTo.flatMap(([since, names]) => (context.since(since) ? names : [])));
  return new URLSearchParams([...query].filter(([name]) => open.has(name)));
}

/** Attributes that are the same for every server of this cloud. */
const constants: Readonly<Record<string, string>> = {
  kernel_id: '',
  ramdisk_id: '',
  root_device_name: rootDevice,
};

function constantsMatch(params: URLSearchParams): boolean {
  return Object.entries(constants).every(([name, value]) => {
    const text = params.get(name);
    return text === null || patternOf(name, text)(value);
  });
}

type Draft = { -readonly [Key in keyof ServerFilter]: ServerFilter[Key] };

function columnsRead(params: URLSearchParams, filter: Draft): void {
  const exact: (readonly [ServerColumn, string | number])[] = [];
  const patterns: (readonly [ServerColumn, Pattern])[] = [];
  for (const [name, value] of params) {
    const known = columns[name];
    if (known === undefined) continue;
    const [column, how] = known;
    if (how === 'exact') exact.push([column, value]);
    else if (how === 'number')
      exact.push([column, Number.isSafeInteger(Number(value)) ? Number(value) : -1]);
    else patterns.push([column, patternOf(name, value)]);
  }
  const drive = params.get('config_drive');
  if (drive !== null) exact.push(['config_drive', /^(true|1|yes|on)$/i.test(drive) ? 1 : 0]);
  const disk = params.get('auto_disk_config');
  if (disk !== null) exact.push(['disk_config', /^(true|1|auto)$/i.test(disk) ? 'AUTO' : 'MANUAL']);
  filter.exact = exact;
  filter.patterns = patterns;
}

function patternOf(name: string, text: string): Pattern {
  const pattern = patternParse(text);
  if (pattern !== null) return pattern;
  throw invalid(
    `Invalid input for query parameters ${name}. Value: ${text}. '${text}' is not a 'regex'`,
  );
}

function statesRead(
  context: Context<ComputeWorld>,
  query: URLSearchParams,
  params: URLSearchParams,
  filter: Draft,
): boolean {
  const vmState = params.getAll('vm_state');
  if (vmState.length > 0) filter.vmStates = vmState;
  const taskState = params.getAll('task_state');
  if (taskState.length > 0) filter.taskStates = taskState;
  const statuses = query.getAll('status');
  if (statuses.length > 0) {
    const { vmStates, taskStates } = statesOfStatus(statuses);
    if (vmStates.length === 0) {
      if (context.since('2.38')) throw invalid('Invalid status value');
      return false;
    }
    filter.vmStates = vmStates;
    if (!taskStates.includes('default')) filter.taskStates = taskStates;
  }
  const deleted = params.get('deleted');
  if (deleted !== null) filter.deleted = /^(1|t|true|on|y|yes)$/i.test(deleted);
  else if (!params.has('changes-since') && !params.has('changes-before')) filter.deleted = false;
  if (filter.vmStates?.length === 1 && filter.vmStates[0] === 'deleted') {
    if (!context.allows('context_is_admin')) {
      throw forbidden('Only administrators may list deleted instances');
    }
    filter.deleted = true;
  }
  return true;
}

function timesRead(params: URLSearchParams, filter: Draft): void {
  const since = timeOf(params, 'changes-since');
  const before = timeOf(params, 'changes-before');
  filter.seconds = (['created_at', 'launched_at', 'terminated_at'] as const).flatMap((name) => {
    const ms = timeOf(params, name);
    return ms === null ? [] : [[name, ms - (ms % 1000)] as const];
  });
  if (since !== null) filter.changedSince = since;
  if (before !== null) filter.changedBefore = before;
  if (since !== null && before !== null && before < since) {
    throw invalid('The value of changes-since must be less than or equal to changes-before.');
  }
}

export function timeOf(params: URLSearchParams, name: string): number | null {
  const text = params.get(name);
  if (text === null) return null;
  // Without a zone it is UTC; a plus sign in a query that was not quoted arrives as a space.
  const quoted = text.replace(/ (\d\d:?\d\d)$/, '+$1');
  const zoned = /(Z|[+-]\d\d(:?\d\d)?)$/i.test(quoted.slice(10)) ? quoted : `${quoted}Z`;
  const ms = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?/.test(quoted)
    ? Date.parse(zoned.length === 11 ? quoted : zoned)
    : NaN;
  if (!Number.isNaN(ms)) return ms;
  throw invalid(
    `Invalid input for query parameters ${name}. Value: ${text}. '${text}' is not a 'date-time'`,
  );
}

function isAllTenants(params: URLSearchParams): boolean {
  const text = params.get('all_tenants');
  // `?all_tenants` alone means yes.
  return text !== null && (text === '' || boolStrict('all_tenants', text));
}

function boolStrict(name: string, text: string): boolean {
  if (/^(1|t|true|on|y|yes)$/i.test(text)) return true;
  if (/^(0|f|false|off|n|no)$/i.test(text)) return false;
  throw invalid(`Invalid value '${text}' for ${name}: a boolean is needed.`);
}
