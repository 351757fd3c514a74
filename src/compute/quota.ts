import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import {
  quotaResources,
  type ComputeWorld,
  type QuotaLimits,
  type QuotaResource,
} from './compute.world.ts';
import {
  quotaClassSet,
  quotaLimits,
  quotaRemove,
  quotaSet,
  serverGroupCount,
  serverUsage,
} from './quota.store.ts';

type QuotaContext = Context<ComputeWorld>;

export interface QuotaOwner {
  readonly projectId: string;
  readonly userId: string | null;
}

/** From 2.36 on networks' quotas are asked of the network service, from 2.57 on files are no more injected. */
export function quotaShown(context: QuotaContext): readonly QuotaResource[] {
  return quotaResources.filter((resource) => {
    if (/^(fixed|floating|security)_/.test(resource)) return !context.since('2.36');
    return !(resource.startsWith('injected_') && context.since('2.57'));
  });
}

export const limitsOf = ({ world }: QuotaContext, owner: QuotaOwner): Promise<QuotaLimits> =>
  world.region.read((tx) => quotaLimits(tx, owner, world.settings.quotas));

/** What is counted per project; the others are limits of one server or one user and have no sum. */
export async function usageOf(
  { world }: QuotaContext,
  { projectId, userId }: QuotaOwner,
): Promise<Partial<Record<QuotaResource, number>>> {
  const servers = await world.cell.read((tx) => serverUsage(tx, projectId, userId));
  const server_groups = await world.region.read((tx) => serverGroupCount(tx, projectId));
  return { ...servers, server_groups };
}

export async function quotaUpdate(
  context: QuotaContext,
  owner: QuotaOwner,
  wanted: Partial<Record<QuotaResource, number>>,
  isForced: boolean,
): Promise<QuotaLimits> {
  context.authorize('os_compute_api:os-quota-sets:update', { project_id: owner.projectId });
  const used = await usageOf(context, owner);
  for (const [resource, limit] of Object.entries(wanted)) {
    const inUse = used[resource as QuotaResource] ?? 0;
    if (isForced || limit < 0 || limit >= inUse) continue;
    throw invalid(`Quota value ${limit} for ${resource} are less than already used ${inUse}`);
  }
  await context.world.region.write((tx) => quotaSet(tx, owner, wanted));
  return limitsOf(context, owner);
}

export async function quotaDelete(context: QuotaContext, owner: QuotaOwner): Promise<void> {
  context.authorize('os_compute_api:os-quota-sets:delete', { project_id: owner.projectId });
  await context.world.region.write((tx) => quotaRemove(tx, owner));
}

/** Only the class `default` has an effect; others are kept because Nova keeps them. */
export async function quotaClassUpdate(
  context: QuotaContext,
  name: string,
  wanted: Partial<Record<QuotaResource, number>>,
): Promise<QuotaLimits> {
  context.authorize('os_compute_api:os-quota-class-sets:update');
  await context.world.region.write((tx) => quotaClassSet(tx, name, wanted));
  return quotaClassGet(context, name);
}

export const quotaClassGet = ({ world }: QuotaContext, name: string): Promise<QuotaLimits> =>
  world.region.read((tx) => quotaLimits(tx, null, world.settings.quotas, name));
