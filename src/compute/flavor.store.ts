import { flag, type Tx } from '../kernel/db.ts';
import type { ComputeRegionTables, FlavorTable } from './compute.tables.ts';
import type { Flavor } from './flavor.model.ts';

type RegionTx = Tx<ComputeRegionTables>;

/** Null where the project may not use it, too; null as project sees all. */
export async function flavorFind(
  tx: RegionTx,
  id: string,
  projectId: string | null,
): Promise<Flavor | null> {
  const row = await tx.selectFrom('flavor').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  if (row.is_public === 0 && projectId !== null) {
    const access = await tx
      .selectFrom('flavor_access')
      .select('flavor_id')
      .where('flavor_id', '=', id)
      .where('project_id', '=', projectId)
      .executeTakeFirst();
    if (access === undefined) return null;
  }
  const specs = await tx
    .selectFrom('flavor_extra_spec')
    .select(['key', 'value'])
    .where('flavor_id', '=', id)
    .orderBy('key')
    .execute();
  return flavorOf(row, Object.fromEntries(specs.map(({ key, value }) => [key, value])));
}

export function flavorOf(row: FlavorTable, extraSpecs: Record<string, string>): Flavor {
  return {
    id: row.id,
    name: row.name,
    vcpus: row.vcpus,
    ramMib: row.ram_mib,
    diskGib: row.disk_gib,
    ephemeralGib: row.ephemeral_gib,
    swapMib: row.swap_mib,
    rxtxFactor: row.rxtx_factor_milli / 1000,
    isPublic: row.is_public === 1,
    isDisabled: row.disabled === 1,
    description: row.description,
    extraSpecs,
  };
}

export interface FlavorPage {
  readonly isPublic: boolean | null;
  readonly minRamMib: number;
  readonly minDiskGib: number;
  readonly sortColumn: keyof FlavorTable;
  readonly sortDirection: 'asc' | 'desc';
  readonly limit: number;
  /** Id of the last flavor of the page before. */
  readonly marker: string | null;
}

/** Null when the marker names no flavor. */
export async function flavorSelect(
  tx: RegionTx,
  page: FlavorPage,
  projectId: string | null,
): Promise<Flavor[] | null> {
  let query = tx
    .selectFrom('flavor')
    .selectAll()
    .where('ram_mib', '>=', page.minRamMib)
    .where('disk_gib', '>=', page.minDiskGib)
    .orderBy(page.sortColumn, page.sortDirection)
    .orderBy('id', page.sortDirection);
  if (page.isPublic !== null) query = query.where('is_public', '=', flag(page.isPublic));
  if (projectId !== null) {
    query = query.where((e) =>
      e.or([
        e('is_public', '=', flag(true)),
        e(
          'id',
          'in',
          e.selectFrom('flavor_access').select('flavor_id').where('project_id', '=', projectId),
        ),
      ]),
    );
  }
  const rows = await query.execute();
  const after = page.marker === null ? -1 : rows.findIndex(({ id }) => id === page.marker);
  if (page.marker !== null && after === -1) return null;
  const chosen = rows.slice(after + 1, after + 1 + page.limit);
  const specs = await flavorExtraSpecs(
    tx,
    chosen.map(({ id }) => id),
  );
  return chosen.map((row) => flavorOf(row, specs.get(row.id) ?? {}));
}

async function flavorExtraSpecs(
  tx: RegionTx,
  ids: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const found = new Map<string, Record<string, string>>();
  if (ids.length === 0) return found;
  const rows = await tx
    .selectFrom('flavor_extra_spec')
    .selectAll()
    .where('flavor_id', 'in', ids)
    .orderBy('key')
    .execute();
  for (const { flavor_id, key, value } of rows) {
    const specs = found.get(flavor_id) ?? {};
    found.set(flavor_id, { ...specs, [key]: value });
  }
  return found;
}

/** Name and id are unique: the index decides between two that come at once. */
export async function flavorInsert(tx: RegionTx, flavor: Flavor, now: number): Promise<void> {
  const row: FlavorTable = {
    id: flavor.id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    ram_mib: flavor.ramMib,
    disk_gib: flavor.diskGib,
    ephemeral_gib: flavor.ephemeralGib,
    swap_mib: flavor.swapMib,
    rxtx_factor_milli: Math.round(flavor.rxtxFactor * 1000),
    is_public: flag(flavor.isPublic),
    disabled: flag(flavor.isDisabled),
    description: flavor.description,
    created_at: now,
    updated_at: null,
  };
  await tx.insertInto('flavor').values(row).execute();
}

export async function flavorDescribe(
  tx: RegionTx,
  id: string,
  description: string | null,
  now: number,
): Promise<void> {
  await tx
    .updateTable('flavor')
    .set({ description, updated_at: now })
    .where('id', '=', id)
    .execute();
}

export async function flavorRemove(tx: RegionTx, id: string): Promise<boolean> {
  await tx.deleteFrom('flavor_extra_spec').where('flavor_id', '=', id).execute();
  await tx.deleteFrom('flavor_access').where('flavor_id', '=', id).execute();
  const { numDeletedRows } = await tx
    .deleteFrom('flavor')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export async function flavorSpecsSet(
  tx: RegionTx,
  id: string,
  specs: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [key, value] of Object.entries(specs)) {
    await tx
      .insertInto('flavor_extra_spec')
      .values({ flavor_id: id, key, value })
      .onConflict((c) => c.columns(['flavor_id', 'key']).doUpdateSet({ value }))
      .execute();
  }
}

export async function flavorSpecRemove(tx: RegionTx, id: string, key: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('flavor_extra_spec')
    .where('flavor_id', '=', id)
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export async function flavorAccessSelect(tx: RegionTx, id: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('flavor_access')
    .select('project_id')
    .where('flavor_id', '=', id)
    .orderBy('project_id')
    .execute();
  return rows.map(({ project_id }) => project_id);
}

export async function flavorAccessInsert(
  tx: RegionTx,
  flavor_id: string,
  project_id: string,
): Promise<void> {
  await tx.insertInto('flavor_access').values({ flavor_id, project_id }).execute();
}

export async function flavorAccessRemove(
  tx: RegionTx,
  id: string,
  projectId: string,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('flavor_access')
    .where('flavor_id', '=', id)
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
