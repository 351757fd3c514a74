import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { quotaLimits } from './quota.store.ts';
import { actStart, type Act, type ServerEdit } from './server-act.ts';
import { imageFitCheck, imageFor, metadataCheck } from './server-create-check.ts';
import { passwordNew } from './server-create.ts';
import { serverFor } from './server-get.ts';
import { flavorParse, type ServerImage, type ServerKey, type ServerRow } from './server.model.ts';

export interface ServerRebuild {
  readonly imageId: string;
  readonly adminPass: string | null;
  readonly name?: string;
  readonly description?: string | null;
  readonly hostname?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Null takes the key away. */
  readonly keyName?: string | null;
  readonly userData?: string | null;
  readonly diskConfig?: 'AUTO' | 'MANUAL';
  readonly accessIpV4?: string;
  readonly accessIpV6?: string;
}

const act: Act = {
  rule: 'os_compute_api:servers:rebuild',
  word: 'rebuild',
  action: 'rebuild',
  event: 'compute_rebuild_instance',
  kind: 'server-rebuild',
  vmStates: ['active', 'stopped', 'error'],
  taskStates: [null],
  taskState: 'rebuilding',
};

/** The same server, addresses and host, with its disks made anew from an image. */
export async function serverRebuild(
  context: Context<ComputeWorld>,
  id: string,
  rebuild: ServerRebuild,
): Promise<{ server: ServerRow; adminPass: string }> {
  const { world } = context;
  const seen = await serverFor(context, id, act.rule);
  const key = await keyFind(context, seen, rebuild);
  const image = await imageFor(context, rebuild.imageId, 'Cannot find image for rebuild');
  imageFitCheck(context, image, flavorParse(seen.flavor));
  const facts: ServerImage = {
    virtualSizeBytes: image.virtualSizeBytes ?? image.sizeBytes ?? 0,
    minDiskGib: image.minDiskGib,
    minRamMib: image.minRamMib,
    properties: image.properties,
  };
  const adminPass = rebuild.adminPass ?? passwordNew(context);
  const { hostname } = rebuild;
  const server = await actStart(context, id, act, (found) => ({
    edit: {
      ...attributesEdit(rebuild),
      ...(key !== undefined && {
        key_name: key?.name ?? null,
        key: key === null ? null : JSON.stringify(key),
      }),
      image_id: rebuild.imageId,
      image: JSON.stringify(facts),
      admin_pass: adminPass,
      disk_revision: found.disk_revision + 1,
      // What was switched off stays so, with new disks.
      ...(found.vm_state !== 'stopped' && {
        run_state: 'running',
        incarnation: found.incarnation + 1,
      }),
      grace_ms: 0,
      progress: 0,
      generation: 'next',
    },
    input: { wasStopped: found.vm_state === 'stopped' },
  }));
  if (hostname !== undefined) await world.network.serverRename(server.id, hostname);
  return { server, adminPass };
}

function attributesEdit(rebuild: ServerRebuild): ServerEdit {
  const { name, description, hostname, metadata, userData } = rebuild;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(hostname !== undefined && { hostname }),
    ...(metadata !== undefined && { metadata: JSON.stringify(metadata) }),
    ...(userData !== undefined && { user_data: userData }),
    ...(rebuild.diskConfig !== undefined && { disk_config: rebuild.diskConfig }),
    ...(rebuild.accessIpV4 !== undefined && { access_ip_v4: rebuild.accessIpV4 }),
    ...(rebuild.accessIpV6 !== undefined && { access_ip_v6: rebuild.accessIpV6 }),
  };
}

/** Undefined: the key stays as it is. Keys belong to users: whoever rebuilds gives one of their own. */
async function keyFind(
  { world, actor }: Context<ComputeWorld>,
  server: ServerRow,
  { keyName, metadata }: ServerRebuild,
): Promise<ServerKey | null | undefined> {
  const { limits, key } = await world.region.read(async (tx) => ({
    limits: await quotaLimits(
      tx,
      { projectId: server.project_id, userId: actor.userId },
      world.settings.quotas,
    ),
    key: await tx
      .selectFrom('keypair')
      .select(['name', 'type', 'public_key'])
      .where('user_id', '=', actor.userId)
      .where('name', '=', keyName ?? '')
      .executeTakeFirst(),
  }));
  if (metadata !== undefined) metadataCheck(metadata, limits.metadata_items);
  if (keyName === undefined || keyName === null) return keyName;
  if (key === undefined) throw invalid('Invalid key_name provided.');
  return { name: key.name, type: key.type, data: key.public_key };
}
