import type { Flag } from '../kernel/db.ts';
import type { KernelTables } from '../kernel/tables.ts';
import type { ImageStatus, ImageVisibility } from './image.model.ts';

export interface ImageTables extends KernelTables {
  image: ImageTable;
  image_property: { image_id: string; name: string; value: string };
  image_tag: { image_id: string; value: string };
  image_member: ImageMemberTable;
  image_blob: ImageBlobTable;
  image_task: ImageTaskTable;
  metadef_namespace: MetadefNamespaceTable;
  metadef_definition: MetadefDefinitionTable;
  metadef_resource_type: {
    name: string;
    protected: Flag;
    created_at: number;
    updated_at: number;
  };
}

export interface ImageTable {
  id: string;
  name: string | null;
  /** A deleted image stays as `deleted`: its id is never given again. */
  status: ImageStatus;
  visibility: ImageVisibility;
  owner: string | null;
  protected: Flag;
  hidden: Flag;
  disk_format: string | null;
  container_format: string | null;
  min_disk: number;
  min_ram: number;
  size: number | null;
  virtual_size: number | null;
  md5: string | null;
  sha512: string | null;
  /** The import under way, which nobody else may disturb. */
  import_task: string | null;
  /** Stores that it still has to fill, and those that it could not fill, separated by commas; null: there was none. */
  importing_to: string | null;
  import_failed: string | null;
  created_at: number;
  updated_at: number;
}

export interface ImageMemberTable {
  image_id: string;
  member_id: string;
  status: 'pending' | 'accepted' | 'rejected';
  created_at: number;
  updated_at: number;
}

/**
 * One copy of the bytes of an image in one store. The row is there before the first byte and goes after the last, so
 * bytes without a row belong to nobody.
 */
export interface ImageBlobTable {
  id: string;
  image_id: string;
  store: string;
  /** Where it lies in its store; never used twice. */
  key: string;
  /**
   * `writing` while its uploader lives, `staged` when complete but not yet the image's, `live` when the image's,
   * `doomed` when the bytes are to go.
   */
  state: 'writing' | 'staged' | 'live' | 'doomed';
  /** Until when nobody else may touch it; renewed by the uploader. */
  held_until: number;
  /** What the bytes were found to be, of `staged` ones. */
  size: number | null;
  virtual_size: number | null;
  md5: string | null;
  sha512: string | null;
  /** JSON: what those who said where it lies said of it. */
  metadata: string | null;
  created_at: number;
}

/** What Glance calls a task: an import as its user sees it. The kernel's task of the same id does the work. */
export interface ImageTaskTable {
  id: string;
  type: string;
  status: 'pending' | 'processing' | 'success' | 'failure';
  owner: string | null;
  image_id: string | null;
  user_id: string;
  request_id: string;
  /** JSON. */
  input: string;
  result: string | null;
  message: string;
  created_at: number;
  updated_at: number;
  /** Two days after its end the task is forgotten. */
  expires_at: number | null;
}

export interface MetadefNamespaceTable {
  id: string;
  name: string;
  display_name: string | null;
  description: string | null;
  visibility: 'public' | 'private';
  protected: Flag;
  owner: string | null;
  created_at: number;
  updated_at: number;
}

/** What a namespace holds: objects, properties and tags, and the resource types that it is meant for. */
export interface MetadefDefinitionTable {
  namespace_id: string;
  kind: 'object' | 'property' | 'tag' | 'resource_type';
  name: string;
  /** JSON: all but the name. */
  value: string;
  created_at: number;
  updated_at: number;
}
