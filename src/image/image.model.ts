export type ImageStatus =
  | 'queued'
  | 'saving'
  | 'uploading'
  | 'importing'
  | 'active'
  | 'deactivated'
  | 'killed'
  | 'deleted'
  | 'pending_delete';

export type ImageVisibility = 'public' | 'community' | 'shared' | 'private';

export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface Image {
  readonly id: string;
  readonly name: string | null;
  readonly status: ImageStatus;
  readonly visibility: ImageVisibility;
  readonly owner: string | null;
  readonly isProtected: boolean;
  readonly isHidden: boolean;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  readonly md5: string | null;
  readonly sha512: string | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** Ids of the stores that hold its bytes. */
  readonly stores: readonly string[];
  /** Where its bytes lie, in the order in which they came there. */
  readonly places: readonly ImagePlace[];
  /** The import under way, or the last one; null: there was none. */
  readonly importing: Importing | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ImagePlace {
  readonly store: string;
  readonly key: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Importing {
  /** Null: it has ended. */
  readonly taskId: string | null;
  readonly toStores: readonly string[];
  readonly failedStores: readonly string[];
}

/** What its users may set. */
export type ImageEdit = Pick<
  Image,
  | 'name'
  | 'visibility'
  | 'owner'
  | 'isProtected'
  | 'isHidden'
  | 'diskFormat'
  | 'containerFormat'
  | 'minDiskGib'
  | 'minRamMib'
  | 'properties'
  | 'tags'
>;

export const visibilities: readonly ImageVisibility[] = [
  'community',
  'public',
  'private',
  'shared',
];
/** In Glance's order: clients and test suites take the first ones. */
export const containerFormats: readonly string[] = [
  'ami',
  'ari',
  'aki',
  'bare',
  'ovf',
  'ova',
  'docker',
  'compressed',
];
export const diskFormats: readonly string[] = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vmdk',
  'raw',
  'qcow2',
  'vhdx',
  'vdi',
  'iso',
  'ploop',
];
export const statuses: readonly ImageStatus[] = [
  'queued',
  'saving',
  'active',
  'killed',
  'deleted',
  'uploading',
  'importing',
  'pending_delete',
  'deactivated',
];

/** Attributes that only the service writes: naming them in a change is forbidden. */
export const readonlyNames: ReadonlySet<string> = new Set([
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'size',
  'virtual_size',
  'direct_url',
  'self',
  'file',
  'schema',
  'stores',
  'id',
  'os_hash_algo',
  'os_hash_value',
]);
const reservedNames: ReadonlySet<string> = new Set(['location', 'deleted', 'deleted_at']);
export const isReserved = (name: string): boolean =>
  reservedNames.has(name) || name.startsWith('os_glance');

/** Glance's limits per image; more is 413. */
export const propertyLimit = 128;
export const tagLimit = 128;
export const memberLimit = 128;

/** Glance's registered limits; sizes in MiB. */
export const quotaNames = [
  'image_size_total',
  'image_stage_total',
  'image_count_total',
  'image_count_uploading',
] as const;
export type QuotaName = (typeof quotaNames)[number];

/** The unified limits of a project; what is not registered is not limited. */
export type QuotaLimits = Readonly<Partial<Record<QuotaName, number>>>;
