import type { ImageSummary } from '../image/port.ts';
import type { Context } from '../kernel/context.ts';
import { Failure, forbidden, invalid } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Flavor } from './flavor.model.ts';
import { flavorFind } from './flavor.store.ts';
import { placingFind } from './placing-find.ts';
import { projectOf } from './project.ts';
import { quotaLimits } from './quota.store.ts';
import type { ServerCreate, ServerCreateFound } from './server-create.model.ts';
import type { ServerKey } from './server.model.ts';

/** Everything a create refers to: that it is there, may be used, and fits together. */
export async function serverCreateCheck(
  context: Context<ComputeWorld>,
  create: ServerCreate,
): Promise<ServerCreateFound> {
  const { world, actor } = context;
  const projectId = projectOf(context);
  const { flavor, key, limits } = await world.region.read(async (tx) => ({
    flavor: await flavorFind(tx, create.flavorId, isAdmin(context) ? null : projectId),
    key:
      create.keyName === null
        ? null
        : await tx
            .selectFrom('keypair')
            .select(['name', 'type', 'public_key'])
            .where('user_id', '=', actor.userId)
            .where('name', '=', create.keyName)
            .executeTakeFirst(),
    limits: await quotaLimits(tx, { projectId, userId: actor.userId }, world.settings.quotas),
  }));
  if (flavor === null || flavor.isDisabled) {
    throw invalid(`Flavor ${create.flavorId} could not be found.`);
  }
  if (key === undefined) throw invalid('Invalid key_name provided.');
  metadataCheck(create.metadata, limits.metadata_items);

  const image = await imageFor(context, create.imageId);
  imageFitCheck(context, image, flavor);
  const { zone, placing, group } = await placingFind(context, create, flavor);
  countCheck(create);
  const nics = await bodyNames(world.network.nicsPlan(actor, create.networks, create.maxCount));
  const groups = await bodyNames(
    world.network.securityGroupsFind(actor, create.securityGroups ?? []),
  );
  return {
    flavor: {
      id: flavor.id,
      name: flavor.name,
      vcpus: flavor.vcpus,
      ramMib: flavor.ramMib,
      diskGib: flavor.diskGib,
      ephemeralGib: flavor.ephemeralGib,
      swapMib: flavor.swapMib,
      extraSpecs: flavor.extraSpecs,
    },
    image: {
      virtualSizeBytes: image.virtualSizeBytes ?? image.sizeBytes ?? 0,
      minDiskGib: image.minDiskGib,
      minRamMib: image.minRamMib,
      properties: image.properties,
    },
    key: key === null ? null : keyOf(key),
    limits,
    nics,
    securityGroupIds: groups.map(({ id }) => id),
    zone,
    placing,
    group,
  };
}

const keyOf = (key: { name: string; type: 'ssh' | 'x509'; public_key: string }): ServerKey => ({
  name: key.name,
  type: key.type,
  data: key.public_key,
});

/** What a body names and is not there is a bad request: only what the path names is not found. */
async function bodyNames<T>(found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') throw invalid(error.message);
    throw error;
  }
}

const isAdmin = (context: Context<ComputeWorld>): boolean => context.allows('context_is_admin');

export function metadataCheck(metadata: Readonly<Record<string, string>>, limit: number): void {
  if (limit >= 0 && Object.keys(metadata).length > limit) {
    throw new Failure('over_quota', `Maximum number of metadata items exceeds ${limit}`);
  }
}

/** An image that the actor may boot from now; what may not be seen does not exist. */
export async function imageFor(
  { world, actor }: Context<ComputeWorld>,
  imageId: string,
  missing = 'Can not find requested image',
): Promise<ImageSummary> {
  let image: ImageSummary;
  try {
    image = await world.images.imageFor(actor, imageId);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') throw invalid(missing);
    throw error;
  }
  if (image.status !== 'active') throw invalid(`Image ${imageId} is not active.`);
  if (image.diskFormat !== 'raw' && image.diskFormat !== 'qcow2') {
    throw invalid(
      `Image ${imageId} is unacceptable: its disk format is ${image.diskFormat ?? 'unknown'}.`,
    );
  }
  return image;
}

export function imageFitCheck(
  context: Context<ComputeWorld>,
  image: ImageSummary,
  flavor: Pick<Flavor, 'ramMib' | 'diskGib'>,
): void {
  if (flavor.ramMib < image.minRamMib) {
    throw invalid("Flavor's memory is too small for requested image.");
  }
  const diskBytes = flavor.diskGib * 2 ** 30;
  if (diskBytes === 0) {
    const rule = 'os_compute_api:servers:create:zero_disk_flavor';
    if (context.allows(rule, { project_id: projectOf(context) })) return;
    throw forbidden('Only volume-backed servers are allowed for flavors with zero disk.');
  }
  const imageBytes = image.virtualSizeBytes ?? image.sizeBytes ?? 0;
  if (imageBytes > diskBytes) {
    throw invalid(
      "Flavor's disk is too small for requested image. " +
        `Flavor disk is ${diskBytes} bytes, image is ${imageBytes} bytes.`,
    );
  }
  if (image.minDiskGib > flavor.diskGib) {
    throw invalid(
      "Flavor's disk is smaller than the minimum size specified in image metadata. " +
        `Flavor disk is ${diskBytes} bytes, minimum size is ${image.minDiskGib * 2 ** 30} bytes.`,
    );
  }
}

function countCheck({ minCount, maxCount, hostname, networks }: ServerCreate): void {
  if (minCount > maxCount) throw invalid('min_count must be <= max_count');
  if (maxCount === 1) return;
  if (hostname !== null) {
    throw invalid('Unable to allocate a single hostname to multiple instances');
  }
  if (typeof networks === 'string') return;
  if (networks.some(({ portId }) => portId !== null)) {
    throw invalid(
      'Failed to launch instances: Unable to launch multiple instances with a single configured ' +
        'port ID. Please launch your instance one by one with different ports.',
    );
  }
  if (networks.some(({ fixedAddress }) => fixedAddress !== null)) {
    throw invalid('Failed to launch instances: Invalid fixed IP and max_count > 1 requested.');
  }
}
