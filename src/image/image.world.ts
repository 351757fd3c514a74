import type { Clock } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import type { Db } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Policy } from '../kernel/policy.ts';
import type { QuotaLimits } from './image.model.ts';
import type { ImageTables } from './image.tables.ts';
import type { DownloadRules } from './import/address-guard.ts';
import type { Protection } from './property-protection.model.ts';
import type { ImageStore } from './stores/image-store.ts';
import type { StagingStore } from './stores/file-store.ts';

export interface ImageWorld {
  /** The `region` database. */
  readonly db: Db<ImageTables>;
  /** The first one that takes bytes takes what is uploaded without naming a store. */
  readonly stores: readonly ImageStore[];
  /** Where bytes wait for their import. */
  readonly staging: StagingStore;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly sizeLimitBytes: number;
  readonly settings: ImageSettings;
  readonly limits: ProjectLimits;
  readonly tasks: TaskSignals;
  readonly copies: HostCopies;
  /** Image services of this and other regions. */
  readonly regions: Regions;
  readonly certificates: Certificates;
  /** Null: images are kept as they come. */
  readonly converter: Converter | null;
}

export interface ImageSettings {
  /** Bytes that one project may keep, each copy counted; null: any number. */
  readonly storageQuotaBytes: number | null;
  readonly download: DownloadRules;
  /** Null: custom properties are not protected. */
  readonly protections: readonly Protection[] | null;
  /** Images show where their bytes lie, and their owners may add to it (Glance's `show_multiple_locations`). */
  readonly showsLocations: boolean;
  /** Custom properties that an image brings along from another region begin with one of these. */
  readonly propertiesBrought: readonly string[];
}

/** Glance's `image_size_cap`. */
export const sizeLimitDefaultBytes = 1_099_511_627_776;

export const imageSettingsDefault: ImageSettings = {
  storageQuotaBytes: null,
  protections: null,
  showsLocations: false,
  download: { ports: [80, 443], allow: [], limitMs: 6 * 3_600_000, stallMs: 60_000 },
  propertiesBrought: ['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type'],
};

/** The unified limits, which identity keeps. */
export interface ProjectLimits {
  limitsOf(projectId: string): Promise<QuotaLimits>;
}

/** How the runner of tasks learns of what was written for it. */
export interface TaskSignals {
  wake(): void;
  cancelled(subject: string): void;
}

/** The copies of images that hosts keep: what the API calls its cache. */
export interface HostCopies {
  /** One per image, whichever hosts have it. A host that does not answer is left out while another does. */
  list(): Promise<readonly HostCopy[]>;
  /** Images that shall be brought to a host and are not there yet. */
  queued(): Promise<readonly string[]>;
  /** Brings the image to every host. Repeatable. */
  queue(imageId: string, requestId: string): Promise<void>;
  /** Null: all. */
  unqueue(imageId: string | null): Promise<void>;
  /** Null: all. Tells which stay on a host, because servers are built on them. */
  remove(imageId: string | null): Promise<readonly string[]>;
}

export interface HostCopy {
  readonly imageId: string;
  readonly sizeBytes: number;
  readonly copiedAt: number;
  readonly readAt: number;
  readonly diskCount: number;
}

export interface Regions {
  /** Of the cloud itself: its images are at hand. */
  readonly own: string;
  /** Base of the image API of a region as the catalog has it; null: none. */
  endpoint(region: string, face: string): Promise<string | null>;
  /** A token is a secret: it is only kept sealed. */
  seal(token: string): string;
  /** Null: sealed by somebody else, or too long ago. */
  open(sealed: string): string | null;
}

export interface Certificates {
  /** PEM; null: there is none of this id. */
  get(id: string): Promise<string | null>;
}

export interface Conversion {
  readonly sourcePath: string;
  readonly sourceFormat: string;
  readonly targetPath: string;
  readonly virtualSizeBytes: number;
}
export interface Converter {
  readonly format: 'qcow2' | 'raw';
  /** Throws a `Failure` with what was wrong with the image. `progress`: 0 to 100. */
  convert(
    conversion: Conversion,
    signal: AbortSignal,
    progress: (percent: number) => void,
  ): Promise<void>;
}

/** What the domain needs of a request; calls through the port have no more. */
export type ImageContext = Pick<
  Context<ImageWorld>,
  'world' | 'clock' | 'ids' | 'log' | 'actor' | 'allows'
>;
