/** What other services may ask of images. They import this file and no other of this folder. */
import type { Actor } from '../kernel/policy.ts';

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

/** An image as its users in the cloud see it. */
export interface ImageSummary {
  readonly id: string;
  readonly name: string | null;
  readonly status: ImageStatus;
  readonly visibility: ImageVisibility;
  readonly ownerId: string | null;
  readonly isProtected: boolean;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  /** Null until the bytes are there. */
  readonly sizeBytes: number | null;
  /** What the guest sees as the size of its disk; null where the format does not tell. */
  readonly virtualSizeBytes: number | null;
  readonly md5: string | null;
  readonly sha512: string | null;
  /** Custom properties: `hw_disk_bus`, `os_distro`, `base_image_ref` and the like. */
  readonly properties: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface SnapshotNew {
  /** Chosen by the caller and journaled there: creating twice is creating once. */
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly diskFormat: 'qcow2' | 'raw';
  readonly minDiskGib: number;
  readonly minRamMib: number;
  /** Names of base properties (`status`, `owner`, ...) are refused. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface ImagePort {
  /** Throws `not_found` for what the actor may not see, in any status: the caller judges whether it can boot from it. */
  imageFor(actor: Actor, id: string): Promise<ImageSummary>;
  /** For the cloud itself, which may see all; null: gone. */
  imageGet(id: string): Promise<ImageSummary | null>;
  /** What the actor would list, newest first; `marker` is the id of the last one seen. */
  imageList(
    actor: Actor,
    filter: { readonly name?: string; readonly status?: ImageStatus },
    page: { readonly limit: number; readonly marker: string | null },
  ): Promise<readonly ImageSummary[]>;
  /** By the rules of the image API: `forbidden` when protected, `not_found` when not visible. */
  imageDelete(actor: Actor, id: string): Promise<void>;

  /** The bytes of an image that has any; throws `not_found` otherwise, `unavailable` when its store is down. */
  imageRead(id: string, range?: ByteRange): AsyncIterable<Uint8Array>;

  /** `queued`, private to its owner. Repeatable. */
  imageCreate(snapshot: SnapshotNew): Promise<void>;
  /**
   * Takes the bytes to their end, then the image is `active`. Repeatable: an earlier attempt that died is discarded,
   * an image that is active already stays as it is. Throws `not_found` when the image was deleted meanwhile,
   * `invalid` when the bytes are no safe image of the format named, `too_large` when the store is full; the image is
   * `queued` again then.
   */
  imageWrite(id: string, bytes: AsyncIterable<Uint8Array>): Promise<ImageSummary>;
  /** The bytes will never come: `killed`, nothing stored. Repeatable, also for an image that is gone. */
  imageFail(id: string): Promise<void>;
}
