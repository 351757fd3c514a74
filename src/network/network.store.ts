import { conflict } from '../kernel/errors.ts';
import type { NetworkShareTable, NetworkTable } from './network.tables.ts';
import type { NetworkTx, Work } from './network.world.ts';

export async function networkInsert(tx: NetworkTx, row: NetworkTable): Promise<void> {
  if (row.physical_network !== null) {
    const taken = await tx
      .selectFrom('network')
      .select('id')
      .where('physical_network', '=', row.physical_network)
      .executeTakeFirst();
    if (taken !== undefined) {
      throw conflict(
        `Unable to create the flat network. Physical network ${row.physical_network} is in use.`,
        { type: 'FlatNetworkInUse' },
      );
    }
  }
  await tx.insertInto('network').values(row).execute();
}

/** The number asked for, or the next free one. */
export async function segmentFree(
  tx: NetworkTx,
  wanted: number | null,
  max: number,
): Promise<number> {
  const used = tx.selectFrom('network').where('network_type', '=', 'vxlan');
  if (wanted !== null) {
    const taken = await used.select('id').where('segmentation_id', '=', wanted).executeTakeFirst();
    if (taken === undefined) return wanted;
    throw conflict(`Unable to create the network. The tunnel ID ${wanted} is in use.`, {
      type: 'TunnelIdInUse',
    });
  }
  const top = await used.select((e) => e.fn.max('segmentation_id').as('top')).executeTakeFirst();
  const next = Number(top?.top ?? 0) + 1;
  if (next <= max) return next;
  // Numbers of deleted networks come again only when all have been used once.
  const gap = await used
    .select('segmentation_id')
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('network as other')
            .select('other.id')
            .where('other.network_type', '=', 'vxlan')
            .whereRef('other.segmentation_id', '=', e('network.segmentation_id', '+', 1)),
        ),
      ),
    )
    .orderBy('segmentation_id')
    .executeTakeFirst();
  const free = (gap?.segmentation_id ?? max) + 1;
  if (free <= max) return free;
  throw conflict('Unable to create the network. No tenant network is available for allocation.', {
    type: 'NoNetworkAvailable',
  });
}

type Share = Omit<NetworkShareTable, 'id'>;

export async function shareInsert({ tx, world }: Work, share: Share): Promise<string> {
  const id = world.ids.uuid();
  await tx
    .insertInto('network_share')
    .values({ id, ...share })
    .onConflict((c) => c.columns(['network_id', 'action', 'target_project']).doNothing())
    .execute();
  return id;
}

export async function shareDelete(tx: NetworkTx, share: Share): Promise<void> {
  await tx
    .deleteFrom('network_share')
    .where('network_id', '=', share.network_id)
    .where('action', '=', share.action)
    .where('target_project', '=', share.target_project)
    .execute();
}

/** Ports of other projects keep a network shared. */
export async function sharedWithOthers(tx: NetworkTx, row: NetworkTable): Promise<boolean> {
  const found = await tx
    .selectFrom('port')
    .select('id')
    .where('network_id', '=', row.id)
    .where('project_id', 'not in', [row.project_id, ''])
    .executeTakeFirst();
  return found !== undefined;
}

/** Whether the network has ports of these owners; null: of any. */
export async function networkPortsOther(
  tx: NetworkTx,
  networkId: string,
  owners: readonly string[] | null,
): Promise<boolean> {
  let query = tx.selectFrom('port').select('id').where('network_id', '=', networkId);
  if (owners !== null) query = query.where('device_owner', 'in', owners);
  return (await query.executeTakeFirst()) !== undefined;
}

export async function networkGet(tx: NetworkTx, id: string): Promise<NetworkTable | undefined> {
  return tx.selectFrom('network').selectAll().where('id', '=', id).executeTakeFirst();
}
