import type { Context } from '../kernel/context.ts';
import { Failure } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { quotaLimits } from './quota.store.ts';
import { actStart, guardCheck, type Act } from './server-act.ts';
import { serverFor } from './server-get.ts';
import { flavorParse, imageParse, type ServerRow } from './server.model.ts';
import type { SnapshotNew } from '../image/port.ts';

const snapshot: Act = {
  rule: 'os_compute_api:servers:create_image',
  word: 'createImage',
  action: 'createImage',
  event: 'compute_snapshot_instance',
  kind: 'server-snapshot',
  vmStates: ['active', 'stopped', 'paused', 'suspended'],
  taskStates: [null],
  taskState: 'image_snapshot_pending',
  isLockIgnored: true,
};
const backup: Act = {
  ...snapshot,
  rule: 'os_compute_api:os-create-backup',
  word: 'createBackup',
  action: 'createBackup',
  event: 'compute_backup_instance',
  taskState: 'image_backup',
};

export interface SnapshotWish {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** createBackup: of the backups of this type as many stay as `rotation` says. */
  readonly backup?: Backup;
}

export interface Backup {
  readonly type: string;
  readonly rotation: number;
}

/** Answers the id of the image to be, which exists from now on and is filled by a task. */
export async function serverSnapshot(
  context: Context<ComputeWorld>,
  id: string,
  wanted: SnapshotWish,
): Promise<string> {
  const act = wanted.backup === undefined ? snapshot : backup;
  const { world, ids } = context;
  const server = await serverFor(context, id, act.rule);
  guardCheck(context, server, act);
  // Nova stopped judging image metadata by its own quota at 2.39.
  if (!context.since('2.39')) await imageMetadataCheck(context, server, wanted.metadata);
  const image = imageOf(server, ids.uuid(), wanted);
  await world.images.imageCreate(image);
  try {
    await actStart(context, id, act, () => ({
      edit: {},
      input: { image, snapshotId: ids.uuid(), ...(wanted.backup && { backup: wanted.backup }) },
    }));
  } catch (error) {
    await world.images.imageFail(image.id);
    throw error;
  }
  return image.id;
}

/** What Glance calls by these names is not a property of its own. */
const notInherited = [
  ...['cache_in_nova', 'bittorrent', 'img_signature_hash_method', 'img_signature'],
  ...['img_signature_key_type', 'img_signature_certificate_uuid'],
];

function imageOf(
  server: ServerRow,
  id: string,
  { name, metadata, backup: rotated }: SnapshotWish,
): SnapshotNew {
  const base = imageParse(server.image);
  const flavor = flavorParse(server.flavor);
  const inherited = Object.entries(base.properties).filter(([key]) => !notInherited.includes(key));
  return {
    id,
    ownerId: server.project_id,
    name,
    diskFormat: 'qcow2',
    minDiskGib: Math.max(base.minDiskGib, flavor.diskGib),
    minRamMib: base.minRamMib,
    properties: {
      ...Object.fromEntries(inherited),
      instance_uuid: server.id,
      user_id: server.user_id,
      owner_id: server.project_id,
      ...(rotated === undefined
        ? { image_type: 'snapshot' }
        : { image_type: 'backup', backup_type: rotated.type }),
      image_location: 'snapshot',
      image_state: 'available',
      ...(server.image_id !== null && { base_image_ref: server.image_id }),
      ...metadata,
    },
  };
}

async function imageMetadataCheck(
  { world, actor }: Context<ComputeWorld>,
  server: ServerRow,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const { metadata_items: limit } = await world.region.read((tx) =>
    quotaLimits(tx, { projectId: server.project_id, userId: actor.userId }, world.settings.quotas),
  );
  if (limit >= 0 && Object.keys(metadata).length > limit) {
    throw new Failure('over_quota', 'Image metadata limit exceeded');
  }
}
