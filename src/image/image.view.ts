import { isoSeconds } from '../kernel/clock.ts';
import { flatText } from '../kernel/flat-text.ts';
import type { Member } from './image-member.store.ts';
import type { LocationView } from './image-location.ts';
import type { Image, Importing } from './image.model.ts';

/** Links are paths below the endpoint, as in Glance, not URLs. `locations`: null where they are not shown. */
export const imageView = (
  image: Image,
  locations: readonly LocationView[] | null,
): Record<string, unknown> => ({
  ...image.properties,
  name: image.name,
  disk_format: image.diskFormat,
  container_format: image.containerFormat,
  visibility: image.visibility,
  size: image.sizeBytes,
  virtual_size: image.virtualSizeBytes,
  status: image.status,
  checksum: image.md5,
  protected: image.isProtected,
  min_ram: image.minRamMib,
  min_disk: image.minDiskGib,
  owner: image.owner,
  os_hidden: image.isHidden,
  os_hash_algo: image.sha512 === null ? null : 'sha512',
  os_hash_value: image.sha512,
  id: image.id,
  created_at: isoSeconds(image.createdAt),
  updated_at: isoSeconds(image.updatedAt),
  tags: image.tags,
  self: flatText('/v2/images/', image.id),
  file: flatText('/v2/images/', image.id, '/file'),
  schema: '/v2/schemas/image',
  ...(locations !== null && { locations }),
  ...(image.stores.length > 0 && { stores: image.stores.join(',') }),
  ...(image.importing !== null && importingView(image.importing)),
});

const importingView = ({ taskId, toStores, failedStores }: Importing): Record<string, unknown> => ({
  ...(taskId !== null && { os_glance_import_task: taskId }),
  os_glance_importing_to_stores: toStores.join(','),
  os_glance_failed_import: failedStores.join(','),
});

export const memberView = (member: Member): Record<string, unknown> => ({
  member_id: member.member_id,
  image_id: member.image_id,
  status: member.status,
  created_at: isoSeconds(member.created_at),
  updated_at: isoSeconds(member.updated_at),
  schema: '/v2/schemas/member',
});
