import type { Flag } from '../kernel/db.ts';
import type { ImageStatus, ImageVisibility } from './image.model.ts';

export interface ImageTables {
  image: ImageTable;
  image_property: { image_id: string; name: string; value: string };
  image_tag: { image_id: string; value: string };
  image_member: ImageMemberTable;
  image_blob: ImageBlobTable;
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
  /** `writing` while its uploader lives, `live` when complete, `doomed` when the bytes are to go. */
  state: 'writing' | 'live' | 'doomed';
  /** Until when nobody else may touch it; renewed by the uploader. */
  held_until: number;
  created_at: number;
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
