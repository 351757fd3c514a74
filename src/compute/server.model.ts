import type { Selectable } from 'kysely';
import { conflict } from '../kernel/errors.ts';
import { flatText } from '../kernel/flat-text.ts';
import type { ServerTable } from './compute.tables.ts';

export type ServerRow = Selectable<ServerTable>;

/** What clients can be shown of a server and lists be sorted by: a list of a thousand reads no more. */
export const shownColumns = [
  ...(['id', 'project_id', 'user_id', 'name', 'description', 'hostname'] as const),
  ...(['reservation_id', 'launch_index', 'image_id', 'flavor', 'ram_mib', 'key_name'] as const),
  ...(['user_data', 'config_drive', 'metadata', 'tags', 'vm_state', 'task_state'] as const),
  ...(['power_state', 'locked_by', 'locked_reason', 'progress', 'host', 'zone_wanted'] as const),
  ...(['group_id', 'access_ip_v4', 'access_ip_v6', 'disk_config', 'deleted'] as const),
  ...(['created_at', 'updated_at', 'launched_at', 'terminated_at'] as const),
] satisfies (keyof ServerTable)[];
export type ShownServer = Pick<ServerRow, (typeof shownColumns)[number]>;

/** Nova's numbers. */
export const powerState = {
  none: 0,
  running: 1,
  paused: 3,
  shutDown: 4,
  crashed: 6,
  suspended: 7,
} as const;

/** The flavor as it was when the server was made. */
export interface ServerFlavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly ramMib: number;
  readonly diskGib: number;
  readonly ephemeralGib: number;
  readonly swapMib: number;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** The image as it was when the server was made from it: what snapshots of the server inherit, and its disk's size. */
export interface ServerImage {
  readonly virtualSizeBytes: number;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  readonly properties: Readonly<Record<string, string>>;
}

export interface ServerKey {
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  readonly data: string;
}

/** Thousands of servers share a few flavors and images: their texts are read once. */
function memoized<T>(): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= 1_000) known.clear();
    const parsed = JSON.parse(text) as T;
    known.set(text, parsed);
    return parsed;
  };
}
export const flavorParse = memoized<ServerFlavor>();
export const imageParse = memoized<ServerImage>();
export const metadataParse = memoized<Readonly<Record<string, string>>>();

export const keyParse = (text: string | null): ServerKey | null =>
  text === null ? null : (JSON.parse(text) as ServerKey);

export const tagsParse = (text: string): readonly string[] =>
  text === '' ? [] : text.slice(1, -1).split(',');
export const tagsText = (tags: readonly string[]): string =>
  tags.length === 0 ? '' : `,${tags.join(',')},`;

/** What the guest calls its first disk. */
export const rootDevice = '/dev/vda';

export const instanceName = (id: string): string => flatText('instance-', id);

const statuses: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  active: {
    default: 'ACTIVE',
    rebooting: 'REBOOT',
    reboot_pending: 'REBOOT',
    reboot_started: 'REBOOT',
    rebooting_hard: 'HARD_REBOOT',
    reboot_pending_hard: 'HARD_REBOOT',
    reboot_started_hard: 'HARD_REBOOT',
    updating_password: 'PASSWORD',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
  },
  building: { default: 'BUILD' },
  stopped: {
    default: 'SHUTOFF',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
  },
  paused: { default: 'PAUSED' },
  suspended: { default: 'SUSPENDED' },
  error: {
    default: 'ERROR',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
  },
  deleted: { default: 'DELETED' },
};

export function serverStatus(
  server: Pick<ServerRow, 'deleted' | 'vm_state' | 'task_state'>,
): string {
  if (server.deleted === 1) return 'DELETED';
  const byTask = statuses[server.vm_state];
  return byTask?.[server.task_state ?? 'default'] ?? byTask?.['default'] ?? 'UNKNOWN';
}

/** The states that clients mean by these statuses, upper or lower case; `default` stands for any other task state. */
export function statesOfStatus(wanted: readonly string[]): {
  readonly vmStates: readonly string[];
  readonly taskStates: readonly string[];
} {
  const upper = new Set(wanted.map((status) => status.toUpperCase()));
  const hits = Object.entries(statuses).flatMap(([vm, byTask]) =>
    Object.entries(byTask)
      .filter(([, status]) => upper.has(status))
      .map(([task]) => ({ vm, task })),
  );
  return {
    vmStates: [...new Set(hits.map(({ vm }) => vm))],
    taskStates: [...new Set(hits.map(({ task }) => task))],
  };
}

/** A name for the guest itself out of the name that people gave the server. */
export function hostnameOf(name: string, id: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[ _.]/g, '-')
    .replace(/[^A-Za-z0-9-]/g, '')
    .replace(/^-+|-+$/g, '')
    .toLowerCase()
    .slice(0, 63)
    .replace(/-+$/, '');
  return plain === '' ? `server-${id}` : plain;
}

/** Nova answers so while a server is on no host. */
export function hostCheck(server: ServerRow): void {
  if (server.host === null) throw conflict(`Instance ${server.id} is not ready`);
}
