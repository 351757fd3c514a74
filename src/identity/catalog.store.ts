import type { EndpointRow, RegionRow, ServiceRow, Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import { uniqueStore } from './unique.ts';

export async function regionGet(tx: Tx, id: string): Promise<RegionRow | null> {
  const row = await tx
    .selectFrom('identity_region')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

export async function regionList(tx: Tx, listing: Listing): Promise<RegionRow[]> {
  return await listingApply(tx.selectFrom('identity_region').selectAll(), listing).execute();
}

export async function regionInsert(tx: Tx, region: RegionRow): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_region').values(region),
    `region - Duplicate ID, ${region.id}`,
  );
}

export async function regionUpdate(tx: Tx, { id, ...changes }: RegionRow): Promise<void> {
  await tx.updateTable('identity_region').set(changes).where('id', '=', id).execute();
}

export async function regionRemove(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.deleteFrom('identity_region').where('id', 'in', ids).execute();
}

/** The region and all below it, each once. */
export async function regionIdsBelow(tx: Tx, id: string): Promise<string[]> {
  const found = new Set([id]);
  for (let level = [id]; level.length > 0;) {
    const rows = await tx
      .selectFrom('identity_region')
      .select('id')
      .where('parent_region_id', 'in', level)
      .execute();
    level = rows.map((row) => row.id).filter((child) => !found.has(child));
    for (const child of level) found.add(child);
  }
  return [...found];
}

export async function serviceGet(tx: Tx, id: string): Promise<ServiceRow | null> {
  const row = await tx
    .selectFrom('identity_service')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

export async function serviceList(tx: Tx, listing: Listing): Promise<ServiceRow[]> {
  return await listingApply(tx.selectFrom('identity_service').selectAll(), listing).execute();
}

export async function serviceInsert(tx: Tx, service: ServiceRow): Promise<void> {
  await tx.insertInto('identity_service').values(service).execute();
}

export async function serviceUpdate(tx: Tx, { id, ...changes }: ServiceRow): Promise<void> {
  await tx.updateTable('identity_service').set(changes).where('id', '=', id).execute();
}

/** Its endpoints go with it, by reference. */
export async function serviceRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_service').where('id', '=', id).execute();
}

export async function endpointGet(tx: Tx, id: string): Promise<EndpointRow | null> {
  const row = await tx
    .selectFrom('identity_endpoint')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

export async function endpointList(tx: Tx, listing: Listing): Promise<EndpointRow[]> {
  return await listingApply(tx.selectFrom('identity_endpoint').selectAll(), listing).execute();
}

export async function endpointInsert(tx: Tx, endpoint: EndpointRow): Promise<void> {
  await tx.insertInto('identity_endpoint').values(endpoint).execute();
}

export async function endpointUpdate(tx: Tx, { id, ...changes }: EndpointRow): Promise<void> {
  await tx.updateTable('identity_endpoint').set(changes).where('id', '=', id).execute();
}

export async function endpointRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_endpoint').where('id', '=', id).execute();
}

export async function isRegionUsed(tx: Tx, ids: readonly string[]): Promise<boolean> {
  const row = await tx
    .selectFrom('identity_endpoint')
    .select('id')
    .where('region_id', 'in', ids)
    .executeTakeFirst();
  return row !== undefined;
}
