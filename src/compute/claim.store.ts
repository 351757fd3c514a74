import { sql } from 'kysely';
import { flag } from '../kernel/db.ts';
import type { CellTx } from './server.store.ts';

export interface Amounts {
  readonly vcpus: number;
  readonly ramMib: number;
  readonly diskGib: number;
}

/**
 * Takes capacity on one host, or not: settled by one conditional UPDATE, so two claims can never share what there is
 * once. A single server is never larger than the machine itself, whatever the ratios.
 */
export async function claimInsert(
  tx: CellTx,
  claim: Amounts & { readonly serverId: string; readonly host: string; readonly now: number },
): Promise<boolean> {
  const { serverId, host, vcpus, ramMib, diskGib, now } = claim;
  const { numUpdatedRows } = await tx
    .updateTable('host')
    .set({
      used_vcpus: sql<number>`used_vcpus + ${vcpus}`,
      used_ram_mib: sql<number>`used_ram_mib + ${ramMib}`,
      used_disk_gib: sql<number>`used_disk_gib + ${diskGib}`,
      generation: sql<number>`generation + 1`,
    })
    .where('name', '=', host)
    .where('enabled', '=', flag(true))
    .where('forced_down', '=', flag(false))
    .where('vcpus', '>=', vcpus)
    .where('ram_mib', '>=', ramMib)
    .where('disk_gib', '>=', diskGib)
    .where(
      sql<boolean>`(used_vcpus + ${vcpus}) * 1000 <= (vcpus - reserved_vcpus) * vcpu_ratio_milli`,
    )
    .where(
      sql<boolean>`(used_ram_mib + ${ramMib}) * 1000 <= (ram_mib - reserved_ram_mib) * ram_ratio_milli`,
    )
    .where(
      sql<boolean>`(used_disk_gib + ${diskGib}) * 1000 <= (disk_gib - reserved_disk_gib) * disk_ratio_milli`,
    )
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return false;
  await tx
    .insertInto('claim')
    .values({
      server_id: serverId,
      host,
      vcpus,
      ram_mib: ramMib,
      disk_gib: diskGib,
      created_at: now,
    })
    .execute();
  return true;
}

/** Gives back what the server holds, on one host or on all. Repeatable. */
export async function claimRemove(
  tx: CellTx,
  serverId: string,
  host: string | null = null,
): Promise<void> {
  let query = tx.deleteFrom('claim').where('server_id', '=', serverId);
  if (host !== null) query = query.where('host', '=', host);
  for (const held of await query.returningAll().execute()) {
    await tx
      .updateTable('host')
      .set({
        used_vcpus: sql<number>`used_vcpus - ${held.vcpus}`,
        used_ram_mib: sql<number>`used_ram_mib - ${held.ram_mib}`,
        used_disk_gib: sql<number>`used_disk_gib - ${held.disk_gib}`,
        generation: sql<number>`generation + 1`,
      })
      .where('name', '=', held.host)
      .execute();
  }
}
