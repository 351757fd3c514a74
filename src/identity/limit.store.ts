import { flag } from '../kernel/db.ts';
import type { RegisteredLimitRow, Tx } from './identity.tables.ts';
import type { Limit, RegisteredLimit } from './limit.model.ts';
import { uniqueStore } from './unique.ts';

const registeredOf = (row: RegisteredLimitRow): RegisteredLimit => ({
  id: row.id,
  serviceId: row.service_id,
  regionId: row.region_id,
  resourceName: row.resource_name,
  defaultLimit: row.default_limit,
  description: row.description,
});

const registeredRowOf = (limit: RegisteredLimit): RegisteredLimitRow => ({
  id: limit.id,
  service_id: limit.serviceId,
  region_id: limit.regionId,
  resource_name: limit.resourceName,
  default_limit: limit.defaultLimit,
  description: limit.description,
});

/** What a client may narrow a list by. */
export interface LimitFilter {
  readonly service_id?: string;
  readonly region_id?: string;
  readonly resource_name?: string;
}

export async function registeredLimitList(
  tx: Tx,
  filter: LimitFilter & { readonly id?: string } = {},
): Promise<RegisteredLimit[]> {
  let query = tx.selectFrom('identity_registered_limit').selectAll();
  for (const column of ['id', 'service_id', 'region_id', 'resource_name'] as const) {
    const value = filter[column];
    if (value !== undefined) query = query.where(column, '=', value);
  }
  return (await query.orderBy('id').execute()).map(registeredOf);
}

export async function registeredLimitInsert(tx: Tx, limit: RegisteredLimit): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_registered_limit').values(registeredRowOf(limit)),
    'registered_limit - Duplicate entry',
  );
}

export async function registeredLimitUpdate(tx: Tx, limit: RegisteredLimit): Promise<void> {
  const { id, ...changes } = registeredRowOf(limit);
  await uniqueStore(
    tx.updateTable('identity_registered_limit').set(changes).where('id', '=', id),
    'registered_limit - Duplicate entry',
  );
}

export async function registeredLimitRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_registered_limit').where('id', '=', id).execute();
}

export async function limitList(
  tx: Tx,
  filter: LimitFilter & {
    readonly id?: string;
    readonly registeredLimitId?: string;
    readonly projectIds?: readonly string[];
  } = {},
): Promise<Limit[]> {
  let query = tx
    .selectFrom('identity_limit as own')
    .innerJoin('identity_registered_limit as base', 'base.id', 'own.registered_limit_id')
    .select([
      'own.id',
      'own.registered_limit_id as registeredLimitId',
      'base.service_id as serviceId',
      'base.region_id as regionId',
      'base.resource_name as resourceName',
      'own.project_id as projectId',
      'own.is_domain',
      'own.resource_limit as resourceLimit',
      'own.description',
    ]);
  if (filter.id !== undefined) query = query.where('own.id', '=', filter.id);
  if (filter.registeredLimitId !== undefined) {
    query = query.where('base.id', '=', filter.registeredLimitId);
  }
  if (filter.projectIds !== undefined) {
    if (filter.projectIds.length === 0) return [];
    query = query.where('own.project_id', 'in', filter.projectIds);
  }
  for (const column of ['service_id', 'region_id', 'resource_name'] as const) {
    const value = filter[column];
    if (value !== undefined) query = query.where(`base.${column}`, '=', value);
  }
  const rows = await query.orderBy('own.id').execute();
  return rows.map(({ is_domain, ...limit }) => ({ ...limit, isDomain: is_domain === 1 }));
}

export async function limitInsert(tx: Tx, limit: Limit): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_limit').values({
      id: limit.id,
      registered_limit_id: limit.registeredLimitId,
      project_id: limit.projectId,
      is_domain: flag(limit.isDomain),
      resource_limit: limit.resourceLimit,
      description: limit.description,
    }),
    'limit - Duplicate entry',
  );
}

export async function limitUpdate(
  tx: Tx,
  { id, resourceLimit, description }: Limit,
): Promise<void> {
  await tx
    .updateTable('identity_limit')
    .set({ resource_limit: resourceLimit, description })
    .where('id', '=', id)
    .execute();
}

export async function limitRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_limit').where('id', '=', id).execute();
}
