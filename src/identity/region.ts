import { forbidden, invalid } from '../kernel/errors.ts';
import type { RegionWanted } from './catalog.schema.ts';
import {
  isRegionUsed,
  regionGet as regionRead,
  regionIdsBelow,
  regionInsert,
  regionList as regionListRead,
  regionRemove,
  regionUpdate as regionUpdateRow,
} from './catalog.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { RegionRow, Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['description', 'parent_region_id'];

async function parentCheck(tx: Tx, id: string, parentId: string | null): Promise<void> {
  if (parentId === null) return;
  if ((await regionRead(tx, parentId)) === null) throw missing('region', parentId);
  if (!(await regionIdsBelow(tx, id)).includes(parentId)) return;
  throw invalid(
    `The specified parent region ${parentId} would create a circular region hierarchy.`,
  );
}

export async function regionCreate(
  context: IdentityContext,
  wanted: RegionWanted,
  pathId: string | null = null,
): Promise<RegionRow> {
  context.authorize('identity:create_region');
  if (pathId !== null && wanted.id !== undefined && wanted.id !== pathId) {
    throw invalid(`Conflicting region IDs specified: "${pathId}" != "${wanted.id}"`);
  }
  const bodyId = wanted.id === undefined || wanted.id === '' ? null : wanted.id;
  const region: RegionRow = {
    id: pathId ?? bodyId ?? context.ids.hex(),
    description: wanted.description ?? '',
    parent_region_id: wanted.parent_region_id ?? null,
    extra: JSON.stringify(extraOf(wanted, knownAttributes)),
  };
  await directoryWrite(context.world, async (tx) => {
    if (region.parent_region_id === region.id) {
      throw missing('region', region.id);
    }
    await parentCheck(tx, region.id, region.parent_region_id);
    await regionInsert(tx, region);
  });
  return region;
}

export async function regionGet(context: IdentityContext, id: string): Promise<RegionRow> {
  context.authorize('identity:get_region');
  const region = await context.world.db.read((tx) => regionRead(tx, id));
  if (region === null) throw missing('region', id);
  return region;
}

export async function regionList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<RegionRow>> {
  context.authorize('identity:list_regions');
  const listing = listingOf(query, { parent_region_id: 'text' });
  return pageOf(await context.world.db.read((tx) => regionListRead(tx, listing)), listing);
}

export async function regionUpdate(
  context: IdentityContext,
  id: string,
  wanted: RegionWanted,
): Promise<RegionRow> {
  context.authorize('identity:update_region');
  if (wanted.id !== undefined && wanted.id !== id) throw invalid('Cannot change region ID');
  return await directoryWrite(context.world, async (tx) => {
    const held = await regionRead(tx, id);
    if (held === null) throw missing('region', id);
    const { parent_region_id: parentId = held.parent_region_id } = wanted;
    await parentCheck(tx, id, parentId);
    const extra = { ...(JSON.parse(held.extra) as object), ...extraOf(wanted, knownAttributes) };
    const next: RegionRow = {
      id,
      description: wanted.description ?? (wanted.description === null ? '' : held.description),
      parent_region_id: parentId,
      extra: JSON.stringify(extra),
    };
    await regionUpdateRow(tx, next);
    return next;
  });
}

/** Regions below it go too; none of them may have an endpoint. */
export async function regionDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_region');
  await directoryWrite(context.world, async (tx) => {
    if ((await regionRead(tx, id)) === null) throw missing('region', id);
    const ids = await regionIdsBelow(tx, id);
    if (await isRegionUsed(tx, ids)) {
      throw forbidden(
        `Unable to delete region ${id} because it or its child regions have associated endpoints.`,
      );
    }
    await regionRemove(tx, ids);
  });
}
