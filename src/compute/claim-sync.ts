import { sql } from 'kysely';
import { flag } from '../kernel/db.ts';
import { claimRemove } from './claim.store.ts';
import type { Parts, WokenReconciler } from './woken-reconciler.ts';
import type { ComputeWorld } from './compute.world.ts';
import { amountsOf } from './placement.ts';
import { flavorParse } from './server.model.ts';
import type { CellTx } from './server.store.ts';

/**
 * Holds claims against servers, and the sums on hosts against claims. All of them change together in one transaction,
 * so there is nothing to do unless somebody's hand was in the database, or a fault of ours.
 */
export const claimSync = (world: ComputeWorld, { clock, log }: Parts): WokenReconciler => ({
  name: 'claim-sync',
  everyMs: 60_000,
  async run() {
    for (const { server_id, host } of await world.cell.read(claimsOrphaned)) {
      log.warning('a claim had no server', { serverId: server_id, host });
      await world.cell.write(async (tx) => {
        const still = await claimsOrphaned(tx);
        if (still.some((one) => one.server_id === server_id && one.host === host)) {
          await claimRemove(tx, server_id, host);
        }
      });
    }
    for (const id of await world.cell.read(serversUnclaimed)) {
      log.warning('a server had no claim', { serverId: id });
      await world.cell.write(async (tx) => {
        if ((await serversUnclaimed(tx)).includes(id)) await claimRestore(tx, id, clock.now());
      });
    }
    for (const host of await world.cell.read(hostsMiscounted)) {
      log.warning('the claims of a host were miscounted', { host });
      await world.cell.write((tx) => hostRecount(tx, host));
    }
  },
});

const unfinished = ['queued', 'running', 'undoing'] as const;

/** No server that lives is on the host of the claim, and no task moves it there. */
const claimsOrphaned = (tx: CellTx): Promise<{ server_id: string; host: string }[]> =>
  tx
    .selectFrom('claim')
    .select(['server_id', 'host'])
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('server')
            .select('server.id')
            .whereRef('server.id', '=', 'claim.server_id')
            .whereRef('server.host', '=', 'claim.host')
            .where('server.deleted', '=', flag(false)),
        ),
      ),
    )
    .where(sql<boolean>`not exists (
      select 1 from task
      where task.subject = claim.server_id and task.state in (${sql.join(unfinished)}))`)
    .execute();

async function serversUnclaimed(tx: CellTx): Promise<string[]> {
  const rows = await tx
    .selectFrom('server')
    .select('id')
    .where('deleted', '=', flag(false))
    .where('host', 'is not', null)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('claim')
            .select('claim.host')
            .whereRef('claim.server_id', '=', 'server.id')
            .whereRef('claim.host', '=', 'server.host'),
        ),
      ),
    )
    .where(sql<boolean>`not exists (
      select 1 from task
      where task.subject = server.id and task.state in (${sql.join(unfinished)}))`)
    .execute();
  return rows.map(({ id }) => id);
}

/** The server is there, whether its host has room or not: what is true is written down. */
async function claimRestore(tx: CellTx, id: string, now: number): Promise<void> {
  const server = await tx.selectFrom('server').selectAll().where('id', '=', id).executeTakeFirst();
  if (server === undefined || server.host === null) return;
  const { vcpus, ramMib, diskGib } = amountsOf(flavorParse(server.flavor));
  const { host } = server;
  const amounts = { vcpus, ram_mib: ramMib, disk_gib: diskGib };
  await tx
    .insertInto('claim')
    .values({ server_id: id, host, ...amounts, created_at: now })
    .execute();
  await hostRecount(tx, host);
}

interface Sums {
  readonly host: string;
  readonly vcpus: number;
  readonly ram_mib: number;
  readonly disk_gib: number;
}

async function claimSums(tx: CellTx, host: string | null): Promise<ReadonlyMap<string, Sums>> {
  let query = tx
    .selectFrom('claim')
    .select((e) => [
      'host',
      e.fn.sum<number | string>('vcpus').as('vcpus'),
      e.fn.sum<number | string>('ram_mib').as('ram_mib'),
      e.fn.sum<number | string>('disk_gib').as('disk_gib'),
    ])
    .groupBy('host');
  if (host !== null) query = query.where('host', '=', host);
  return new Map(
    (await query.execute()).map((row) => [
      row.host,
      {
        host: row.host,
        vcpus: Number(row.vcpus),
        ram_mib: Number(row.ram_mib),
        disk_gib: Number(row.disk_gib),
      },
    ]),
  );
}

const none = { vcpus: 0, ram_mib: 0, disk_gib: 0 };

async function hostsMiscounted(tx: CellTx): Promise<string[]> {
  const sums = await claimSums(tx, null);
  const hosts = await tx
    .selectFrom('host')
    .select(['name', 'used_vcpus', 'used_ram_mib', 'used_disk_gib'])
    .execute();
  return hosts
    .filter(({ name, used_vcpus, used_ram_mib, used_disk_gib }) => {
      const sum = sums.get(name) ?? none;
      return (
        sum.vcpus !== used_vcpus || sum.ram_mib !== used_ram_mib || sum.disk_gib !== used_disk_gib
      );
    })
    .map(({ name }) => name);
}

async function hostRecount(tx: CellTx, host: string): Promise<void> {
  const sum = (await claimSums(tx, host)).get(host) ?? none;
  await tx
    .updateTable('host')
    .set({
      used_vcpus: sum.vcpus,
      used_ram_mib: sum.ram_mib,
      used_disk_gib: sum.disk_gib,
      generation: sql<number>`generation + 1`,
    })
    .where('name', '=', host)
    .execute();
}
