import { sql, type Updateable } from 'kysely';
import type { Tx } from '../kernel/db.ts';
import { flag } from '../kernel/db.ts';
import type { ComputeCellTables, ServerNicTable, ServerTable } from './compute.tables.ts';
import type { ServerRow } from './server.model.ts';

export type CellTx = Tx<ComputeCellTables>;

/** Null: never existed, or is deleted. */
export async function serverFind(tx: CellTx, id: string): Promise<ServerRow | null> {
  const row = await tx
    .selectFrom('server')
    .selectAll()
    .where('id', '=', id)
    .where('deleted', '=', flag(false))
    .executeTakeFirst();
  return row ?? null;
}

export async function serverInsert(tx: CellTx, row: ServerTable): Promise<void> {
  await tx.insertInto('server').values(row).execute();
}

/** What a change expects to find; what is left out may be anything. */
export interface ServerExpected {
  readonly vmStates?: readonly string[];
  readonly taskStates?: readonly (string | null)[];
  readonly generation?: number;
}

/**
 * Changes a server that is in the state expected, else nothing: null. `generation: 'next'` goes with every change
 * that the agent must learn of.
 */
export async function serverUpdate(
  tx: CellTx,
  id: string,
  expected: ServerExpected,
  change: Omit<Updateable<ServerTable>, 'generation'> & {
    readonly generation?: 'next';
    readonly updated_at: number;
  },
): Promise<ServerRow | null> {
  const { generation, ...rest } = change;
  let query = tx
    .updateTable('server')
    .set({ ...rest, ...(generation === 'next' && { generation: sql<number>`generation + 1` }) })
    .where('id', '=', id)
    .where('deleted', '=', flag(false));
  if (expected.vmStates !== undefined) query = query.where('vm_state', 'in', expected.vmStates);
  if (expected.generation !== undefined) {
    query = query.where('generation', '=', expected.generation);
  }
  const { taskStates } = expected;
  if (taskStates !== undefined) {
    const named = taskStates.filter((state) => state !== null);
    query = query.where((e) =>
      e.or([
        ...(taskStates.includes(null) ? [e('task_state', 'is', null)] : []),
        ...(named.length > 0 ? [e('task_state', 'in', named)] : []),
      ]),
    );
  }
  return (await query.returningAll().executeTakeFirst()) ?? null;
}

export async function nicsOf(tx: CellTx, serverId: string): Promise<ServerNicTable[]> {
  return tx
    .selectFrom('server_nic')
    .selectAll()
    .where('server_id', '=', serverId)
    .orderBy('position')
    .execute();
}

/** Ids in lists of few lengths, so that prepared statements are found again. The last id is repeated. */
export function idsPadded(ids: readonly string[]): string[] {
  const last = ids.at(-1);
  if (last === undefined) return [''];
  let length = 1;
  while (length < ids.length) length *= 2;
  return [...ids, ...Array.from({ length: length - ids.length }, () => last)];
}

/** The newest fault of each server that has one. */
export async function faultsOf(
  tx: CellTx,
  serverIds: readonly string[],
): Promise<ReadonlyMap<string, ServerFault>> {
  if (serverIds.length === 0) return new Map();
  const rows = await tx
    .selectFrom('server_fault')
    .select(['server_id', 'code', 'message', 'details', 'created_at'])
    .where('server_id', 'in', idsPadded(serverIds))
    .orderBy('id')
    .execute();
  return new Map(rows.map(({ server_id, ...fault }) => [server_id, fault]));
}

export interface ServerFault {
  readonly code: number;
  readonly message: string;
  readonly details: string;
  readonly created_at: number;
}

export interface LocationNew {
  readonly id: string;
  readonly server_id: string;
  readonly host: string | null;
  readonly reason: string;
  readonly user_id: string | null;
  readonly request_id: string;
  readonly at: number;
}

export async function locationAppend(tx: CellTx, location: LocationNew): Promise<void> {
  await tx.insertInto('server_location').values(location).execute();
}
