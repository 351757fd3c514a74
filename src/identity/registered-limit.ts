import { forbidden, notFound, type Failure } from '../kernel/errors.ts';
import { regionGet, serviceGet } from './catalog.store.ts';
import { expecting } from './failure.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import type { RegisteredLimit } from './limit.model.ts';
import type { RegisteredLimitChange, RegisteredLimitWanted } from './limit.schema.ts';
import {
  limitList,
  registeredLimitInsert,
  registeredLimitList as listRead,
  registeredLimitRemove,
  registeredLimitUpdate as updateRow,
  type LimitFilter,
} from './limit.store.ts';

const unknownLimit = (id: string): Failure =>
  notFound(`Could not find registered limit for ${id}.`);

/** What a limit is about must be in the catalog. */
export async function placeCheck(
  tx: Tx,
  { serviceId, regionId }: { readonly serviceId: string; readonly regionId: string | null },
  where: string,
): Promise<void> {
  if ((await serviceGet(tx, serviceId)) === null) throw expecting('service_id', where);
  if (regionId !== null && (await regionGet(tx, regionId)) === null) {
    throw expecting('region_id', where);
  }
}

export async function registeredLimitsCreate(
  context: IdentityContext,
  wanted: readonly RegisteredLimitWanted[],
): Promise<RegisteredLimit[]> {
  context.authorize('identity:create_registered_limits');
  const limits = wanted.map((one) => ({
    id: context.ids.hex(),
    serviceId: one.service_id,
    regionId: one.region_id ?? null,
    resourceName: one.resource_name,
    defaultLimit: one.default_limit,
    description: one.description ?? null,
  }));
  await context.world.db.write(async (tx) => {
    for (const limit of limits) {
      await placeCheck(tx, limit, 'registered_limit');
      await registeredLimitInsert(tx, limit);
    }
  });
  return limits;
}

export async function registeredLimitGet(
  context: IdentityContext,
  id: string,
): Promise<RegisteredLimit> {
  context.authorize('identity:get_registered_limit');
  const [found] = await context.world.db.read((tx) => listRead(tx, { id }));
  if (found === undefined) throw unknownLimit(id);
  return found;
}

export async function registeredLimitList(
  context: IdentityContext,
  filter: LimitFilter,
): Promise<RegisteredLimit[]> {
  context.authorize('identity:list_registered_limits');
  return await context.world.db.read((tx) => listRead(tx, filter));
}

/** What limits of projects refer to stays as it is. */
async function unusedCheck(tx: Tx, id: string): Promise<RegisteredLimit> {
  const [held] = await listRead(tx, { id });
  if (held === undefined) throw unknownLimit(id);
  if ((await limitList(tx, { registeredLimitId: id })).length === 0) return held;
  throw forbidden(
    `Unable to update or delete registered limit ${id} because there are project limits associated with it.`,
  );
}

export async function registeredLimitUpdate(
  context: IdentityContext,
  id: string,
  wanted: RegisteredLimitChange,
): Promise<RegisteredLimit> {
  context.authorize('identity:update_registered_limit');
  return await context.world.db.write(async (tx) => {
    const held = await unusedCheck(tx, id);
    const next: RegisteredLimit = {
      id,
      serviceId: wanted.service_id ?? held.serviceId,
      regionId: wanted.region_id === undefined ? held.regionId : wanted.region_id,
      resourceName: wanted.resource_name ?? held.resourceName,
      defaultLimit: wanted.default_limit ?? held.defaultLimit,
      description: wanted.description === undefined ? held.description : wanted.description,
    };
    await placeCheck(tx, next, 'registered_limit');
    await updateRow(tx, next);
    return next;
  });
}

export async function registeredLimitDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_registered_limit');
  await context.world.db.write(async (tx) => {
    await unusedCheck(tx, id);
    await registeredLimitRemove(tx, id);
  });
}
