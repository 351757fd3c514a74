import type { HostFacts } from '../agent/api.ts';
import { flag, type Flag, type Tx } from '../kernel/db.ts';
import type { ComputeCellTables, HostTable } from './compute.tables.ts';
import type { ComputeSettings } from './compute.world.ts';

type CellTx = Tx<ComputeCellTables>;

export const hostSelect = (tx: CellTx): Promise<HostTable[]> =>
  tx.selectFrom('host').selectAll().orderBy('number').execute();

export async function hostFind(tx: CellTx, name: string): Promise<HostTable | null> {
  const row = await tx.selectFrom('host').selectAll().where('name', '=', name).executeTakeFirst();
  return row ?? null;
}

export interface HostNew {
  readonly name: string;
  readonly uuid: string;
  readonly serviceUuid: string;
}

/** Enters a host at its first report. Ratios are taken from the settings once; later they are the administrator's. */
export async function hostInsert(
  tx: CellTx,
  { name, uuid, serviceUuid }: HostNew,
  settings: ComputeSettings,
  now: number,
): Promise<void> {
  const { newest } = await tx
    .selectFrom('host')
    .select(({ fn }) => fn.max<number | null>('number').as('newest'))
    .executeTakeFirstOrThrow();
  const row: HostTable = {
    name,
    uuid,
    service_uuid: serviceUuid,
    number: Number(newest ?? 0) + 1,
    vcpus: 0,
    ram_mib: 0,
    disk_gib: 0,
    reserved_vcpus: 0,
    reserved_ram_mib: settings.reservedRamMib,
    reserved_disk_gib: 0,
    vcpu_ratio_milli: Math.round(settings.vcpuRatio * 1000),
    ram_ratio_milli: Math.round(settings.ramRatio * 1000),
    disk_ratio_milli: Math.round(settings.diskRatio * 1000),
    used_vcpus: 0,
    used_ram_mib: 0,
    used_disk_gib: 0,
    generation: 0,
    availability_zone: null,
    traits: '[]',
    enabled: flag(true),
    disabled_reason: null,
    forced_down: flag(false),
    facts: '{}',
    boot_id: '',
    seen_at: 0,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('host').values(row).execute();
}

/** What the agent says of its machine; the generation grows only when capacity changed. */
export async function hostReport(
  tx: CellTx,
  name: string,
  facts: HostFacts,
  now: number,
): Promise<void> {
  const { vcpus, memoryMib: ram_mib, diskGib: disk_gib } = facts;
  const seen = { facts: JSON.stringify(facts), seen_at: now };
  const { numUpdatedRows } = await tx
    .updateTable('host')
    .set((e) => ({
      ...seen,
      vcpus,
      ram_mib,
      disk_gib,
      generation: e('generation', '+', 1),
      updated_at: now,
    }))
    .where('name', '=', name)
    .where((e) =>
      e.or([e('vcpus', '!=', vcpus), e('ram_mib', '!=', ram_mib), e('disk_gib', '!=', disk_gib)]),
    )
    .executeTakeFirstOrThrow();
  if (numUpdatedRows > 0n) return;
  await tx.updateTable('host').set(seen).where('name', '=', name).execute();
}

export interface HostChange {
  readonly enabled?: Flag;
  readonly disabled_reason?: string | null;
  readonly forced_down?: Flag;
}

export async function hostChange(
  tx: CellTx,
  name: string,
  change: HostChange,
  now: number,
): Promise<void> {
  await tx
    .updateTable('host')
    .set({ ...change, updated_at: now })
    .where('name', '=', name)
    .execute();
}

export async function hostZoneSet(tx: CellTx, name: string, zone: string | null): Promise<void> {
  await tx
    .updateTable('host')
    .set((e) => ({ availability_zone: zone, generation: e('generation', '+', 1) }))
    .where('name', '=', name)
    .execute();
}

/** Names and ids of the servers on hosts, and how many of them run. */
export async function hostServers(
  tx: CellTx,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, readonly { id: string; name: string }[]>> {
  if (hosts.length === 0) return new Map();
  const rows = await tx
    .selectFrom('server')
    .select(['id', 'name', 'host'])
    .where('host', 'in', hosts)
    .where('deleted', '=', flag(false))
    .orderBy('id')
    .execute();
  return Map.groupBy(rows, ({ host }) => host ?? '');
}

/** False when the host is of another generation by now: what the caller knew of it is stale. */
export async function hostRatios(
  tx: CellTx,
  host: { readonly name: string; readonly generation: number },
  kind: 'vcpu' | 'ram' | 'disk',
  { reserved, ratioMilli }: { readonly reserved: number; readonly ratioMilli: number },
): Promise<boolean> {
  const changes = {
    vcpu: { reserved_vcpus: reserved, vcpu_ratio_milli: ratioMilli },
    ram: { reserved_ram_mib: reserved, ram_ratio_milli: ratioMilli },
    disk: { reserved_disk_gib: reserved, disk_ratio_milli: ratioMilli },
  };
  const { numUpdatedRows } = await tx
    .updateTable('host')
    .set({ ...changes[kind], generation: host.generation + 1 })
    .where('name', '=', host.name)
    .where('generation', '=', host.generation)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}
