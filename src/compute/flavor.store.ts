import type { Tx } from '../kernel/db.ts';
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
