import type { Tx } from '../kernel/db.ts';
import type { AggregateTable, ComputeRegionTables } from './compute.tables.ts';

type RegionTx = Tx<ComputeRegionTables>;

export interface Aggregate extends AggregateTable {
  readonly metadata: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
}

/** The metadata key that makes an aggregate an availability zone. */
export const zoneKey = 'availability_zone';

export async function aggregateSelect(tx: RegionTx): Promise<Aggregate[]> {
  const rows = await tx.selectFrom('aggregate').selectAll().orderBy('id').execute();
  const pairs = await tx.selectFrom('aggregate_metadata').selectAll().orderBy('key').execute();
  const hosts = await tx.selectFrom('aggregate_host').selectAll().orderBy('host').execute();
  const pairsOf = Map.groupBy(pairs, (pair) => Number(pair.aggregate_id));
  const hostsOf = Map.groupBy(hosts, (host) => Number(host.aggregate_id));
  return rows.map((row) => {
    const id = Number(row.id);
    const metadata = (pairsOf.get(id) ?? []).map(({ key, value }) => [key, value]);
    return {
      ...row,
      id,
      metadata: Object.fromEntries(metadata),
      hosts: (hostsOf.get(id) ?? []).map(({ host }) => host),
    };
  });
}

export async function aggregateInsert(
  tx: RegionTx,
  aggregate: Pick<AggregateTable, 'uuid' | 'name' | 'created_at'>,
): Promise<number> {
  const { newest } = await tx
    .selectFrom('aggregate')
    .select(({ fn }) => fn.max<number | null>('id').as('newest'))
    .executeTakeFirstOrThrow();
  const id = Number(newest ?? 0) + 1;
  const row = { ...aggregate, id, updated_at: null };
  await tx.insertInto('aggregate').values(row).execute();
  return id;
}

export async function aggregateUpdate(
  tx: RegionTx,
  id: number,
  change: { readonly name?: string; readonly updated_at: number },
): Promise<void> {
  await tx.updateTable('aggregate').set(change).where('id', '=', id).execute();
}

export async function aggregateRemove(tx: RegionTx, id: number): Promise<void> {
  await tx.deleteFrom('aggregate_metadata').where('aggregate_id', '=', id).execute();
  await tx.deleteFrom('aggregate').where('id', '=', id).execute();
}

/** A null value takes the key away; keys that are not named stay. */
export async function aggregateMetadataSet(
  tx: RegionTx,
  id: number,
  metadata: Readonly<Record<string, string | null>>,
): Promise<void> {
  for (const [key, value] of Object.entries(metadata)) {
    await tx
      .deleteFrom('aggregate_metadata')
      .where('aggregate_id', '=', id)
      .where('key', '=', key)
      .execute();
    if (value === null) continue;
    await tx.insertInto('aggregate_metadata').values({ aggregate_id: id, key, value }).execute();
  }
}

export async function aggregateHostAdd(tx: RegionTx, id: number, host: string): Promise<void> {
  await tx.insertInto('aggregate_host').values({ aggregate_id: id, host }).execute();
}

export async function aggregateHostRemove(tx: RegionTx, id: number, host: string): Promise<void> {
  await tx
    .deleteFrom('aggregate_host')
    .where('aggregate_id', '=', id)
    .where('host', '=', host)
    .execute();
}

/** Where the aggregates put each host; hosts of the default zone are not named. */
export function zonesOfHosts(aggregates: readonly Aggregate[]): ReadonlyMap<string, string> {
  const zones = new Map<string, string>();
  for (const { metadata, hosts } of aggregates) {
    const zone = metadata[zoneKey];
    if (zone === undefined) continue;
    for (const host of hosts) zones.set(host, zone);
  }
  return zones;
}
